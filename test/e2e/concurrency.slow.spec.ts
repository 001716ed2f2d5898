import { afterEach, describe, expect, it } from '@jest/globals';
import type { Sandbox } from '../../sandbox/sandbox.js';
import {
  catalogSettings,
  countByStatus,
  line,
  movementsOf,
  orderBody,
  selectRows,
  setStock,
  startFleet,
  stockOf,
  type TestFleet,
} from '../support/builders.js';
import { eventually, type TestResponse } from '../support/service.js';

/** Digits, because ids of system B are integers. */
const PRODUCT = '7';

let fleet: TestFleet | undefined;

afterEach(async () => {
  await fleet?.stop();
  fleet = undefined;
});

/** Sends all orders at once, alternating between the instances. */
function placeAtOnce(to: TestFleet, bodies: Record<string, unknown>[]): Promise<TestResponse[]> {
  return Promise.all(
    bodies.map(async (body, index) => {
      const service = to.services[index % to.services.length];
      if (!service) throw new Error('there is no instance to send the order to');
      return service.request('POST', '/orders', body);
    }),
  );
}

function countStatuses(answers: readonly TestResponse[]): Record<string, number> {
  const groups = Map.groupBy(
    answers,
    (answer) => `${answer.status} ${String(answer.body.type ?? 'confirmed')}`,
  );
  return Object.fromEntries([...groups].map(([status, group]) => [status, group.length]));
}

async function waitUntilSettled(of: TestFleet): Promise<void> {
  await eventually(async () => {
    const [row] = await selectRows<{ open: boolean }>(
      of.database,
      `SELECT EXISTS (SELECT 1 FROM orders WHERE status = 'pending')
         OR EXISTS (SELECT 1 FROM order_items i JOIN orders o ON o.id = i.order_id
           WHERE o.status IN ('rejected', 'failed', 'cancelled') AND i.reservation <> 'released') AS open`,
    );
    return row?.open === false;
  });
}

/** Units held by live orders, read from the database. */
async function unitsHeld(of: TestFleet, product: string): Promise<number> {
  const [row] = await selectRows<{ units: number }>(
    of.database,
    `SELECT coalesce(sum(i.quantity), 0)::int AS units FROM order_items i JOIN orders o ON o.id = i.order_id
      WHERE o.status = 'confirmed' AND i.product_id = $1`,
    [product],
  );
  return row?.units ?? 0;
}

/** 300 orders take turns at the product catalog, which a busy machine does not do within the usual deadline. */
const LONG_DEADLINE_MS = 30_000;

const INVENTORIES: [
  name: string,
  instances: number,
  settings: (sandbox: Sandbox) => Record<string, string>,
][] = [
  ['the inventory service', 1, () => ({})],
  ['the inventory service and two instances', 2, () => ({})],
  ['an inventory that offers reservations', 1, () => ({ INVENTORY_API: 'reservations' })],
  [
    'the product catalog and two instances',
    2,
    (sandbox) => ({ ...catalogSettings(sandbox), REQUEST_DEADLINE_MS: String(LONG_DEADLINE_MS) }),
  ],
];

describe.each(INVENTORIES)('concurrent orders with %s', (_name, instances, settings) => {
  it(
    'sell 100 units to exactly 100 of 300 orders',
    async () => {
      fleet = await startFleet(instances, settings);
      setStock(fleet.sandbox, PRODUCT, 100);

      const answers = await placeAtOnce(
        fleet,
        Array.from({ length: 300 }, () => orderBody([line(PRODUCT)])),
      );

      expect(countStatuses(answers)).toEqual({
        '201 confirmed': 100,
        '400 /problems/insufficient-stock': 200,
      });
      await waitUntilSettled(fleet);
      expect(stockOf(fleet.sandbox, PRODUCT)).toBe(0);
      expect((await countByStatus(fleet.database))['confirmed']).toBe(100);
      const taken = movementsOf(fleet.sandbox, PRODUCT).filter((entry) => entry.route !== 'test');
      expect(taken.reduce((sum, entry) => sum + entry.delta, 0)).toBe(-100);
    },
    2 * LONG_DEADLINE_MS,
  );

  it('never hold more units than there are, and leave no order half-done', async () => {
    fleet = await startFleet(instances, settings);
    for (const id of ['7', '8', '9']) setStock(fleet.sandbox, id, 20);

    // With lines in different orders, which could deadlock.
    const wishes = [
      [line('7', 2), line('8', 1)],
      [line('8', 2), line('9', 1)],
      [line('9', 2), line('7', 1)],
    ];
    const bodies = Array.from({ length: 60 }, (_, index) => orderBody(wishes[index % wishes.length]));
    const answers = await placeAtOnce(fleet, bodies);

    for (const answer of answers) expect([201, 400]).toContain(answer.status);
    await waitUntilSettled(fleet);
    for (const id of ['7', '8', '9']) {
      const held = await unitsHeld(fleet, id);
      expect({ id, total: held + (stockOf(fleet.sandbox, id) ?? 0) }).toEqual({ id, total: 20 });
    }
    const sold = answers.filter((answer) => answer.status === 201).length;
    expect(await countByStatus(fleet.database)).toMatchObject({ confirmed: sold });
  });
});

describe('two instances with the default settings and an inventory that ignores idempotency keys', () => {
  it('sell 40 units to exactly 40 of 120 orders', async () => {
    fleet = await startFleet(2, () => ({ INVENTORY_HONOURS_IDEMPOTENCY_KEYS: '' }), {
      honourIdempotencyKeys: false,
    });
    setStock(fleet.sandbox, PRODUCT, 40);

    const answers: TestResponse[] = [];
    const clients = Array.from({ length: 24 }, async () => {
      for (let order = 0; order < 5; order += 1) {
        answers.push(...(await placeAtOnce(fleet as TestFleet, [orderBody([line(PRODUCT)])])));
      }
    });
    await Promise.all(clients);

    expect(countStatuses(answers)).toEqual({ '201 confirmed': 40, '400 /problems/insufficient-stock': 80 });
    await waitUntilSettled(fleet);
    expect(stockOf(fleet.sandbox, PRODUCT)).toBe(0);
    const moved = movementsOf(fleet.sandbox, PRODUCT).filter((entry) => entry.route !== 'test');
    expect(moved.map(({ delta }) => delta)).toEqual(Array.from({ length: 40 }, () => -1));
  });
});

describe('two instances that order the last units of one product at the catalog', () => {
  it('sell each of the last five units once', async () => {
    fleet = await startFleet(2, catalogSettings);
    setStock(fleet.sandbox, PRODUCT, 5);

    const answers = await placeAtOnce(
      fleet,
      Array.from({ length: 20 }, () => orderBody([line(PRODUCT)])),
    );

    expect(countStatuses(answers)).toEqual({
      '201 confirmed': 5,
      '400 /problems/insufficient-stock': 15,
    });
    await waitUntilSettled(fleet);
    expect(stockOf(fleet.sandbox, PRODUCT)).toBe(0);
    // Every PUT took one unit, so no two of them started from the same quantity.
    const writes = movementsOf(fleet.sandbox, PRODUCT).filter((entry) => entry.route === 'PUT /products/:id');
    expect(writes.map((entry) => entry.quantity)).toEqual([4, 3, 2, 1, 0]);
  });

  it('sell them once even when the catalog is slow', async () => {
    fleet = await startFleet(2, catalogSettings, { delaysMs: { catalog: 50 } });
    setStock(fleet.sandbox, PRODUCT, 5);

    const answers = await placeAtOnce(
      fleet,
      Array.from({ length: 12 }, () => orderBody([line(PRODUCT)])),
    );

    expect(countStatuses(answers)).toEqual({ '201 confirmed': 5, '400 /problems/insufficient-stock': 7 });
    expect(stockOf(fleet.sandbox, PRODUCT)).toBe(0);
  });
});
