import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { orderBody, placeOrder } from '../support/builders.js';
import { expectPrivate, expectShared, varyOf } from '../support/caching.js';
import { API_KEYS, CUSTOMER, type Headers, knownCallers } from '../support/callers.js';
import { freePort } from '../support/free-port.js';
import { TestIssuer } from '../support/issuer.js';
import { startTestService, type TestResponse, type TestService } from '../support/service.js';
import { parseAnswer, sendText } from './raw-http.js';

const ORIGIN = 'https://shop.example.com';

let issuer: TestIssuer;
let service: TestService;
let metricsPort: number;
let admin: Headers;
let orderId: string;

const get = (path: string, headers: Headers = {}): Promise<TestResponse> =>
  service.request('GET', path, undefined, { ...admin, ...headers });

beforeAll(async () => {
  issuer = await TestIssuer.start();
  metricsPort = await freePort();
  service = await startTestService({
    settings: {
      ...issuer.settings,
      AUTH: 'jwt,api-key',
      API_KEYS,
      CORS_ORIGINS: ORIGIN,
      METRICS_PORT: String(metricsPort),
    },
  });
  admin = (await knownCallers(issuer)).admin;
  orderId = await placeOrder(service, { ...orderBody(), customer_id: CUSTOMER }, admin);
});
afterAll(async () => {
  await service.stop();
  await issuer.close();
});

describe('Cache-Control of responses that depend on the caller', () => {
  it.each<[string, () => Promise<TestResponse>]>([
    ['an order', () => get(`/orders/${orderId}`)],
    ['304', () => get(`/orders/${orderId}`, { 'if-none-match': '"2"' })],
    ['the orders of a customer', () => get(`/orders/${CUSTOMER}`)],
    ['400', () => get('/orders?limit=0')],
    ['401', () => service.request('GET', '/orders')],
    ['404', () => get('/orders/unknown')],
    [
      '412',
      () =>
        service.request('PUT', `/orders/${orderId}`, { status: 'shipped' }, { ...admin, 'if-match': '"9"' }),
    ],
    ['a placed order', () => service.request('POST', '/orders', orderBody(), admin)],
    ['an unknown path', () => get('/nowhere')],
    ['an unsupported method', () => service.request('DELETE', '/orders', undefined, admin)],
    ['an OPTIONS request', () => service.request('OPTIONS', '/orders', undefined, admin)],
  ])('forbids shared caches: %s', async (_what, ask) => {
    expectPrivate((await ask()).headers);
  });

  it('forbids caches for a response to invalid HTTP', async () => {
    const { headers } = parseAnswer(await sendText(service.url, 'NONSENSE\r\n\r\n'));
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('forbids caches for a path that the router can not decode', async () => {
    expect((await get('/orders/%zz')).headers.get('cache-control')).toBe('no-store');
  });

  it('forbids caches on the metrics port', async () => {
    for (const path of ['/metrics', '/nowhere']) {
      const { headers } = await fetch(`http://127.0.0.1:${metricsPort}${path}`);
      expect(headers.get('cache-control')).toBe('no-store');
    }
  });
});

describe('Vary header', () => {
  it('names Origin when CORS_ORIGINS is set', async () => {
    expect(varyOf((await get('/orders')).headers)).toContain('origin');
    expect(varyOf((await get('/orders', { origin: ORIGIN })).headers)).toContain('origin');
  });

  it('names Accept-Encoding when a response may be compressed, also for HEAD', async () => {
    expect(varyOf((await get('/docs-json')).headers)).toContain('accept-encoding');
    const head = await service.request('HEAD', '/docs-json', undefined, admin);
    expect(varyOf(head.headers)).toContain('accept-encoding');
    expectShared(head);
  });

  it('names Accept when a page may be JSON', async () => {
    const page = await get('/problems', { accept: 'application/json' });
    expect(varyOf(page.headers)).toContain('accept');
    expectShared(page);
  });

  it('names Prefer when an order may be placed asynchronously', async () => {
    const { headers } = await service.request('POST', '/orders', orderBody(), {
      ...admin,
      prefer: 'respond-async',
    });
    expect(varyOf(headers)).toContain('prefer');
  });
});
