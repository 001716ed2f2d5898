import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Settings } from '../../src/config/settings.js';
import { expectProblem, placeOrder } from '../support/builders.js';
import { startTestService, type TestResponse, type TestService } from '../support/service.js';
import { parseAnswer, sendText } from './raw-http.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const SHOP = 'https://shop.example.com';
const UNKNOWN_ORDER = '/orders/01980000-0000-7000-8000-000000000000';

let service: TestService;
let strict: TestService;

beforeAll(async () => {
  service = await startTestService();
  const settings: Partial<Record<keyof Settings, string>> = {
    CORS_ORIGINS: `${SHOP},http://localhost:3000`,
    REQUIRE_IF_MATCH: 'true',
  };
  strict = await startTestService({ settings, beside: service });
});

afterAll(async () => {
  await strict.stop();
  await service.stop();
});

/** A cross-origin request of a shop's page in a browser. */
const fromBrowser = (origin: string, more: Record<string, string> = {}) => ({ origin, ...more });

const corsHeaders = ({ headers }: TestResponse): string[] =>
  [...headers.keys()].filter((name) => name.startsWith('access-control-'));

describe('method that a path does not support', () => {
  it.each([
    ['DELETE', '/orders', 'GET, HEAD, OPTIONS, POST'],
    ['DELETE', '/orders/42', 'GET, HEAD, OPTIONS, PATCH, POST, PUT'],
    ['PATCH', '/orders', 'GET, HEAD, OPTIONS, POST'],
    ['DELETE', '/orders/a%20b', 'GET, HEAD, OPTIONS, PATCH, POST, PUT'],
    ['POST', '/orders/42/events?x=1', 'GET, HEAD, OPTIONS'],
    ['PUT', '/operations/incidents', 'GET, HEAD, OPTIONS'],
    ['POST', '/health/live', 'GET, HEAD, OPTIONS'],
    ['POST', '/problems/not-found', 'GET, HEAD, OPTIONS'],
  ])('%s %s returns 405 with the supported methods in Allow', async (method, path, allow) => {
    const answer = await service.request(method, path);
    expectProblem(answer, 405);
    expect(answer.headers.get('allow')).toBe(allow);
    expect(answer.body.allowed_methods).toEqual(allow.split(', '));
  });

  it.each(['TRACE', 'PROPFIND', 'LOCK'])('returns 405 for the rare method %s', async (method) => {
    const text = `${method} /orders HTTP/1.1\r\nhost: x\r\ncookie: secret\r\nconnection: close\r\n\r\n`;
    const answer = parseAnswer(await sendText(service.url, text));
    expect(answer).toMatchObject({ status: 405, body: { type: '/problems/method-not-allowed' } });
    expect(answer.headers.get('allow')).toBe('GET, HEAD, OPTIONS, POST');
    expect(JSON.stringify(answer.body)).not.toContain('secret');
  });

  it('does not apply to an unknown path, which returns 404', async () => {
    for (const method of ['GET', 'DELETE', 'OPTIONS']) {
      expectProblem(await service.request(method, '/order'), 404);
    }
  });
});

describe('an unknown address', () => {
  it.each(['{"customer_name":', 'x'.repeat(200_000)])(
    'returns 404 before it reads the body: %#',
    async (body) => {
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
      const answer = await fetch(`${service.url}/nowhere`, init);
      expect(answer.status).toBe(404);
      expect(await answer.json()).toMatchObject({ type: '/problems/not-found' });
    },
  );
});

describe('OPTIONS and HEAD', () => {
  it('OPTIONS returns the supported methods', async () => {
    for (const instance of [service, strict]) {
      const answer = await instance.request('OPTIONS', '/orders/42');
      expect(answer.status).toBe(204);
      expect(answer.headers.get('allow')).toBe('GET, HEAD, OPTIONS, PATCH, POST, PUT');
    }
  });

  it('HEAD returns the headers of GET without the body', async () => {
    const id = await placeOrder(service);
    const answer = await service.request('HEAD', `/orders/${id}`);
    expect(answer).toMatchObject({ status: 200, body: '' });
    expect(answer.headers.get('etag')).toBe('"2"');
    expect((await service.request('HEAD', UNKNOWN_ORDER)).status).toBe(404);
  });
});

describe('content negotiation', () => {
  it.each(['text/html', 'application/xml', 'image/*;q=0', 'nonsense'])(
    'returns JSON for any Accept header: %s',
    async (accept) => {
      const answer = await service.request('GET', '/orders', undefined, { accept });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toContain('application/json');
      expectProblem(await service.request('GET', UNKNOWN_ORDER, undefined, { accept }), 404);
    },
  );
});

describe('If-None-Match', () => {
  let path: string;
  beforeAll(async () => {
    path = `/orders/${await placeOrder(service)}`;
  });

  it.each(['"2"', 'W/"2"', '*', '"1", "2"', '"x",W/"2" '])(
    'returns 304 without a body when the version matches: %s',
    async (tags) => {
      const answer = await service.request('GET', path, undefined, { 'if-none-match': tags });
      expect(answer).toMatchObject({ status: 304, body: '' });
      expect(answer.headers.get('etag')).toBe('"2"');
    },
  );

  it.each(['"1"', '2', 'w/"2"', '"22"', '""', 'nonsense', '"2'])(
    'returns the order when the version differs: %s',
    async (tags) => {
      const answer = await service.request('GET', path, undefined, { 'if-none-match': tags });
      expect(answer).toMatchObject({ status: 200, body: { version: 2 } });
    },
  );

  it('returns 404 for an unknown order', async () => {
    expectProblem(await service.request('GET', UNKNOWN_ORDER, undefined, { 'if-none-match': '*' }), 404);
  });
});

describe('required If-Match', () => {
  it('returns 428 without the header and 412 for an old version, and changes the order with the current one', async () => {
    const path = `/orders/${await placeOrder(strict)}`;
    const refused = await strict.request('PUT', path, { status: 'shipped' });
    expectProblem(refused, 428);
    expect(refused.body.type).toBe('/problems/if-match-required');
    expect((await strict.request('GET', path)).body).toMatchObject({ status: 'confirmed', version: 2 });
    const stale = await strict.request('PUT', path, { status: 'shipped' }, { 'if-match': '"1"' });
    expectProblem(stale, 412);
    const done = await strict.request('PUT', path, { status: 'shipped' }, { 'if-match': '"2"' });
    expect(done).toMatchObject({ status: 200, body: { status: 'shipped' } });
  });
});

describe('headers for browsers', () => {
  const security = [
    'content-security-policy',
    'x-content-type-options',
    'x-frame-options',
    'referrer-policy',
  ];

  it.each(['/orders', '/nowhere', '/docs', '/problems', '/health'])(
    'restrict what a page may load: %s',
    async (path) => {
      const { headers } = await service.request('GET', path);
      for (const name of security) expect(headers.get(name)).not.toBeNull();
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-powered-by')).toBeNull();
    },
  );

  it('allow no other origin by default', async () => {
    expect(corsHeaders(await service.request('GET', '/orders', undefined, fromBrowser(SHOP)))).toEqual([]);
    const preflight = fromBrowser(SHOP, { 'access-control-request-method': 'POST' });
    expect(corsHeaders(await service.request('OPTIONS', '/orders', undefined, preflight))).toEqual([]);
  });

  it('allow the origins of CORS_ORIGINS and no others', async () => {
    const allowed = await strict.request('GET', '/orders', undefined, fromBrowser(SHOP));
    expect(allowed.headers.get('access-control-allow-origin')).toBe(SHOP);
    expect(allowed.headers.get('vary')).toMatch(/origin/i);
    expect(allowed.headers.get('access-control-allow-credentials')).toBeNull();
    for (const name of [
      'ETag',
      'Location',
      'X-Request-Id',
      'RateLimit',
      'Retry-After',
      'Idempotency-Replayed',
    ]) {
      expect(allowed.headers.get('access-control-expose-headers')?.split(', ')).toContain(name);
    }
    for (const origin of [
      'https://evil.example.com',
      `${SHOP}.evil.example.com`,
      'null',
      'http://shop.example.com',
    ]) {
      const answer = await strict.request('GET', '/orders', undefined, fromBrowser(origin));
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  it('answer CORS preflight requests', async () => {
    const preflight = fromBrowser(SHOP, {
      'access-control-request-method': 'PUT',
      'access-control-request-headers': 'if-match,content-type',
    });
    const answer = await strict.request('OPTIONS', '/orders/42', undefined, preflight);
    expect(answer.status).toBe(204);
    expect(answer.headers.get('access-control-allow-origin')).toBe(SHOP);
    expect(answer.headers.get('access-control-allow-methods')).toContain('PUT');
    expect(answer.headers.get('access-control-allow-headers')).toBe('if-match,content-type');
    expect(answer.headers.get('x-request-id')).toMatch(UUID);
  });

  it('let an allowed origin read errors too', async () => {
    const answer = await strict.request('GET', UNKNOWN_ORDER, undefined, fromBrowser(SHOP));
    expectProblem(answer, 404);
    expect(answer.headers.get('access-control-allow-origin')).toBe(SHOP);
  });
});
