import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { expectProblem, line, orderBody, placeOrder, sendBytes, statusesTold } from '../support/builders.js';
import { beginUntraced, expectNoTrace } from '../support/no-trace.js';
import { eventually, startTestService, type TestService } from '../support/service.js';
import { parseAnswer, sendText } from './raw-http.js';

const JSON_HEADERS = { 'content-type': 'application/json' };
const LIMIT_BYTES = 100 * 1024;
const VALID = JSON.stringify(orderBody());

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});

beforeEach(() => beginUntraced(service));

afterAll(() => service.stop());

/** A valid order, padded with spaces between its tokens to a length in bytes. */
function orderOf(bytes: number): string {
  return `${VALID.slice(0, -1)}${' '.repeat(bytes - VALID.length)}}`;
}

function bytesOf(...parts: (string | number[])[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(parts.flatMap((part) => (typeof part === 'string' ? [...Buffer.from(part)] : part)));
}

const nested = (open: string, close: string, depth: number): string =>
  open.repeat(depth) + close.repeat(depth);

/** A valid order whose only line has one more field. */
const withInLine = (json: string): string => VALID.replace('"quantity":1', `"quantity":1,"extra":${json}`);

const BODIES: [name: string, body: string | Uint8Array<ArrayBuffer>, status: number][] = [
  ['text that is not JSON', 'customer_name=Alice', 400],
  ['truncated JSON', VALID.slice(0, -5), 400],
  ['JSON with trailing text', `${VALID}}`, 400],
  ['JSON with single quotes', `{'items':[]}`, 400],
  ['NaN, which is not JSON', VALID.replace('"quantity":1', '"quantity":1,"price":NaN'), 400],
  ['a single space', ' ', 400],
  ['a null', 'null', 400],
  ['a list', `[${VALID}]`, 400],
  ['a JSON string', '"order"', 400],
  ['a number', '42', 400],
  ['true', 'true', 400],
  ['a byte that is not UTF-8', bytesOf('{"customer_name":"', [0xff], '"}'), 400],
  ['a truncated UTF-8 character', bytesOf('{"customer_name":"Al', [0xe2, 0x82], '"}'), 400],
  ['an overlong UTF-8 sequence', bytesOf('{"customer_name":"', [0xc0, 0xaf], '"}'), 400],
  ['a surrogate in UTF-8', bytesOf('{"customer_name":"', [0xed, 0xa0, 0x80], '"}'), 400],
  ['UTF-16', Uint8Array.from(Buffer.from(VALID, 'utf16le')), 400],
  ['one byte more than 100 kB', orderOf(LIMIT_BYTES + 1), 413],
  ['a megabyte', orderOf(1024 * 1024), 413],
  ['lists nested 10,000 deep', nested('[', ']', 10_000), 400],
  ['lists nested 10,000 deep and not closed', '['.repeat(10_000), 400],
  ['objects nested 10,000 deep', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, 400],
  ['lists nested 10,000 deep in a field', VALID.replace('"Alice Johnson"', nested('[', ']', 10_000)), 400],
  ['lists nested 10,000 deep in a line', withInLine(nested('[', ']', 10_000)), 400],
  ['objects nested 1,000 deep in a line', withInLine(`${'{"a":'.repeat(1_000)}1${'}'.repeat(1_000)}`), 400],
  ['lists nested 10 deep in a line', withInLine(nested('[', ']', 10)), 400],
  ['a key named __proto__', VALID.replace('{', '{"__proto__":{"admin":true},'), 400],
  ['an escaped key named __proto__', VALID.replace('{', String.raw`{"\u005f_proto__":{"admin":true},`), 400],
  ['a key named __proto__ in a line', withInLine('{"__proto__":[]}'), 400],
  ['a prototype below a constructor', VALID.replace('{', '{"constructor":{"prototype":{"a":1}},'), 400],
];

describe.each(['/orders', '/orders/42'])('POST %s rejects a body that is', (path) => {
  afterEach(() => expectNoTrace(service));

  it.each(BODIES)('%s', async (_name, body, status) => {
    expectProblem(await sendBytes(`${service.url}${path}`, 'POST', body, JSON_HEADERS), status);
  });
});

describe('a body of exactly 100 kB', () => {
  it('is accepted', async () => {
    const answer = await sendBytes(`${service.url}/orders`, 'POST', orderOf(LIMIT_BYTES), JSON_HEADERS);
    expect(answer.status).toBe(201);
    // Its notification must not arrive while a later test counts calls.
    await eventually(() => statusesTold(service.sandbox, answer.body.order_id).length);
  });
});

describe('a body with another content type than JSON returns 415', () => {
  afterEach(() => expectNoTrace(service));

  it.each<[string, Record<string, string>]>([
    ['no content type', {}],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['plain text', { 'content-type': 'text/plain' }],
    ['XML', { 'content-type': 'application/xml' }],
    ['a multipart form', { 'content-type': 'multipart/form-data; boundary=x' }],
    ['a type that is only similar to JSON', { 'content-type': 'application/jsonp' }],
    ['an invalid content type', { 'content-type': 'json' }],
  ])('%s', async (_name, headers) => {
    for (const path of ['/orders', '/orders/42']) {
      expectProblem(await sendBytes(`${service.url}${path}`, 'POST', VALID, headers), 415);
    }
  });
});

const TOO_LONG = 'x'.repeat(129);

describe('an unknown path or method is rejected', () => {
  afterEach(() => expectNoTrace(service));

  it.each<[string, string, string, number]>([
    ['an unknown route', 'GET', '/order', 404],
    ['a route below an order', 'GET', '/orders/42/items', 404],
    ['an unknown method', 'DELETE', '/orders/42', 405],
    ['a method that the list does not support', 'PUT', '/orders', 405],
    ['a malformed escape', 'GET', '/orders/%zz', 400],
    ['a truncated escape', 'GET', '/orders/%', 400],
    ['an escape that is not UTF-8', 'GET', '/orders/%ff', 400],
    ['a malformed escape in another route', 'GET', '/%zz', 400],
    ['an order with NUL', 'GET', '/orders/a%00b', 404],
    ['an order with a control character', 'GET', '/orders/%0a', 404],
    ['an order of 129 characters', 'GET', `/orders/${TOO_LONG}`, 404],
    ['an order of 5,000 characters', 'GET', `/orders/${'x'.repeat(5_000)}`, 414],
    ['the history of an order with NUL', 'GET', '/orders/%00/events', 404],
    ['the history of an order with a text id', 'GET', '/orders/abc/events', 404],
    ['the history of an order of 129 characters', 'GET', `/orders/${TOO_LONG}/events`, 404],
  ])('%s', async (_name, method, path, status) => {
    expectProblem(await sendBytes(`${service.url}${path}`, method, undefined, {}), status);
  });

  it.each([
    '/admin/orders/%E0%A4%A',
    '/admin/assets/%zz',
    '/docs/%ff',
    '/problems/%zz',
    '/orders/%zz/events',
    '/health/%',
    `/orders/${'x'.repeat(2_000)}`,
  ])('an unreadable path has the headers of every other response: %s', async (path) => {
    for (const method of ['GET', 'POST']) {
      const { status, headers, body } = await sendBytes(`${service.url}${path}`, method, undefined, {
        accept: 'text/html',
      });
      expect([400, 414]).toContain(status);
      expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('x-request-id')).toBeTruthy();
      // Neither the path nor the framework's own words.
      expect(JSON.stringify(body)).not.toMatch(/url component|%/);
    }
  });

  it.each(['/orders/%00', '/orders/%7f', `/orders/${TOO_LONG}`, '/orders/%C2%85'])(
    'an order for an impossible customer id: %s',
    async (path) => {
      const answer = await sendBytes(`${service.url}${path}`, 'POST', VALID, JSON_HEADERS);
      expectProblem(answer, 400, ['customer_id']);
    },
  );

  it.each(['/orders/%00', '/orders/abc', `/orders/${TOO_LONG}`])(
    'a status change with an impossible order id: %s',
    async (path) => {
      const answer = await sendBytes(`${service.url}${path}`, 'PUT', '{"status":"shipped"}', JSON_HEADERS);
      expectProblem(answer, 404);
    },
  );
});

describe('invalid HTTP is rejected without an effect', () => {
  afterEach(() => expectNoTrace(service));

  const head = 'GET /orders HTTP/1.1\r\nhost: x\r\n';
  const post = 'POST /orders HTTP/1.1\r\nhost: x\r\n';

  it.each<[string, string, number]>([
    ['text that is not HTTP', 'hello\r\n\r\n', 400],
    ['a NUL in a header', `${head}x: a\u0000b\r\n\r\n`, 400],
    ['two lengths', `${post}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`, 400],
    ['headers of 20 kB', `${head}x: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
    ['a URL of 20 kB', `GET /orders?${'a'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`, 431],
    [
      'a URL of 9 kB',
      `GET /orders?${'a'.repeat(9_000)} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`,
      414,
    ],
    ['201 headers', `${head}connection: close\r\n${'a: b\r\n'.repeat(199)}\r\n`, 431],
    ['1,500 headers', `${head}connection: close\r\n${'a: b\r\n'.repeat(1_500)}\r\n`, 431],
    [
      'a length and chunked encoding',
      `${post}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    ['a negative length', `${post}content-length: -1\r\n\r\n`, 400],
    ['a length with a sign', `${post}content-length: +2\r\n\r\n{}`, 400],
    ['a chunk size that is not a number', `${post}transfer-encoding: chunked\r\n\r\nzz\r\n`, 400],
    ['an unknown transfer encoding', `${post}transfer-encoding: gzip\r\n\r\n{}`, 400],
    ['a bare CR in a header', `${head}x: a\rb: c\r\n\r\n`, 400],
    ['a space before the colon', `${head}x : a\r\n\r\n`, 400],
    ['a header on two lines', `${head}x: a\r\n b\r\n\r\n`, 400],
    ['no host', 'GET /orders HTTP/1.1\r\nconnection: close\r\n\r\n', 400],
    ['an unknown expectation', `${head}expect: the-moon\r\nconnection: close\r\n\r\n`, 417],
    ['HTTP/3.0', 'GET /orders HTTP/3.0\r\nhost: x\r\n\r\n', 400],
  ])('%s', async (_name, text, status) => {
    const answer = parseAnswer(await sendText(service.url, text));
    expectProblem(answer, status);
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each(['transfer-encoding: gzip', 'expect: the-moon'])('HEAD with %s, without a body', async (header) => {
    const answer = await sendText(service.url, `HEAD /orders HTTP/1.1\r\nhost: x\r\n${header}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d .*\r\n\r\n$/s);
  });
});

describe('a bad request', () => {
  it('does not keep the service from accepting the next order', async () => {
    expect(await placeOrder(service, orderBody([line('PROD003')]))).not.toBe('');
  });
});
