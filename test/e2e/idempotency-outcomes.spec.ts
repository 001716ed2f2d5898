import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { FaultRule } from '../../sandbox/faults.js';
import {
  countByStatus,
  expectProblem,
  isReplay,
  line,
  newProduct,
  orderBody,
  placeWithKey,
  setStock,
  statusesOfOrdersOf,
  takenFrom,
  restoreUpstreams,
} from '../support/builders.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

/** Short, so that a call times out early. The long sweep interval keeps recovery from resuming the order first. */
const IMPATIENT = {
  UPSTREAM_TIMEOUT_MS: '400',
  REQUEST_DEADLINE_MS: '1200',
  RECOVERY_INTERVAL_MS: '60000',
};

let service: TestService;

beforeAll(async () => {
  service = await startTestService({ settings: IMPATIENT });
});

afterEach(() => restoreUpstreams(service, service.sandbox));

afterAll(() => service.stop());

describe('refusal with an Idempotency-Key', () => {
  it('for insufficient stock is replayed after a restock', async () => {
    const product = newProduct(service.sandbox, 0);
    const body = orderBody([line(product)]);
    const first = await placeWithKey(service, 'short', body);
    expectProblem(first, 400);
    setStock(service.sandbox, product, 10);

    const second = await placeWithKey(service, 'short', body);
    expectProblem(second, 400);
    expect([isReplay(second), second.body]).toEqual([true, first.body]);
    expect((await placeWithKey(service, 'short with another key', body)).status).toBe(201);
  });

  it('by the inventory after a successful lookup is replayed', async () => {
    const product = newProduct(service.sandbox);
    const path = `/inventory/${product}/reserve`;
    service.sandbox.services.inventory.faults.add({ kind: 'status', status: 400, method: 'PUT', path });
    const body = orderBody([line(product)]);
    const first = await placeWithKey(service, 'refused', body);
    expectProblem(first, 400);
    await restoreUpstreams(service, service.sandbox);
    const second = await placeWithKey(service, 'refused', body);
    expect([second.status, isReplay(second), second.body]).toEqual([400, true, first.body]);
    expect(await statusesOfOrdersOf(service.database, product)).toEqual(['rejected']);
  });

  it('for a changed price is replayed', async () => {
    const product = newProduct(service.sandbox);
    const body = orderBody([line(product, 1, 9)]);
    const first = await placeWithKey(service, 'price', body);
    expectProblem(first, 409);
    setStock(service.sandbox, product, 10, 9);
    expect(await placeWithKey(service, 'price', body)).toMatchObject({ status: 409, body: first.body });
  });

  it('of an invalid request leaves the key free for the valid request', async () => {
    const product = newProduct(service.sandbox);
    expectProblem(await placeWithKey(service, 'typo', orderBody([line(product, 0)])), 400);
    expect((await placeWithKey(service, 'typo', orderBody([line(product, 1)]))).status).toBe(201);
  });
});

const RESERVE = { method: 'PUT', path: '/inventory/*/reserve' } as const;

describe('retry after an unknown outcome', () => {
  it.each<[string, FaultRule]>([
    ['hangs before its effect', { kind: 'hang', ...RESERVE }],
    ['hangs after its effect', { kind: 'hang', when: 'after', ...RESERVE }],
    ['returns 500 before its effect', { kind: 'status', status: 500, ...RESERVE }],
    ['returns 500 after its effect', { kind: 'status', status: 500, when: 'after', ...RESERVE }],
    ['breaks the connection after its effect', { kind: 'reset', when: 'after', ...RESERVE }],
    ['returns an invalid body after its effect', { kind: 'garbage', ...RESERVE }],
  ])('resumes the same order when the inventory %s', async (name, rule) => {
    const product = newProduct(service.sandbox);
    const body = orderBody([line(product, 2)]);
    service.sandbox.services.inventory.faults.add(rule);
    const first = await placeWithKey(service, name, body);
    expectProblem(first, 503);
    expect(first.body.type).toBe('/problems/placement-unsettled');
    expect(first.headers.get('retry-after')).toMatch(/^\d+$/);
    await restoreUpstreams(service, service.sandbox);

    const second = await eventually(async () => {
      const answer = await placeWithKey(service, name, body);
      return answer.status === 409 ? undefined : answer;
    });
    expect(second.status).toBe(201);
    expect(second.body.order_id).toBe(first.body.order_id);
    expect(await statusesOfOrdersOf(service.database, product)).toEqual(['confirmed']);
    expect(takenFrom(service.sandbox, product)).toEqual([-2]);
  });

  it('starts over when the lookup itself failed', async () => {
    const product = newProduct(service.sandbox);
    const body = orderBody([line(product)]);
    service.sandbox.services.inventory.faults.add({ kind: 'away' });
    const first = await placeWithKey(service, 'away', body);
    expectProblem(first, 503);
    expect(first.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await statusesOfOrdersOf(service.database, product)).toEqual([]);
    await restoreUpstreams(service, service.sandbox);
    const second = await placeWithKey(service, 'away', body);
    expect([second.status, isReplay(second)]).toEqual([201, false]);
  });
});

function giveCart(customer: string, product: string): void {
  const lines = [{ product_id: product, quantity: 2 }];
  service.sandbox.carts.give(customer, lines, { route: 'test', key: null });
}

describe('cart with an Idempotency-Key', () => {
  it('is ordered once, and the response is replayed after the cart is gone', async () => {
    const product = newProduct(service.sandbox);
    giveCart('71', product);
    const first = await placeWithKey(service, 'cart', undefined, '/orders/71');
    expect(first.status).toBe(201);
    await eventually(() => service.sandbox.carts.findActive('71') === undefined);
    const second = await placeWithKey(service, 'cart', undefined, '/orders/71');
    expect([second.status, isReplay(second), second.body]).toEqual([201, true, first.body]);
    expect(takenFrom(service.sandbox, product)).toEqual([-2]);
  });

  it('is ordered once by concurrent requests with different keys', async () => {
    const product = newProduct(service.sandbox);
    giveCart('72', product);
    const keys = Array.from({ length: 10 }, (_, index) => `cart-${index % 5}`);
    const answers = await Promise.all(keys.map((key) => placeWithKey(service, key, undefined, '/orders/72')));
    const ids = answers.filter(({ status }) => status === 201).map(({ body }) => body.order_id);
    expect(new Set(ids).size).toBe(1);
    for (const { status } of answers) expect([201, 404, 409]).toContain(status);
    expect(takenFrom(service.sandbox, product)).toEqual([-2]);
    expect(await countByStatus(service.database)).not.toHaveProperty('pending');
  });

  it('is rejected with 422 when the key was used for the cart of another customer', async () => {
    giveCart('73', newProduct(service.sandbox));
    giveCart('74', newProduct(service.sandbox));
    expect((await placeWithKey(service, 'whose', undefined, '/orders/73')).status).toBe(201);
    expectProblem(await placeWithKey(service, 'whose', undefined, '/orders/74'), 422);
  });

  it('can be ordered with another key after a refusal, once there is stock', async () => {
    const product = newProduct(service.sandbox, 0);
    giveCart('75', product);
    expectProblem(await placeWithKey(service, 'too early', undefined, '/orders/75'), 400);
    setStock(service.sandbox, product, 5);
    expectProblem(await placeWithKey(service, 'too early', undefined, '/orders/75'), 400);
    expect((await placeWithKey(service, 'in time', undefined, '/orders/75')).status).toBe(201);
  });
});
