import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { API_KEYS, CUSTOMER, type Headers, knownCallers, OTHER_CUSTOMER } from '../support/callers.js';
import { TestIssuer } from '../support/issuer.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

let issuer: TestIssuer;
let service: TestService;
let callers: Awaited<ReturnType<typeof knownCallers>>;
let product = '';

beforeAll(async () => {
  issuer = await TestIssuer.start();
  service = await startTestService({
    // A non-idempotent inventory leaves an incident for a person to resolve.
    settings: {
      ...issuer.settings,
      AUTH: 'jwt,api-key',
      API_KEYS,
      INVENTORY_HONOURS_IDEMPOTENCY_KEYS: 'false',
    },
  });
  callers = await knownCallers(issuer);
  product = newProduct(service.sandbox, 10_000);
});
afterAll(async () => {
  await service.stop();
  await issuer.close();
});

const body = (more: Record<string, unknown> = {}) => orderBody([line(product)], more);
const get = (path: string, as: Headers) => service.request('GET', path, undefined, as);
const setStatus = (id: string, status: string, as: Headers) =>
  service.request('PUT', `/orders/${id}`, { status }, as);

async function actorsOf(id: string): Promise<string[]> {
  const { body: history } = await get(`/orders/${id}/events`, callers.admin);
  return history.events.map((event: { actor: string }) => event.actor);
}

describe('customer', () => {
  it('orders for itself, with or without its customer id', async () => {
    const id = await placeOrder(service, body(), callers.customer);
    const { body: order } = await get(`/orders/${id}`, callers.admin);
    expect(order.customer_id).toBe(CUSTOMER);
    await placeOrder(service, body({ customer_id: CUSTOMER }), callers.customer);
    const answer = await service.request('POST', `/orders/${CUSTOMER}`, body(), callers.customer);
    expect(answer.status).toBe(201);
  });

  it.each([
    ['/orders', { customer_id: OTHER_CUSTOMER }],
    [`/orders/${OTHER_CUSTOMER}`, {}],
  ])('gets 403 for an order of another customer: POST %s', async (path, more) => {
    const answer = await service.request('POST', path, body(more), callers.customer);
    expect(answer.status).toBe(403);
    expect(answer.body).toMatchObject({ type: '/problems/customer-not-allowed', customer_id: CUSTOMER });
  });

  it('gets 404 for an order of another customer, as for an unknown order', async () => {
    const id = await placeOrder(service, body(), callers.customer);
    const nothing = '01a1ffe2-9b80-748a-ba30-787d85a2b441';
    for (const path of ['', '/events']) {
      const [foreign, absent] = [
        await get(`/orders/${id}${path}`, callers.otherCustomer),
        await get(`/orders/${nothing}${path}`, callers.otherCustomer),
      ];
      expect(foreign.status).toBe(404);
      expect(JSON.stringify(foreign.body).replaceAll(id, nothing)).toBe(JSON.stringify(absent.body));
    }
    const foreign = await setStatus(id, 'cancelled', callers.otherCustomer);
    const absent = await setStatus(nothing, 'cancelled', callers.otherCustomer);
    expect(foreign.status).toBe(404);
    expect(JSON.stringify(foreign.body).replaceAll(id, nothing)).toBe(JSON.stringify(absent.body));
    expect((await get(`/orders/${id}`, callers.customer)).body.status).toBe('confirmed');
  });

  it('finds only its own orders in lists, with any filter', async () => {
    const mine = await placeOrder(service, body(), callers.otherCustomer);
    await placeOrder(service, body(), callers.customer);
    await placeOrder(service, body(), callers.shop);
    const ids = async (path: string) =>
      (await get(path, callers.otherCustomer)).body.orders.map((o: { order_id: string }) => o.order_id);
    expect(await ids('/orders')).toEqual([mine]);
    expect(await ids(`/orders?product_id=${product}`)).toEqual([mine]);
    expect(await ids('/orders?customer_email=alice%40example.com')).toEqual([mine]);
    expect(await ids(`/orders?customer_id=${CUSTOMER}`)).toEqual([]);
    expect(await ids(`/orders/${OTHER_CUSTOMER}`)).toEqual([mine]);
    expect((await get(`/orders/${CUSTOMER}`, callers.otherCustomer)).status).toBe(404);
  });

  it('does not replay a response of another customer with the same Idempotency-Key', async () => {
    const key = { 'Idempotency-Key': 'a-key-that-both-use' };
    const first = await placeOrder(service, body(), { ...callers.customer, ...key });
    const second = await placeOrder(service, body(), { ...callers.otherCustomer, ...key });
    expect(second).not.toBe(first);
    expect(await placeOrder(service, body(), { ...callers.customer, ...key })).toBe(first);
  });

  it('may cancel its own order before it is processed, and change nothing else', async () => {
    const id = await placeOrder(service, body(), callers.customer);
    expect((await setStatus(id, 'shipped', callers.customer)).body).toMatchObject({
      type: '/problems/insufficient-scope',
      required_scope: 'orders:status',
    });
    expect((await setStatus(id, 'cancelled', callers.readingCustomer)).status).toBe(403);
    expect((await setStatus(id, 'cancelled', callers.customer)).body.status).toBe('cancelled');
    expect(await actorsOf(id)).toContain(`customer:${CUSTOMER}`);

    const begun = await placeOrder(service, body(), callers.customer);
    await setStatus(begun, 'processing', callers.warehouse);
    const late = await setStatus(begun, 'cancelled', callers.customer);
    expect(late.status).toBe(409);
    expect(late.body).toMatchObject({ type: '/problems/transition-not-allowed', allowed_transitions: [] });
    expect((await setStatus(begun, 'cancelled', callers.warehouse)).status).toBe(200);
  });
});

describe('order history', () => {
  it('names who changed the status', async () => {
    const id = await placeOrder(service, body({ customer_id: CUSTOMER }), callers.shop);
    await setStatus(id, 'processing', callers.warehouse);
    await setStatus(id, 'shipped', callers.admin);
    expect(await actorsOf(id)).toEqual(['key:shop', 'placement', 'key:warehouse', 'user:admin-1']);
  });

  it('names who resolved an incident', async () => {
    const path = `/inventory/${product}/reserve`;
    service.sandbox.services.inventory.faults.add({ kind: 'status', status: 500, when: 'after', path });
    const failed = await service.request('POST', '/orders', body(), callers.customer);
    const id = String(failed.body.order_id);
    const incident = `/operations/incidents/reservation-${id}-1-1`;
    // Until the release task has run, the line is not yet an incident.
    const settled = await eventually(async () => {
      const answer = await service.request('POST', incident, { action: 'write_off' }, callers.operator);
      return answer.status === 200 ? answer : undefined;
    });
    expect(settled.body).toMatchObject({ order_id: id, actor: 'key:operator' });
    expect((await actorsOf(id)).at(-1)).toBe('key:operator');
  });
});
