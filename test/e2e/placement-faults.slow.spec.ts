import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { FaultRule } from '../../sandbox/faults.js';
import {
  callsTo,
  expectProblem,
  line,
  newProduct,
  orderBody,
  placeOrder,
  statusesOfOrdersOf,
  statusesTold,
  stockOf,
  takenFrom,
  restoreUpstreams,
} from '../support/builders.js';
import { answerOf, getOrder, listEvents } from '../support/client.js';
import { eventually, startTestService, type TestResponse, type TestService } from '../support/service.js';

let service: TestService;

beforeAll(async () => {
  const settings = { UPSTREAM_TIMEOUT_MS: '400', REQUEST_DEADLINE_MS: '1200' };
  service = await startTestService({ settings });
});

afterEach(() => restoreUpstreams(service, service.sandbox));

afterAll(() => service.stop());

function place(...products: string[]): Promise<TestResponse> {
  const body = orderBody(products.map((product) => line(product, 2)));
  return answerOf(service.api.POST('/orders', { body }));
}

async function eventsOf(orderId: string): Promise<unknown[]> {
  return listEvents(service, orderId);
}

const RESERVE = { method: 'PUT', path: '/inventory/*/reserve' } as const;

describe('inventory outage', () => {
  it('returns 503 and stores no order when the lookup fails', async () => {
    const product = newProduct(service.sandbox);
    service.sandbox.services.inventory.faults.add({ kind: 'away' });
    const answer = await place(product);
    expectProblem(answer, 503);
    expect(answer.body.type).toBe('/problems/upstream-unavailable');
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await statusesOfOrdersOf(service.database, product)).toEqual([]);
  });

  it.each<[string, FaultRule]>([
    ['away', { kind: 'refuse', ...RESERVE }],
    ['hanging before its effect', { kind: 'hang', ...RESERVE }],
    ['hanging after its effect', { kind: 'hang', when: 'after', ...RESERVE }],
    ['returning 500 before its effect', { kind: 'status', status: 500, ...RESERVE }],
    ['returning 500 after its effect', { kind: 'status', status: 500, when: 'after', ...RESERVE }],
    ['returning a truncated body', { kind: 'truncate', ...RESERVE }],
  ])('fails the order and holds no stock when the reservation fails: %s', async (_name, rule) => {
    const [first, second] = [newProduct(service.sandbox), newProduct(service.sandbox)];
    service.sandbox.services.inventory.faults.add(rule);
    const answer = await place(first, second);
    expectProblem(answer, 503);
    expect(answer.body.type).toBe('/problems/placement-failed');
    await restoreUpstreams(service, service.sandbox);

    const order = await getOrder(service, answer.body.order_id);
    expect(order).toMatchObject({ status: 'failed', failure: '/problems/placement-failed' });
    // The service retries with the key of the reservation until the outcome is known, then releases what is held. With
    // an open circuit that can take two attempts.
    await eventually(async () => {
      const events = (await eventsOf(order.order_id)) as { type: string; data: { lines: number[] } }[];
      const released = events.filter((event) => event.type === 'stock_released');
      return released.flatMap((event) => event.data.lines).length === order.items.length;
    });
    for (const product of [first, second]) {
      expect(stockOf(service.sandbox, product)).toBe(10);
      expect(takenFrom(service.sandbox, product).reduce((sum, delta) => sum + delta, 0)).toBe(0);
    }
    expect(statusesTold(service.sandbox, order.order_id)).toEqual([]);
  });
});

describe('history of an order whose reservation was retried', () => {
  it('lists the outcome of each attempt, which the response does not', async () => {
    const product = newProduct(service.sandbox);
    service.sandbox.services.inventory.faults.add({ kind: 'status', status: 500, times: 1, ...RESERVE });
    const answer = await place(product);
    expect([answer.status, answer.body.calls]).toEqual([201, undefined]);
    expect((await listEvents(service, answer.body.order_id)).at(-1)).toMatchObject({
      to: 'confirmed',
      data: { calls: [{ operation: 'reserve', lines: { held: 1 }, attempts: { '5xx': 1, '2xx': 1 } }] },
    });
  });

  it('lists them for a failed order too', async () => {
    service.sandbox.services.inventory.faults.add({ kind: 'refuse', ...RESERVE });
    const answer = await place(newProduct(service.sandbox));
    expectProblem(answer, 503);
    expect((await listEvents(service, answer.body.order_id))[1]).toMatchObject({
      to: 'failed',
      data: { calls: [{ operation: 'reserve', lines: { unknown: 1 }, attempts: { connection: 3 } }] },
    });
  });
});

describe('order that failed because the inventory did not answer', () => {
  it('returns Retry-After', async () => {
    service.sandbox.services.inventory.faults.add({ kind: 'refuse', ...RESERVE });
    const answer = await place(newProduct(service.sandbox));
    expectProblem(answer, 503);
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
  });
});

async function setStatus(orderId: string, status: string): Promise<void> {
  expect((await service.request('PUT', `/orders/${orderId}`, { status })).status).toBe(200);
}

describe('outage of the notification service', () => {
  it('does not stop orders; every notification arrives later, in order', async () => {
    service.sandbox.services.notification.faults.add({ kind: 'away' });
    const id = await placeOrder(service, orderBody([line(newProduct(service.sandbox))]));
    for (const status of ['processing', 'shipped', 'delivered']) await setStatus(id, status);
    await eventually(() => callsTo(service.sandbox, 'notification').length > 0);
    expect(statusesTold(service.sandbox, id)).toEqual([]);

    await restoreUpstreams(service, service.sandbox);
    await eventually(() => statusesTold(service.sandbox, id).length === 4, 20_000);
    expect(statusesTold(service.sandbox, id)).toEqual(['confirmed', 'processing', 'shipped', 'delivered']);
  });

  it('lets a notification that is sent many times reach the customer once', async () => {
    const notification = service.sandbox.services.notification;
    notification.faults.add({ kind: 'status', status: 500, when: 'after', times: 1 });
    const id = await placeOrder(service, orderBody([line(newProduct(service.sandbox))]));
    const messagesOf = () => service.sandbox.notifications.messages.all().filter((m) => m.order_id === id);
    await eventually(() => messagesOf().length === 2);
    expect(messagesOf().map(({ duplicate, delivered }) => ({ duplicate, delivered }))).toEqual([
      { duplicate: false, delivered: true },
      { duplicate: true, delivered: false },
    ]);
  });
});

describe('order without a name or an e-mail', () => {
  it.each<[string, Record<string, unknown>]>([
    ['neither', {}],
    ['a name only', { customer_name: 'Bob' }],
    ['an e-mail only', { customer_email: 'bob@example.com' }],
  ])('sends no notification, and its events say so: %s', async (_name, customer) => {
    const product = newProduct(service.sandbox);
    const answer = await service.request('POST', '/orders/9', { items: [line(product)], ...customer });
    expect(answer.status).toBe(201);
    const id: string = answer.body.order_id;
    await setStatus(id, 'shipped');
    const { body } = await service.request('GET', `/orders/${id}/events`);
    const notification = 'none: the order has no name or no e-mail address';
    expect(body.events.slice(1)).toMatchObject([{ data: { notification } }, { data: { notification } }]);

    // The notification of a later order would arrive after any of this order.
    const other = await placeOrder(service, orderBody([line(product)]));
    await eventually(() => statusesTold(service.sandbox, other).length === 1);
    expect(statusesTold(service.sandbox, id)).toEqual([]);
  });
});
