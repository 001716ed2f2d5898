import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { callsTo, line, newProduct, orderBody } from '../support/builders.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});

afterAll(() => service.stop());

describe('X-Request-Id', () => {
  it.each([
    'abc',
    '8e03978e-40d5-43dd-bc93-6894a57f9324',
    '1-67891233-abcdef012345678912345678',
    'a'.repeat(128),
  ])('is kept when it is valid: %s', async (id) => {
    const answer = await service.request('GET', '/health/live', undefined, { 'x-request-id': id });
    expect(answer.headers.get('x-request-id')).toBe(id);
  });

  it.each(['', 'a'.repeat(129), 'a b', 'a,b', '<script>', '"quoted"', 'clé', '{"a":1}'])(
    'is replaced when it is not valid: %s',
    async (id) => {
      const answer = await service.request('GET', '/health/live', undefined, { 'x-request-id': id });
      expect(answer.headers.get('x-request-id')).toMatch(UUID);
    },
  );

  it.each([
    ['GET', '/nowhere', 404],
    ['DELETE', '/orders', 405],
    ['GET', '/orders/%zz', 400],
    ['GET', `/orders/${'x'.repeat(5_000)}`, 414],
    ['POST', '/orders', 400],
    ['GET', '/problems/not-found', 200],
    ['GET', '/docs', 200],
    ['OPTIONS', '/orders', 204],
  ])('is in every response: %s %s', async (method, path, status) => {
    const headers = { 'x-request-id': 'from-the-gateway' };
    const answer = await service.request(method, path, method === 'POST' ? '{' : undefined, headers);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('x-request-id')).toBe('from-the-gateway');
  });
});

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const TRACESTATE = 'congo=t61rcWkgMzE, rojo=00f067aa0ba902b7';

/** Places an order that calls the upstream services. @returns the headers that they received */
async function callsForOrder(headers: Record<string, string>): Promise<Record<string, unknown>[]> {
  for (const upstream of Object.values(service.sandbox.services)) upstream.calls.clear();
  const body = orderBody([line(newProduct(service.sandbox))]);
  expect((await service.request('POST', '/orders', body, headers)).status).toBe(201);
  return eventually(() => {
    const calls = callsTo(service.sandbox);
    return calls.some(({ path }) => path === '/notify')
      ? calls.map((call) => ({ ...call.causedBy }))
      : undefined;
  });
}

describe('upstream calls of a request and its tasks', () => {
  it('carry its request id and its trace context', async () => {
    const calls = await callsForOrder({
      'x-request-id': 'from-the-shop',
      traceparent: TRACEPARENT,
      tracestate: TRACESTATE,
    });
    expect(calls.length).toBeGreaterThanOrEqual(3);
    for (const headers of calls) {
      expect(headers).toMatchObject({
        'x-request-id': 'from-the-shop',
        traceparent: TRACEPARENT,
        tracestate: TRACESTATE,
      });
    }
  });

  it('carry a generated request id when it has none, and no trace context', async () => {
    const calls = await callsForOrder({});
    const ids = new Set(calls.map((headers) => headers['x-request-id']));
    expect([...ids]).toEqual([expect.stringMatching(UUID)]);
    for (const headers of calls) expect(headers).not.toHaveProperty('traceparent');
  });

  it('carry no trace context when the received one is not valid', async () => {
    const wrong = { traceparent: TRACEPARENT.replace('4bf9', 'XXXX'), tracestate: TRACESTATE };
    for (const headers of await callsForOrder(wrong)) {
      expect(headers).not.toHaveProperty('traceparent');
      expect(headers).not.toHaveProperty('tracestate');
    }
  });

  it('carry the id of their own request when requests are concurrent', async () => {
    for (const upstream of Object.values(service.sandbox.services)) upstream.calls.clear();
    const orders = Array.from({ length: 20 }, (_, index) => ({
      id: `request-${index}`,
      product: newProduct(service.sandbox),
    }));
    await Promise.all(
      orders.map(({ id, product }) =>
        service.request('POST', '/orders', orderBody([line(product)]), { 'x-request-id': id }),
      ),
    );
    for (const { id, product } of orders) {
      const paths = callsTo(service.sandbox, 'inventory').filter(({ path }) =>
        path.startsWith(`/inventory/${product}`),
      );
      expect(paths.map(({ causedBy }) => causedBy?.['x-request-id'])).toEqual([id, id]);
    }
  });
});
