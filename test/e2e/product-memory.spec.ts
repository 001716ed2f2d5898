import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  callsTo,
  line,
  newProduct,
  orderBody,
  setStock,
  startFleet,
  type TestFleet,
} from '../support/builders.js';
import type { TestResponse, TestService } from '../support/service.js';

const PRICE = 10;

let fleet: TestFleet;

/** Number of lookups of a product. */
function lookUps(productId: string): number {
  const path = `/inventory/${productId}`;
  return callsTo(fleet.sandbox).filter((call) => call.method === 'GET' && call.path === path).length;
}

function product(quantity: number): string {
  const id = newProduct(fleet.sandbox);
  setStock(fleet.sandbox, id, quantity, PRICE);
  return id;
}

function place(service: TestService, productId: string, price?: number): Promise<TestResponse> {
  return service.request('POST', '/orders', orderBody([{ ...line(productId, 1), price }]));
}

describe('product lookup', () => {
  let service: TestService;
  beforeAll(async () => {
    fleet = await startFleet(1);
    [service] = fleet.services as [TestService];
  });
  afterAll(() => fleet?.stop());

  it('is shared by concurrent orders', async () => {
    const id = product(100);
    fleet.sandbox.services.inventory.faults.add({ kind: 'delay', ms: 100, times: 1 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => place(service, id)));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(201));
    expect(lookUps(id)).toBeLessThan(20);
  });

  it('is repeated for each later order', async () => {
    const id = product(100);
    for (const at of [1, 2, 3]) {
      expect((await place(service, id)).status).toBe(201);
      expect(lookUps(id)).toBe(at);
    }
  });

  it('is repeated for an order with a later deadline than the one that made it', async () => {
    const id = product(100);
    // The first order gives up after all its attempts; the order that waited for it makes its own call.
    fleet.sandbox.services.inventory.faults.add({ kind: 'status', status: 500, times: 3 });
    const [first, second] = await Promise.all([place(service, id), place(service, id)]);
    expect(new Set([first.status, second.status])).toEqual(new Set([201, 503]));
  });
});

describe('product lookup with PRODUCT_MEMORY_MS', () => {
  let service: TestService;
  beforeAll(async () => {
    fleet = await startFleet(1, () => ({ PRODUCT_MEMORY_MS: '60000' }));
    [service] = fleet.services as [TestService];
  });
  afterAll(() => fleet?.stop());

  it('is reused by orders that can be placed', async () => {
    const id = product(100);
    for (const _ of [1, 2, 3]) expect((await place(service, id)).status).toBe(201);
    expect(lookUps(id)).toBe(1);
  });

  it('is repeated before an order is rejected, because the cached product may be stale', async () => {
    const id = product(0);
    setStock(fleet.sandbox, id, 1, PRICE);
    expect((await place(service, id)).status).toBe(201);
    // Cached as available, and sold out by now: the inventory decides.
    expect((await place(service, id)).body).toMatchObject({ title: expect.any(String), status: 400 });
    setStock(fleet.sandbox, id, 5, PRICE + 2);
    const repriced = await place(service, id, PRICE + 2);
    expect(repriced.status).toBe(201);
    expect(repriced.body).toMatchObject({ total_amount: PRICE + 2 });
  });

  it('is repeated for a preview, which shows current data', async () => {
    const id = product(3);
    expect((await place(service, id)).status).toBe(201);
    setStock(fleet.sandbox, id, 7, PRICE + 5);
    const { body } = await service.request('POST', '/orders/preview', { items: [line(id, 1)] });
    expect(body).toMatchObject({ total_amount: PRICE + 5 });
  });
});
