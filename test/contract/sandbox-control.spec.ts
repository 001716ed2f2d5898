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
const notify = (body: unknown, key?: string): Promise<Answer> =>
  call('POST', `${sandbox.urls.notification}/notify`, body, key);
const catalog = (method: string, path: string, body?: unknown, key?: string): Promise<Answer> =>
  call(method, sandbox.urls.catalog + path, body, key);
const carts = (method: string, path: string, body?: unknown, key?: string): Promise<Answer> =>
  call(method, sandbox.urls.carts + path, body, key);

const MESSAGE = {
  order_id: 'O1',
  customer_name: 'Ann',
  customer_email: 'ann@example.com',
  status: 'confirmed',
};

const reserve = (key?: string, quantity = 1, id = 'PROD001'): Promise<Answer> =>
  inventory('PUT', `/inventory/${id}/reserve`, { quantity }, key);

describe('sandbox idempotency keys', () => {
  it('replay the first response, also to concurrent requests', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => reserve('K1')));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(sandbox.stock.find('PROD001')?.quantity).toBe(49);
    const entries = sandbox.stock.ledger.all();
    expect(entries.filter(({ replay }) => !replay)).toHaveLength(1);
    expect(entries.filter(({ replay }) => replay)).toHaveLength(19);
    expect(entries.at(-1)).toMatchObject({
      product: 'PROD001',
      delta: 0,
      quantity: 49,
      key: 'K1',
      replay: true,
    });
  });

  it('replay a refusal', async () => {
    const refused = await reserve('K1', 51);
    await inventory('PUT', '/inventory/PROD001/replenish', { quantity: 10 });
    expect(await reserve('K1', 51)).toEqual(refused);
  });

  it('are bound to one route and one body', async () => {
    await reserve('K1');
    await reserve('K1', 1, 'PROD002');
    await inventory('PUT', '/inventory/PROD001/replenish', { quantity: 1 }, 'K1');
    expect(sandbox.stock.ledger.total).toBe(3);
    expect((await reserve('K1', 2)).status).toBe(422);
    expect((await reserve('K'.repeat(256))).status).toBe(422);
    expect(sandbox.stock.ledger.total).toBe(3);
  });

  it('are ignored when configured', async () => {
    sandbox.services.inventory.honourIdempotencyKeys = false;
    await reserve('K1');
    await reserve('K1');
    expect(sandbox.stock.find('PROD001')?.quantity).toBe(48);
  });

  it('limit reservations and catalog updates to one effect', async () => {
    const reservation = { reservation_id: 'R1', items: [{ product_id: 'PROD001', quantity: 5 }] };
    const product = { name: 'Stand', price: 1, quantity: 3 };
    for (const _ of [1, 2]) {
      await inventory('POST', '/reservations', reservation, 'K1');
      await catalog('PUT', '/products/4', product, 'K1');
    }
    await inventory('DELETE', '/reservations/R1', undefined, 'K2');
    await inventory('DELETE', '/reservations/R1', undefined, 'K2');
    expect(
      sandbox.stock.ledger
        .all()
        .map(({ product: id, delta, reservation: r, replay }) => [id, delta, r, replay]),
    ).toEqual([
      ['PROD001', -5, 'R1', false],
      ['4', -22, null, false],
      [null, 0, 'R1', true],
      ['4', 0, null, true],
      ['PROD001', 5, 'R1', false],
      [null, 0, 'R1', true],
    ]);
  });
});

describe('sandbox control calls', () => {
  it('return a ledger that accounts for the stock', async () => {
    await inventory('PUT', '/inventory/PROD001/reserve', { quantity: 3 }, 'O1/1/reserve');
    await inventory('PUT', '/sandbox/stock/PROD001', { quantity: 10 });
    await inventory('PUT', '/sandbox/stock/NEW', { quantity: 7, name: 'New', price: 0.1 });
    const { body } = await catalog('GET', '/sandbox/ledger');
    expect(body).toMatchObject({
      total: 3,
      dropped: 0,
      next_after: null,
      entries: [
        { sequence: 1, product: 'PROD001', delta: -3, quantity: 47, key: 'O1/1/reserve' },
        { sequence: 2, product: 'PROD001', delta: -37, quantity: 10, route: 'PUT /sandbox/stock/:id' },
        { sequence: 3, product: 'NEW', delta: 7, quantity: 7 },
      ],
    });
    for (const product of sandbox.stock.list()) {
      const deltas = sandbox.stock.ledger.all().filter((entry) => entry.product === product.id);
      const sum = deltas.reduce((total, { delta }) => total + delta, product.initial_quantity);
      expect(sum).toBe(product.quantity);
    }
    const page = await inventory('GET', '/sandbox/ledger?after=1&limit=1');
    expect(page.body).toMatchObject({ entries: [{ sequence: 2 }], next_after: 2 });
    expect((await inventory('GET', '/sandbox/ledger?limit=x')).status).toBe(422);
  });

  it('return every call that a server received', async () => {
    await inventory('PUT', '/inventory/PROD001/reserve?x=1', { quantity: 3 }, 'K1');
    await inventory('GET', '/nowhere');
    expect((await inventory('GET', '/sandbox/calls')).body).toMatchObject({
      entries: [
        { method: 'PUT', path: '/inventory/PROD001/reserve', key: 'K1', status: 200, fault: null },
        { method: 'GET', path: '/nowhere', key: null, status: 404 },
      ],
    });
    expect((await catalog('GET', '/sandbox/calls')).body).toMatchObject({ total: 0 });
  });

  it('reset all state', async () => {
    await inventory('PUT', '/inventory/PROD001/reserve', { quantity: 3 }, 'K1');
    await notify(MESSAGE);
    await carts('PUT', '/carts/1', { status: 'Ordered' });
    const stock = [{ id: 'X', name: 'X', price: 1.5, quantity: 2 }];
    expect((await notify({}, '')).status).toBe(422);
    expect((await call('POST', `${sandbox.urls.carts}/sandbox/reset`, { stock, carts: [] })).status).toBe(
      204,
    );
    expect((await inventory('GET', '/sandbox/stock')).body).toEqual({
      products: [{ ...stock[0], initial_quantity: 2 }],
      reservations: [],
    });
    expect((await carts('GET', '/sandbox/carts')).body).toMatchObject({ carts: [], changes: { total: 0 } });
    expect((await inventory('GET', '/sandbox/notifications')).body).toMatchObject({ total: 0 });
    expect((await inventory('POST', '/sandbox/reset')).status).toBe(204);
    expect((await inventory('PUT', '/inventory/PROD001/reserve', { quantity: 1 }, 'K1')).status).toBe(200);
    expect((await inventory('POST', '/sandbox/reset', { stock: [{ id: '' }] })).status).toBe(422);
  });
});
