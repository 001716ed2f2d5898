import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem, line, orderBody, statusesOfOrdersOf } from '../support/builders.js';
import { getOrder, listEvents } from '../support/client.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

/** Responses of the inventory to a lookup of each product, and to reservations of it. */
const ANSWERS: Record<string, { look?: [number, string]; reserve?: [number, string] }> = {
  good: {},
  fraction: { look: [200, product('fraction', '1.005')] },
  rounding: { look: [200, product('rounding', '19.990000000000002')] },
  twice: { look: [200, '{"product_id":"twice","name":"Bell","quantity":9,"price":1,"price":2}'] },
  conflict: { look: [409, '{"detail":"conflict"}'] },
  redirect: { look: [307, ''] },
  notInteger: { look: [422, '{"detail":[{"msg":"value is not a valid integer"}]}'] },
  broken: { look: [500, '{"detail":"Internal Server Error"}'] },
  refused: { reserve: [409, '{"detail":"Not enough left"}'] },
  created: { reserve: [201, '{"reserved_quantity":1}'] },
  empty: { reserve: [204, ''] },
};

function product(id: string, price: string): string {
  return `{"product_id":"${id}","name":"Bell","quantity":9,"price":${price}}`;
}

let inventory: Server;
let service: TestService;

beforeAll(async () => {
  inventory = createServer((request, response) => {
    const [, , id = '', action] = (request.url ?? '').split('/');
    const answer = ANSWERS[id];
    const [status, body] =
      action === undefined
        ? (answer?.look ?? [200, product(id, '79.99')])
        : (answer?.reserve ?? [200, '{"reserved_quantity":1}']);
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  });
  await new Promise<void>((resolve) => inventory.listen(0, '127.0.0.1', resolve));
  const settings = {
    INVENTORY_SERVICE_URL: `http://127.0.0.1:${(inventory.address() as AddressInfo).port}`,
    INVENTORY_HONOURS_IDEMPOTENCY_KEYS: 'false',
  };
  service = await startTestService({ settings });
});

afterAll(async () => {
  await service.stop();
  inventory.closeAllConnections();
  inventory.close();
});

function place(id: string, headers: Record<string, string> = {}) {
  return service.request('POST', '/orders', orderBody([line(id, 1)]), headers);
}

describe('invalid lookup response of the inventory', () => {
  it.each(['fraction', 'rounding', 'twice', 'conflict', 'redirect'])('returns 502 for %s', async (id) => {
    const answer = await place(id);
    expectProblem(answer, 502);
    expect(answer.body.type).toBe('/problems/upstream-answer-invalid');
    expect(answer.body.detail).toMatch(/^The inventory service gave an invalid answer: /);
    expect(answer.headers.get('retry-after')).toBeNull();
    expect(await statusesOfOrdersOf(service.database, id)).toEqual([]);
  });

  it('rejects an order that was accepted with 202, with the reason', async () => {
    const { body } = await place('fraction', { prefer: 'respond-async' });
    const order = await eventually(async () => {
      const found = await getOrder(service, body.order_id);
      return found.status === 'pending' ? undefined : found;
    });
    expect(order).toMatchObject({ status: 'rejected', failure: '/problems/upstream-answer-invalid' });
    expect((await listEvents(service, order.order_id)).at(-1)).toMatchObject({
      to: 'rejected',
      reason: expect.stringContaining('the price of fraction is not an amount in USD'),
    });
  });

  it('returns 400 when the product can not exist', async () => {
    const answer = await place('notInteger');
    expectProblem(answer, 400);
    expect(answer.body.type).toBe('/problems/unknown-product');
  });
});

describe('reservation response of the inventory', () => {
  it('409 rejects the order with the reason of the inventory', async () => {
    const answer = await place('refused');
    expectProblem(answer, 400);
    expect(answer.body).toMatchObject({
      type: '/problems/insufficient-stock',
      shortages: [{ product_id: 'refused', reason: 'Not enough left' }],
    });
  });

  it.each(['created', 'empty'])('%s holds the units', async (id) => {
    expect((await place(id)).status).toBe(201);
  });
});

describe('cart with more units than a line may have', () => {
  it.each([1_000_001, 2 ** 31, 2 ** 40])(
    'returns 400 for %d units, synchronously and asynchronously',
    async (quantity) => {
      const items = [{ product_id: 'good', quantity }];
      service.sandbox.carts.give('hoarder', items, { route: 'test', key: null });
      for (const prefer of ['wait', 'respond-async']) {
        const answer = await service.request('POST', '/orders/hoarder', undefined, { prefer });
        expectProblem(answer, 400);
        expect(answer.body.errors).toEqual([{ field: 'items', message: expect.stringContaining('1000000') }]);
      }
    },
  );
});

it.each(['redirect', 'fraction', 'broken'])(
  'a series of responses with %s does not stop other orders',
  async (id) => {
    for (let count = 0; count < 40; count += 1) await place(id);
    const statuses: number[] = [];
    for (let count = 0; count < 10; count += 1) {
      await place(id);
      statuses.push((await place('good')).status);
    }
    expect(statuses).toEqual(Array.from({ length: 10 }, () => 201));
  },
);
