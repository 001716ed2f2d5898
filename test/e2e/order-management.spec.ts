import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  callsTo,
  catalogSettings,
  expectProblem,
  newProduct,
  ORDER_ID,
  selectRows,
  startFleet,
  stockOf,
  restoreUpstreams,
} from '../support/builders.js';
import { getOrder } from '../support/client.js';
import { eventually, type TestService } from '../support/service.js';
import { startSystemB, type SystemB } from '../support/system-b.js';

let fleet: SystemB['fleet'];
let service: SystemB['service'];
let sandbox: SystemB['sandbox'];
let order: SystemB['order'];
let giveCart: SystemB['giveCart'];

beforeAll(async () => {
  ({ fleet, service, sandbox, order, giveCart } = await startSystemB());
});

afterEach(() => restoreUpstreams(service, sandbox));

afterAll(() => fleet.stop());

describe('POST /orders/{customer_id} with items', () => {
  it('creates an order of products with integer ids, and reserves them at the catalog', async () => {
    const [headphones, charger] = [stockOf(sandbox, '1') ?? 0, stockOf(sandbox, '2') ?? 0];
    const answer = await order(42, [
      { product_id: 1, quantity: 2 },
      { product_id: 2, quantity: 3 },
    ]);
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({ status: 'confirmed', total_amount: 249.95, currency: 'USD' });
    expect(answer.body.order_id).toMatch(ORDER_ID);
    expect([stockOf(sandbox, '1'), stockOf(sandbox, '2')]).toEqual([headphones - 2, charger - 3]);
    // The catalog keeps names and prices as they were: its call sets all fields of a product at once.
    expect(sandbox.stock.find('1')).toMatchObject({ name: 'Wireless Headphones', price: 79.99 });
    expect(callsTo(sandbox, 'inventory')).toEqual([]);
  });

  it('sends GET and PUT requests to the catalog, each PUT with a key', async () => {
    const product = newProduct(sandbox);
    const { body } = await order(43, [{ product_id: Number(product), quantity: 1 }]);
    const calls = callsTo(sandbox, 'catalog').filter(({ path }) => path === `/products/${product}`);
    expect(calls.map(({ method }) => method)).toEqual(expect.arrayContaining(['GET', 'PUT']));
    expect(calls.at(-1)).toMatchObject({ method: 'PUT', key: `${body.order_id}/1/reserve`, status: 200 });
  });

  it('returns 400 for insufficient stock of one or more items, and reserves nothing', async () => {
    const [enough, few] = [newProduct(sandbox, 5), newProduct(sandbox, 1)];
    const answer = await order(44, [
      { product_id: Number(enough), quantity: 1 },
      { product_id: Number(few), quantity: 2 },
    ]);
    expectProblem(answer, 400);
    expect(answer.body.detail).toContain('Insufficient inventory for one or more items');
    expect(answer.body.shortages).toMatchObject([{ product_id: few, requested: 2, available: 1 }]);
    expect([stockOf(sandbox, enough), stockOf(sandbox, few)]).toEqual([5, 1]);
    expectProblem(await order(44, [{ product_id: 999_999, quantity: 1 }]), 400);
  });

  it('accepts text ids for the customer and for products', async () => {
    const answer = await order('customer%20%C3%A9', [{ product_id: 'PROD001', quantity: 1 }]);
    expect(answer.status).toBe(201);
    const { body } = await service.request('GET', '/orders/customer%20%C3%A9');
    expect(body.orders).toMatchObject([{ customer_id: 'customer é', items: [{ product_id: 'PROD001' }] }]);
  });

  it('stores the name and e-mail when they are given', async () => {
    const product = newProduct(sandbox);
    const customer = { customer_name: 'Bob', customer_email: 'bob@example.com' };
    const { body } = await order(45, [{ product_id: product, quantity: 1 }], customer);
    expect(await getOrder(service, body.order_id)).toMatchObject(customer);
    await eventually(() => sandbox.notifications.messages.all().find((m) => m.order_id === body.order_id));
  });

  it('leaves the cart unchanged', async () => {
    giveCart('46', [[newProduct(sandbox), 1]]);
    expect((await order(46, [{ product_id: newProduct(sandbox), quantity: 1 }])).status).toBe(201);
    expect(sandbox.carts.findActive('46')).toBeDefined();
  });
});

describe('POST /orders/{customer_id} without a body', () => {
  it.each<[customer: number, total: number, lines: number]>([
    [1, 189.97, 2],
    [2, 249.97, 2],
    [3, 259.95, 3],
  ])('orders the cart of customer %s, which then becomes Ordered', async (customer, total, lines) => {
    const cart = sandbox.carts.findActive(String(customer));
    const answer = await order(customer);
    expect([answer.status, answer.body.total_amount]).toEqual([201, total]);
    const body = await getOrder(service, answer.body.order_id);
    expect(body.items).toHaveLength(lines);
    expect(body.customer_id).toBe(String(customer));
    await eventually(() => sandbox.carts.list().find(({ id }) => id === cart?.id)?.status === 'Ordered');
    const put = callsTo(sandbox, 'carts').findLast(({ method }) => method === 'PUT');
    expect(put).toMatchObject({ path: `/carts/${customer}`, key: `${answer.body.order_id}/cart` });
    expectProblem(await order(customer), 404);
  });

  it('is the same as with an empty object', async () => {
    giveCart('50', [[newProduct(sandbox), 1]]);
    expect((await order(50, undefined, {})).status).toBe(201);
  });
});

describe('POST /orders/{customer_id} without a body returns', () => {
  it('404 when the customer has no active cart', async () => {
    const answer = await order('unknown');
    expectProblem(answer, 404);
    expect(answer.body.type).toBe('/problems/cart-not-found');
  });

  it('400 when the cart is empty', async () => {
    giveCart('51', []);
    const answer = await order(51);
    expectProblem(answer, 400);
    expect(answer.body.type).toBe('/problems/cart-empty');
  });

  it('400 for insufficient stock, and keeps the cart active', async () => {
    const product = newProduct(sandbox, 1);
    giveCart('52', [[product, 2]]);
    const answer = await order(52);
    expectProblem(answer, 400);
    expect(answer.body.shortages).toMatchObject([{ product_id: product, requested: 2, available: 1 }]);
    expect(sandbox.carts.findActive('52')).toBeDefined();
  });

  it('503 when the cart service does not answer', async () => {
    sandbox.services.carts.faults.add({ kind: 'away' });
    const answer = await order(2);
    expectProblem(answer, 503);
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
  });
});

describe('cart service whose carts include their items', () => {
  it('is not asked for the items of all carts', async () => {
    const other = await startFleet(1, catalogSettings, { cartsCarryItems: true });
    const [instance] = other.services as [TestService];
    const answer = await instance.request('POST', '/orders/1');
    expect([answer.status, answer.body.total_amount]).toEqual([201, 189.97]);
    expect(callsTo(other.sandbox, 'carts').map(({ path }) => path)).not.toContain('/cart_items');
    await other.stop();
  });
});

describe('GET /orders', () => {
  it('returns all orders', async () => {
    const { status, body } = await service.request('GET', '/orders?limit=200');
    const [row] = await selectRows<{ count: number }>(
      fleet.database,
      'SELECT count(*)::int AS count FROM orders',
    );
    expect([status, body.count]).toEqual([200, row?.count]);
  });
});

describe('GET /orders/{customer_id}', () => {
  it('returns the orders of the customer only', async () => {
    const product = newProduct(sandbox);
    const ids: string[] = [];
    for (let index = 0; index < 3; index += 1) {
      ids.unshift((await order(60, [{ product_id: product, quantity: 1 }])).body.order_id);
    }
    await order(600, [{ product_id: product, quantity: 1 }]);
    const { status, body } = await service.request('GET', '/orders/60');
    expect([status, body.count, body.next_cursor]).toEqual([200, 3, null]);
    expect(body.orders.map((found: { order_id: string }) => found.order_id)).toEqual(ids);
  });

  it('returns 404 when the customer has no orders', async () => {
    expectProblem(await service.request('GET', '/orders/61'), 404);
  });
});

describe('GET and PUT /orders/{order_id}', () => {
  it('return 200 with the order, and 404 for an unknown order', async () => {
    const { body } = await order(62, [{ product_id: newProduct(sandbox), quantity: 1 }]);
    const path = `/orders/${body.order_id}`;
    expect(await service.request('GET', path)).toMatchObject({ status: 200, body: { customer_id: '62' } });
    expect(await service.request('PUT', path, { status: 'Ordered' })).toMatchObject({ status: 200 });
    const shipped = await service.request('PUT', path, { status: 'Shipped' });
    expect(shipped).toMatchObject({ status: 200, body: { order_id: body.order_id, status: 'shipped' } });
    const nowhere = '/orders/01980000-0000-7000-8000-000000000000';
    expectProblem(await service.request('GET', nowhere), 404);
    expectProblem(await service.request('PUT', nowhere, { status: 'shipped' }), 404);
  });

  it.each(['Ordered', 'ORDERED', 'ordered'])('accept the status %s for a new order', async (status) => {
    const { body } = await order(63, [{ product_id: newProduct(sandbox), quantity: 1 }]);
    const answer = await service.request('PUT', `/orders/${body.order_id}`, { status });
    expect([answer.status, answer.body.status, answer.body.version]).toEqual([200, 'confirmed', 2]);
    const listed = await service.request('GET', `/orders?status=${status}&limit=1`);
    expect(listed.body.orders).toMatchObject([{ order_id: body.order_id }]);
  });
});
