import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.js';

const ANY_PORT = { inventory: 0, notification: 0, catalog: 0, carts: 0 };
const ISO_TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/);

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

const MESSAGE = {
  order_id: 'O1',
  customer_name: 'Ann',
  customer_email: 'ann@example.com',
  status: 'confirmed',
};

describe('sandbox inventory', () => {
  it.each([
    ['PROD001', 'Wireless Headphones', 50, 79.99],
    ['PROD002', 'USB-C Charger', 100, 29.99],
    ['PROD003', 'Bluetooth Speaker', 30, 149.99],
    ['PROD004', 'Laptop Stand', 25, 49.99],
    ['PROD005', 'Webcam 1080p', 40, 89.99],
    ['1', 'Wireless Headphones', 50, 79.99],
    ['5', 'Webcam 1080p', 40, 89.99],
  ])('returns %s', async (id, name, quantity, price) => {
    const body = { product_id: id, name, quantity, price };
    expect(await inventory('GET', `/inventory/${id}`)).toEqual({ status: 200, body });
  });

  it('reserves and releases units', async () => {
    expect(await inventory('PUT', '/inventory/PROD001/reserve', { quantity: 2 })).toEqual({
      status: 200,
      body: {
        product_id: 'PROD001',
        name: 'Wireless Headphones',
        previous_quantity: 50,
        reserved_quantity: 2,
        remaining_quantity: 48,
        timestamp: ISO_TIME,
      },
    });
    const back = await inventory('PUT', '/inventory/PROD001/replenish', { quantity: 2 });
    expect(back).toMatchObject({ status: 200, body: { previous_quantity: 48, current_quantity: 50 } });
  });

  it('refuses insufficient stock, and keeps its stock', async () => {
    expect(await inventory('PUT', '/inventory/PROD004/reserve', { quantity: 26 })).toEqual({
      status: 400,
      body: { detail: 'Insufficient stock for PROD004: requested 26, available 25' },
    });
    const unknown = { status: 404, body: { detail: 'Product NOPE not found' } };
    expect(await inventory('GET', '/inventory/NOPE')).toEqual(unknown);
    expect(await inventory('PUT', '/inventory/NOPE/reserve', { quantity: 1 })).toEqual(unknown);
    expect(await inventory('PUT', '/inventory/NOPE/replenish', { quantity: 1 })).toEqual(unknown);
    expect(sandbox.stock.find('PROD004')?.quantity).toBe(25);
    expect(sandbox.stock.ledger.total).toBe(0);
  });

  it.each([[{}], [{ quantity: 0 }], [{ quantity: -1 }], [{ quantity: 1.5 }], [{ quantity: '1' }], [[]]])(
    'rejects the body %j',
    async (body) => {
      const refused = { status: 422, body: { detail: expect.any(String) } };
      expect(await inventory('PUT', '/inventory/PROD001/reserve', body)).toEqual(refused);
      expect(await inventory('PUT', '/inventory/PROD001/replenish', body)).toEqual(refused);
    },
  );

  it('rejects a body that is not JSON, and unknown paths', async () => {
    const response = await fetch(`${sandbox.urls.inventory}/inventory/PROD001/reserve`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"quantity":',
    });
    expect(response.status).toBe(422);
    expect((await inventory('GET', '/inventory/%zz')).body).toEqual({ detail: expect.any(String) });
    expect(await inventory('GET', '/stock')).toEqual({ status: 404, body: { detail: 'Not Found' } });
  });

  it.each(['inventory', 'notification', 'catalog', 'carts'] as const)(
    'GET /health of %s returns 200',
    async (name) => {
      const healthy = { status: 200, body: { status: 'healthy', service: `${name} (sandbox)` } };
      expect(await call('GET', `${sandbox.urls[name]}/health`)).toEqual(healthy);
    },
  );

  it('never sells more units than it has to concurrent callers', async () => {
    const calls = Array.from({ length: 60 }, () =>
      inventory('PUT', '/inventory/PROD004/reserve', { quantity: 1 }),
    );
    const statuses = (await Promise.all(calls)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(25);
    expect(statuses.filter((status) => status === 400)).toHaveLength(35);
    expect(sandbox.stock.find('PROD004')?.quantity).toBe(0);
  });
});

const postReservation = (id: string, lines: unknown, key?: string): Promise<Answer> =>
  inventory('POST', '/reservations', { reservation_id: id, items: lines }, key);

const quantities = (): (number | undefined)[] =>
  ['PROD001', 'PROD004'].map((id) => sandbox.stock.find(id)?.quantity);

describe('sandbox reservations', () => {
  const items = [
    { product_id: 'PROD001', quantity: 2 },
    { product_id: 'PROD004', quantity: 20 },
  ];
  it('hold all lines or none', async () => {
    expect(await postReservation('R1', items)).toEqual({
      status: 201,
      body: { reservation_id: 'R1', status: 'held' },
    });
    expect(quantities()).toEqual([48, 5]);
    expect(await postReservation('R2', items)).toEqual({
      status: 409,
      body: {
        detail: 'Insufficient stock for PROD004',
        shortages: [{ product_id: 'PROD004', requested: 20, available: 5 }],
      },
    });
    expect(quantities()).toEqual([48, 5]);
  });

  it('add up the lines of one product', async () => {
    const lines = [1, 2].map(() => ({ product_id: 'PROD004', quantity: 13 }));
    const shortages = [{ product_id: 'PROD004', requested: 26, available: 25 }];
    expect(await postReservation('R1', lines)).toMatchObject({ status: 409, body: { shortages } });
  });

  it('are released once, and are never held again', async () => {
    await postReservation('R1', items);
    expect(await inventory('DELETE', '/reservations/R1')).toEqual({ status: 204, body: undefined });
    expect(await inventory('DELETE', '/reservations/R1')).toEqual({ status: 204, body: undefined });
    expect(quantities()).toEqual([50, 25]);
    expect(await postReservation('R1', items)).toMatchObject({ status: 409, body: { shortages: [] } });
    expect(quantities()).toEqual([50, 25]);
  });

  it('can be cancelled before they arrive', async () => {
    expect(await inventory('DELETE', '/reservations/R9')).toEqual({ status: 204, body: undefined });
    expect((await postReservation('R9', items)).status).toBe(409);
    expect(quantities()).toEqual([50, 25]);
  });

  it('are made once when the request is repeated', async () => {
    expect((await postReservation('R1', items)).status).toBe(201);
    expect((await postReservation('R1', items)).status).toBe(201);
    expect((await postReservation('R1', [items[0]])).status).toBe(409);
    expect(quantities()).toEqual([48, 5]);
  });
});

describe('sandbox notification service', () => {
  it('accepts a message', async () => {
    expect(await notify(MESSAGE, 'K1')).toEqual({
      status: 200,
      body: {
        notification_id: expect.any(String),
        message: expect.stringContaining('O1'),
        type: 'email',
        timestamp: ISO_TIME,
      },
    });
    expect(sandbox.notifications.messages.all()).toEqual([
      { sequence: 1, at: expect.any(Number), key: 'K1', ...MESSAGE, duplicate: false, delivered: true },
    ]);
  });

  it.each(['order_id', 'customer_name', 'customer_email', 'status'])(
    'requires %s to be a string',
    async (field) => {
      for (const value of [undefined, null, 7]) {
        expect(await notify({ ...MESSAGE, [field]: value })).toEqual({
          status: 422,
          body: { detail: `${field} must be a string` },
        });
      }
      expect(sandbox.notifications.messages.total).toBe(0);
    },
  );

  it('marks repeated messages, and says whether the customer received them', async () => {
    const first = await notify(MESSAGE, 'K1');
    expect(await notify(MESSAGE, 'K1')).toEqual(first);
    sandbox.services.notification.honourIdempotencyKeys = false;
    await notify(MESSAGE, 'K1');
    const seen = sandbox.notifications.messages
      .all()
      .map(({ duplicate, delivered }) => [duplicate, delivered]);
    expect(seen).toEqual([
      [false, true],
      [true, false],
      [true, true],
    ]);
  });

  it('delays its response as configured', async () => {
    sandbox.services.notification.delayMs = 80;
    const startedAt = performance.now();
    await notify(MESSAGE);
    expect(performance.now() - startedAt).toBeGreaterThan(70);
  });
});
