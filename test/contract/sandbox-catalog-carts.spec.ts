import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.js';

const ANY_PORT = { inventory: 0, notification: 0, catalog: 0, carts: 0 };

let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = await startSandbox({ ports: ANY_PORT, delaysMs: { notification: 0 } });
});
beforeEach(() => {
  for (const server of Object.values(sandbox.services)) {
    server.honourIdempotencyKeys = true;
    server.delayMs = 0;
  }
  sandbox.reset();
});
afterAll(() => sandbox.close());

interface Answer {
  status: number;
  body: unknown;
}

async function call(method: string, url: string, body?: unknown, key?: string): Promise<Answer> {
  const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key };
  if (body !== undefined) headers['content-type'] = 'application/json';
  const response = await fetch(url, {
    method,
    headers,
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
}

const inventory = (method: string, path: string, body?: unknown, key?: string): Promise<Answer> =>
  call(method, sandbox.urls.inventory + path, body, key);
const catalog = (method: string, path: string, body?: unknown, key?: string): Promise<Answer> =>
  call(method, sandbox.urls.catalog + path, body, key);
const carts = (method: string, path: string, body?: unknown, key?: string): Promise<Answer> =>
  call(method, sandbox.urls.carts + path, body, key);

describe('sandbox product catalog', () => {
  it('returns integer ids as integers and text ids as text', async () => {
    const detail = { name: 'Wireless Headphones', price: 79.99, quantity: 50 };
    expect(await catalog('GET', '/products/1')).toEqual({
      status: 200,
      body: { product_detail: { id: 1, ...detail } },
    });
    expect((await catalog('GET', '/products/PROD001')).body).toEqual({
      product_detail: { id: 'PROD001', ...detail },
    });
    expect(await catalog('GET', '/products/77')).toEqual({
      status: 404,
      body: { detail: 'Product 77 not found' },
    });
  });

  it('sets the stock that the inventory returns too', async () => {
    const product = { name: 'Headphones', price: 75.5, quantity: 44 };
    expect(await catalog('PUT', '/products/1', product)).toEqual({
      status: 200,
      body: { product_detail: { id: 1, ...product } },
    });
    expect((await inventory('GET', '/inventory/1')).body).toEqual({ product_id: '1', ...product });
    expect(sandbox.stock.ledger.all()).toMatchObject([
      { product: '1', delta: -6, quantity: 44, route: 'PUT /products/:id' },
    ]);
    expect((await catalog('PUT', '/products/77', product)).status).toBe(404);
    expect((await catalog('PUT', '/products/1', { ...product, quantity: -1 })).status).toBe(422);
    expect((await catalog('PUT', '/products/1', { quantity: 1 })).status).toBe(422);
  });
});

describe('sandbox carts', () => {
  it('returns the active cart and all items', async () => {
    expect(await carts('GET', '/carts/1')).toEqual({
      status: 200,
      body: { cart: { id: 1, customer_id: 1, status: 'Active' } },
    });
    expect((await carts('GET', '/carts/9')).status).toBe(404);
    const { body } = await carts('GET', '/cart_items');
    expect(body).toMatchObject({ items: { length: 7 } });
    expect(body).toHaveProperty('items.0', { id: 1, product_id: 1, quantity: 2, cart_id: 1 });
  });

  it('changes a cart to Ordered once', async () => {
    const ordered = { status: 200, body: { cart: { id: 1, customer_id: 1, status: 'Ordered' } } };
    expect(await carts('PUT', '/carts/1', { status: 'Ordered' }, 'K1')).toEqual(ordered);
    expect(await carts('PUT', '/carts/1', { status: 'Ordered' }, 'K1')).toEqual(ordered);
    expect(await carts('PUT', '/carts/1', { status: 'Ordered' })).toEqual(ordered);
    expect((await carts('GET', '/carts/1')).status).toBe(404);
    expect((await carts('PUT', '/carts/9', { status: 'Ordered' })).status).toBe(404);
    expect((await carts('PUT', '/carts/2', { status: 'Lost' })).status).toBe(422);
    expect(sandbox.carts.changes.all().slice(3)).toMatchObject([
      { cart_id: 1, from: 'Active', to: 'Ordered', key: 'K1', replay: false },
      { cart_id: 1, key: 'K1', replay: true },
      { cart_id: 1, key: null, replay: true },
    ]);
  });

  it('adds carts through the control calls', async () => {
    await carts('PUT', '/carts/1', { status: 'Ordered' });
    const items = [{ product_id: 4, quantity: 3 }];
    expect((await carts('PUT', '/sandbox/carts/1', { items })).status).toBe(200);
    expect((await carts('PUT', '/sandbox/carts/anna', { items: [] })).status).toBe(200);
    expect((await carts('GET', '/carts/1')).body).toMatchObject({ cart: { id: 4, status: 'Active' } });
    expect((await carts('GET', '/carts/anna')).body).toMatchObject({ cart: { id: 5, customer_id: 'anna' } });
    const { body } = await carts('GET', '/cart_items');
    expect(body).toHaveProperty('items.7', { id: 8, product_id: 4, quantity: 3, cart_id: 4 });
  });

  it('includes the items of a cart when configured', async () => {
    const other = await startSandbox({ ports: ANY_PORT, services: ['carts'], cartsCarryItems: true });
    const { body } = await call('GET', `${other.urls.carts}/carts/2`);
    await other.close();
    expect(body).toHaveProperty('cart.items', [
      { id: 3, product_id: 3, quantity: 1 },
      { id: 4, product_id: 4, quantity: 2 },
    ]);
  });
});
