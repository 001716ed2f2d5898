import { afterEach, describe, expect, it } from '@jest/globals';
import {
  catalogSettings,
  countByStatus,
  line,
  orderBody,
  setStock,
  startFleet,
  stockOf,
  type TestFleet,
} from '../support/builders.js';
import type { TestResponse } from '../support/service.js';

const ORDERS = 50;
const LINES = 8;
const CLIENTS = 5;
const OPENING_STOCK = 1_000;

/** Digits, because ids of system B are integers. */
const PRODUCTS = Array.from({ length: LINES }, (_, index) => String(9_001 + index));

const TIMEOUT_MS = 120_000;

let fleet: TestFleet | undefined;
afterEach(async () => {
  await fleet?.stop();
  fleet = undefined;
});

/** Places orders of all products at two instances. */
async function placeOrders(count: number, concurrency: string): Promise<TestResponse[]> {
  const running = await startFleet(
    2,
    (sandbox) => ({ ...catalogSettings(sandbox), PRODUCT_CATALOG_CONCURRENCY: concurrency }),
    {
      catalogSharesCursor: true,
      honourIdempotencyKeys: false,
    },
  );
  fleet = running;
  for (const id of PRODUCTS) setStock(running.sandbox, id, OPENING_STOCK);
  const body = orderBody(PRODUCTS.map((product) => line(product)));
  const answers: TestResponse[] = [];
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    const service = running.services[client % 2];
    for (let order = client; order < count; order += CLIENTS) {
      if (service) answers.push(await service.request('POST', '/orders', body));
    }
  });
  await Promise.all(clients);
  return answers;
}

describe('catalog whose threads share one database cursor', () => {
  it(
    `gets exact stock and ${ORDERS} of ${ORDERS} confirmed orders of ${LINES} lines from two instances`,
    async () => {
      const answers = await placeOrders(ORDERS, '');
      expect(answers.filter(({ status }) => status !== 201).map(({ body }) => body)).toEqual([]);
      expect(answers).toHaveLength(ORDERS);
      if (!fleet) throw new Error('there is no fleet');
      expect(await countByStatus(fleet.database)).toEqual({ confirmed: ORDERS });
      const { sandbox } = fleet;
      expect(PRODUCTS.map((id) => stockOf(sandbox, id))).toEqual(PRODUCTS.map(() => OPENING_STOCK - ORDERS));
    },
    TIMEOUT_MS,
  );

  it(
    'fails some orders with parallel calls when the limit of one call is off',
    async () => {
      const answers = await placeOrders(10, '100');
      expect(answers.filter(({ status }) => status !== 201).length).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});
