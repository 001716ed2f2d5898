import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { callsTo, ISO_TIME, line, ORDER_ID, orderBody, placeOrder, stockOf } from '../support/builders.js';
import { getOrder, listOrders, refused, succeeded } from '../support/client.js';
import { NO_DETAILS, NO_LINE_DETAILS } from '../support/details.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

/** The body that the document of system A shows for `POST /orders`, character for character. */
const DOCUMENTED_BODY = `{
  "customer_name": "John Doe",
  "customer_email": "john@example.com",
  "items": [
    {
      "product_id": "PROD001",
      "quantity": 2,
      "price": 79.99
    }
  ]
}`;

/** The body of the document's curl example. */
const CURL_BODY = `{
    "customer_name": "Alice Johnson",
    "customer_email": "alice@example.com",
    "items": [
      {
        "product_id": "PROD001",
        "quantity": 1,
        "price": 79.99
      },
      {
        "product_id": "PROD002",
        "quantity": 2,
        "price": 29.99
      }
    ]
  }`;

let service: TestService;

beforeAll(async () => {
  // The inventory of the specification ignores idempotency keys, as the default settings expect.
  service = await startTestService({
    settings: { INVENTORY_HONOURS_IDEMPOTENCY_KEYS: '' },
    sandbox: { honourIdempotencyKeys: false },
  });
});

afterAll(() => service.stop());

describe('GET /health', () => {
  it('reports that the service is running', async () => {
    const health = await succeeded(service.api.GET('/health'));
    expect(health).toMatchObject({ status: 'healthy', service: 'Order Service' });
    expect(health.timestamp).toMatch(ISO_TIME);
  });

  it.each(['/health/live', '/health/ready'] as const)('has a variant for orchestrators: %s', async (path) => {
    expect(await succeeded(service.api.GET(path))).toMatchObject({ status: 'ok' });
  });
});

describe('before the first order', () => {
  it('GET /orders returns an empty list with 200', async () => {
    expect(await listOrders(service)).toEqual({
      count: 0,
      total: 0,
      total_is_exact: true,
      orders: [],
      next_cursor: null,
    });
  });
});

describe('curl examples of the document', () => {
  let orderId: string;

  it('create a new order', async () => {
    const answer = await service.request('POST', '/orders', CURL_BODY);
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({
      order_id: expect.stringMatching(ORDER_ID),
      status: 'confirmed',
      message: 'Order placed successfully',
      timestamp: expect.stringMatching(ISO_TIME),
      subtotal_amount: 139.97,
      charges_amount: 0,
      total_amount: 139.97,
      currency: 'USD',
      number: '1001',
    });
    orderId = answer.body.order_id;
    expect(answer.headers.get('location')).toBe(`/orders/${orderId}`);
  });

  it('get its details', async () => {
    expect(await getOrder(service, orderId)).toEqual({
      order_id: orderId,
      customer_id: null,
      customer_name: 'Alice Johnson',
      customer_email: 'alice@example.com',
      items: [
        {
          product_id: 'PROD001',
          product_name: 'Wireless Headphones',
          quantity: 1,
          price: 79.99,
          ...NO_LINE_DETAILS,
        },
        {
          product_id: 'PROD002',
          product_name: 'USB-C Charger',
          quantity: 2,
          price: 29.99,
          ...NO_LINE_DETAILS,
        },
      ],
      subtotal_amount: 139.97,
      charges_amount: 0,
      total_amount: 139.97,
      currency: 'USD',
      status: 'confirmed',
      version: 2,
      timestamp: expect.stringMatching(ISO_TIME),
      updated_at: expect.stringMatching(ISO_TIME),
      number: '1001',
      ...NO_DETAILS,
    });
  });

  it('list all orders with their count', async () => {
    const list = await listOrders(service);
    expect(list).toMatchObject({
      count: 1,
      total: 1,
      total_is_exact: true,
      orders: [{ order_id: orderId }],
      next_cursor: null,
    });
    expect(list.orders[0]).toEqual(await getOrder(service, orderId));
  });
});

describe('order flow', () => {
  let orderId: string;

  beforeAll(async () => {
    for (const upstream of Object.values(service.sandbox.services)) upstream.calls.clear();
    service.sandbox.stock.ledger.clear();
    const answer = await service.request('POST', '/orders', DOCUMENTED_BODY);
    expect(answer).toMatchObject({ status: 201, body: { total_amount: 159.98, status: 'confirmed' } });
    orderId = answer.body.order_id;
  });

  it('generates a unique order id', async () => {
    const others = [await placeOrder(service), await placeOrder(service)];
    expect(new Set([orderId, ...others]).size).toBe(3);
    expect(orderId).toMatch(ORDER_ID);
  });

  it('checks the stock with the inventory service, and then reserves it with a key', () => {
    const calls = callsTo(service.sandbox, 'inventory').slice(0, 2);
    expect(calls).toMatchObject([
      { method: 'GET', path: '/inventory/PROD001', status: 200 },
      { method: 'PUT', path: '/inventory/PROD001/reserve', key: `${orderId}/1/reserve`, status: 200 },
    ]);
    expect(service.sandbox.stock.ledger.all()[0]).toMatchObject({ product: 'PROD001', delta: -2 });
    expect(stockOf(service.sandbox, 'PROD001')).toBeLessThanOrEqual(47);
  });

  it('stores the confirmed order', async () => {
    const body = await getOrder(service, orderId);
    expect(body).toMatchObject({ status: 'confirmed', customer_name: 'John Doe', total_amount: 159.98 });
  });

  it('sends a confirmation to the notification service, with the four fields and a key', async () => {
    const { messages } = service.sandbox.notifications;
    const message = await eventually(() => messages.all().find(({ order_id: id }) => id === orderId));
    expect(message).toMatchObject({
      order_id: orderId,
      customer_name: 'John Doe',
      customer_email: 'john@example.com',
      status: 'confirmed',
      key: `${orderId}/2/notify`,
      duplicate: false,
    });
  });

  it('sends a different key with every call that changes state', async () => {
    await eventually(() => service.sandbox.notifications.messages.all().length >= 4);
    const changing = callsTo(service.sandbox).filter(({ method }) => method !== 'GET');
    const keys = changing.map((call) => call.key);
    expect(keys).not.toContain(null);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('rejects insufficient stock, and leaves the stock unchanged', async () => {
    const before = stockOf(service.sandbox, 'PROD005');
    const body = orderBody([line('PROD005', 41)]);
    const problem = await refused(service.api.POST('/orders', { body }), 400);
    expect(problem.type).toBe('/problems/insufficient-stock');
    expect(stockOf(service.sandbox, 'PROD005')).toBe(before);
  });
});

describe('GET /orders', () => {
  it('lists the newest first and returns their count', async () => {
    const id = await placeOrder(service, orderBody([line('PROD004')]));
    const body = await listOrders(service);
    expect(body.orders[0]?.order_id).toBe(id);
    expect(body.count).toBe(body.orders.length);
  });
});

describe('GET /orders/{order_id}', () => {
  it('returns 404 for an unknown order', async () => {
    const path = { id: '01980000-0000-7000-8000-000000000000' };
    const problem = await refused(service.api.GET('/orders/{id}', { params: { path } }), 404);
    expect(problem.type).toBe('/problems/order-not-found');
    expect(problem.detail).toContain('Order 01980000-0000-7000-8000-000000000000 not found');
  });
});
