import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadSettings } from '../../src/config/load-settings.js';
import { expectProblem, line, newProduct, orderBody } from '../support/builders.js';
import { API_KEYS } from '../support/callers.js';
import { parseMetrics, sumOf } from '../support/metrics.js';
import { startTestService, type TestService } from '../support/service.js';
import { sendText } from './raw-http.js';

const SHOP = 'https://shop.example.com';
const DATABASE_URL = 'postgres://127.0.0.1/orders';

let service: TestService;
let guarded: TestService;

beforeAll(async () => {
  service = await startTestService({ settings: { CORS_ORIGINS: SHOP } });
  guarded = await startTestService({ settings: { AUTH: 'api-key', API_KEYS }, beside: service });
});
afterAll(async () => {
  await guarded.stop();
  await service.stop();
});

async function statusFor(url: string, head: string, fields: string): Promise<number> {
  const text = `${head} HTTP/1.1\r\nconnection: close\r\n${fields}\r\n`;
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(await sendText(url, text))?.[1]);
}

/** Changes state without a body, so browsers send it without a preflight request. */
const REDRIVE = 'POST /operations/notifications/redrive';

const FOREIGN: [string, string][] = [
  ['an origin of another site', 'host: localhost\r\norigin: https://evil.example.com\r\n'],
  ['an origin of another port', 'host: localhost:8080\r\norigin: http://localhost:3000\r\n'],
  ['the origin of a sandboxed frame', 'host: localhost\r\norigin: null\r\n'],
  ['a cross-site request', 'host: localhost\r\nsec-fetch-site: cross-site\r\nsec-fetch-mode: no-cors\r\n'],
  ['a cross-site form', 'host: localhost\r\nsec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\n'],
  ['a rebound name', 'host: evil.example.com:8080\r\n'],
  ['a rebound name as its own origin', 'host: evil.example.com\r\norigin: http://evil.example.com\r\n'],
  ['a name that ends in an address', 'host: evil.127.0.0.1\r\n'],
  ['a name with a trailing dot', 'host: evil.\r\n'],
];

const OWN: [string, string][] = [
  ['localhost', 'host: localhost:8080\r\n'],
  ['a name below localhost', 'host: orders.localhost\r\n'],
  ['an IPv4 address', 'host: 192.168.1.7:8080\r\n'],
  ['an IPv6 address', 'host: [::1]:8080\r\n'],
  ['the name of a container', 'host: order-service:8080\r\n'],
  ['the page of the service itself', 'host: localhost:8080\r\norigin: http://localhost:8080\r\n'],
  ['a page of the service itself', 'host: localhost\r\nsec-fetch-site: same-origin\r\n'],
  ['an address typed by a person', 'host: localhost\r\nsec-fetch-site: none\r\n'],
  [
    'a site of CORS_ORIGINS',
    `host: localhost\r\norigin: ${SHOP}\r\nsec-fetch-site: cross-site\r\nsec-fetch-mode: cors\r\n`,
  ],
  ['the host of a site of CORS_ORIGINS', 'host: shop.example.com\r\n'],
];

describe('service without authentication', () => {
  it.each(FOREIGN)('rejects %s', async (_name, fields) => {
    expect(await statusFor(service.url, 'GET /orders', fields)).toBe(403);
    expect(await statusFor(service.url, REDRIVE, `${fields}content-length: 0\r\n`)).toBe(403);
  });

  it.each(OWN)('accepts %s', async (_name, fields) => {
    expect(await statusFor(service.url, 'GET /orders', fields)).toBe(200);
  });

  it('rejects a cross-site request with the reason and without an effect', async () => {
    const order = orderBody([line(newProduct(service.sandbox))]);
    const answer = await service.request('POST', '/orders', order, { origin: 'https://evil.example.com' });
    expectProblem(answer, 403);
    expect(answer.body).toMatchObject({ type: '/problems/cross-site-request' });
    expect((await service.request('GET', '/orders')).body.orders).toEqual([]);
  });

  it('makes a flood of cross-site requests wait while others send requests', async () => {
    const honest = setInterval(() => void service.request('GET', '/caller').catch(() => undefined), 20);
    const flood = Array.from({ length: 100 }, async () => {
      for (let count = 0; count < 5; count += 1) {
        const headers = { origin: 'https://evil.example.com' };
        expectProblem(await service.request('POST', '/orders/1', undefined, headers), 403);
      }
    });
    await Promise.all(flood).finally(() => clearInterval(honest));
    const metrics = parseMetrics(String((await service.request('GET', '/metrics')).body));
    expect(sumOf(metrics, 'processor_share_wait_seconds_count', { kind: 'refused' })).toBeGreaterThan(0);
  });

  it('allows links of other sites to its pages', async () => {
    const link = 'host: localhost\r\nsec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\n';
    expect(await statusFor(service.url, 'GET /admin', link)).toBe(200);
    expect(await statusFor(service.url, 'GET /problems/not-found', link)).toBe(200);
  });

  it('orders a cart for a program that sends no body and no browser headers', async () => {
    const fields = 'host: localhost:8080\r\nuser-agent: curl/8.5.0\r\naccept: */*\r\n';
    expect(await statusFor(service.url, 'POST /orders/1', fields)).toBe(201);
  });

  it.each(FOREIGN)('has stand-ins that reject %s', async (_name, fields) => {
    const { inventory } = service.sandbox.urls;
    expect(await statusFor(inventory, 'POST /sandbox/reset', fields)).toBe(403);
    expect(await statusFor(inventory, 'GET /sandbox/stock', fields)).toBe(403);
  });

  it('has stand-ins that accept programs', async () => {
    const { inventory } = service.sandbox.urls;
    expect(await statusFor(inventory, 'GET /sandbox/stock', 'host: inventory-service:8081\r\n')).toBe(200);
  });
});

describe('service with authentication', () => {
  it.each([...FOREIGN, ...OWN])('checks only the credentials of %s', async (_name, fields) => {
    expect(await statusFor(guarded.url, 'GET /orders', fields)).toBe(401);
  });
});

describe('default listen address', () => {
  it.each([
    ['development', '127.0.0.1'],
    ['test', '127.0.0.1'],
    ['production', '0.0.0.0'],
  ])('of %s is %s', (NODE_ENV, host) => {
    const settings = { DATABASE_URL, NODE_ENV, AUTH: 'api-key', API_KEYS };
    expect(loadSettings(settings).HOST).toBe(host);
    expect(loadSettings({ ...settings, HOST: '10.1.2.3' }).HOST).toBe('10.1.2.3');
  });
});
