import { gzipSync, brotliCompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  callsTo,
  expectProblem,
  line,
  newProduct,
  orderBody,
  placeOrder,
  placeWithKey,
  sendBytes,
  setStock,
  statusesTold,
} from '../support/builders.js';
import { beginUntraced, expectNoTrace } from '../support/no-trace.js';
import { eventually, startTestService, type TestService } from '../support/service.js';
import { parseAnswer, sendText } from './raw-http.js';

const JSON_HEADERS = { 'content-type': 'application/json' };
const ITEM = '{"product_id":"PROD001","quantity":1}';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});

beforeEach(() => beginUntraced(service));

afterAll(() => service.stop());

/** A valid order with JSON text inserted before its fields. */
const withBefore = (text: string): string =>
  `{${text},"customer_name":"Alice","customer_email":"a@example.com","items":[${ITEM}]}`;

describe('duplicate JSON member names are rejected', () => {
  afterEach(() => expectNoTrace(service));

  it.each([
    ['in the order', withBefore('"customer_name":"Bob"'), 'customer_name'],
    ['with the same value', withBefore('"customer_name":"Alice"'), 'customer_name'],
    [
      'with an escaped second name',
      withBefore(String.raw`"cu\u0073tomer_email":"b@example.com"`),
      'customer_email',
    ],
    [
      'in a line',
      withBefore('"currency":"USD"').replace('"quantity":1', '"quantity":1,"quantity":2'),
      'items[0].quantity',
    ],
    ['in a nested unknown field', withBefore('"x":[{},{"y":{"z":1,"z":1}}]'), 'x[1].y.z'],
  ])('%s', async (_name, body, field) => {
    for (const path of ['/orders', '/orders/42']) {
      expectProblem(await sendBytes(`${service.url}${path}`, 'POST', body, JSON_HEADERS), 400, [field]);
    }
  });

  it('in a status change', async () => {
    const body = '{"status":"shipped","status":"cancelled"}';
    const path = '/orders/01980000-0000-7000-8000-000000000000';
    expectProblem(await sendBytes(service.url + path, 'PUT', body, JSON_HEADERS), 400, ['status']);
  });
});

describe('a compressed request body is rejected without being unpacked', () => {
  afterEach(() => expectNoTrace(service));
  const bomb = Buffer.alloc(50 * 1024 * 1024, ' ');
  const order = JSON.stringify(orderBody());

  it.each<[string, Uint8Array<ArrayBuffer>, string]>([
    ['50 MB in 50 kB', Uint8Array.from(gzipSync(bomb)), 'gzip'],
    ['50 MB in a few bytes', Uint8Array.from(brotliCompressSync(bomb)), 'br'],
    ['a valid order', Uint8Array.from(gzipSync(order)), 'gzip'],
    ['twice', Uint8Array.from(gzipSync(gzipSync(order))), 'gzip, gzip'],
    ['only the header', Uint8Array.from(Buffer.from(order)), 'deflate'],
    ['an unknown encoding', Uint8Array.from(Buffer.from(order)), 'x-unheard-of'],
  ])('%s', async (_name, body, encoding) => {
    const headers = { ...JSON_HEADERS, 'content-encoding': encoding };
    const answer = await sendBytes(`${service.url}/orders`, 'POST', body, headers);
    expectProblem(answer, 415);
    expect(answer.headers.get('accept-encoding')).toBe('identity');
  });
});

describe('unusual but valid text is stored unchanged', () => {
  it.each<[name: string, text: string, id?: string]>([
    ['in right-to-left script', 'שלום עולם'],
    // Names may contain invisible characters. Ids may not, because two of them would look the same.
    ['with direction marks', 'Alice \u202eecilA\u202c', 'ecilA'],
    ['of four-byte characters', '𝔄𝔩𝔦𝔠𝔢 👩🏽‍🚀', '𝔄𝔩𝔦𝔠𝔢 👩🏽🚀'],
    ['of combining characters', 'Zoe\u0308 Z\u0351\u036bo'],
    ['that looks like SQL', "Robert'); DROP TABLE orders;--"],
    ['that looks like HTML', '<script>alert(1)</script>'],
    ['that looks like a template', '${7*7} {{7*7}} %{7*7} $$ $1'],
    ['with backslashes and quotes', String.raw`\"\\' \u0000 \x00`],
  ])('%s, in the normalization form NFC', async (_name, text, customer = text) => {
    const body = orderBody([line(newProduct(service.sandbox))], {
      customer_name: text,
      customer_id: customer,
    });
    const id = await placeOrder(service, body);
    const name = text.normalize('NFC');
    const stored = { customer_name: name, customer_id: customer.normalize('NFC') };
    expect((await service.request('GET', `/orders/${id}`)).body).toMatchObject(stored);
    const list = await service.request('GET', `/orders?customer_id=${encodeURIComponent(customer)}`);
    expect(list.body).toMatchObject({ count: 1, orders: [stored] });
    const byPath = await service.request('GET', `/orders/${encodeURIComponent(customer)}`);
    expect(byPath.body).toMatchObject({ count: 1, orders: [stored] });
    await eventually(() => statusesTold(service.sandbox, id).length);
    const [message] = service.sandbox.notifications.messages.all().filter(({ order_id }) => order_id === id);
    expect(message?.customer_name).toBe(name);
  });

  it('in a product id', async () => {
    for (const product of ["x' OR '1'='1", '../../admin', 'a/b?c=d#e', '%2e%2e%2f', '𝔭-🚀', 'ש']) {
      setStock(service.sandbox, product, 5);
      const id = await placeOrder(service, orderBody([line(product)]));
      const list = await service.request('GET', `/orders?product_id=${encodeURIComponent(product)}`);
      expect((list.body.orders as { order_id: string }[]).map(({ order_id }) => order_id)).toEqual([id]);
      const paths = callsTo(service.sandbox, 'inventory').map(({ path }) => path);
      expect(paths).toContain(`/inventory/${encodeURIComponent(product)}`);
    }
  });
});

describe('unpaired surrogates and NUL are rejected in every query parameter and field', () => {
  afterEach(() => expectNoTrace(service));

  it.each([
    ['a query with NUL', '/orders?customer_id=a%00b'],
    ['a filter by a product with NUL', '/orders?product_id=%00'],
    ['a filter by an address with NUL', '/orders?customer_email=a%00@example.com'],
    ['a cursor with NUL', '/orders?cursor=%00'],
    ['a status with NUL', '/orders?status=confirmed%00'],
  ])('%s', async (_name, path) => {
    expectProblem(await service.request('GET', path), 400);
  });

  it('escaped in JSON', async () => {
    for (const half of ['\\ud800', '\\udc00', '\\udc00\\ud800', '\\u0000']) {
      const body = withBefore(`"customer_id":"a${half}b"`);
      expectProblem(await sendBytes(`${service.url}/orders`, 'POST', body, JSON_HEADERS), 400, [
        'customer_id',
      ]);
    }
  });
});

describe('prototype pollution', () => {
  afterEach(() => expectNoTrace(service));

  it.each([
    '/orders?__proto__[polluted]=1',
    '/orders?__proto__=1',
    '/orders?constructor[prototype][polluted]=1',
    '/orders?constructor=1',
    '/orders?toString=1',
    '/operations/incidents?__proto__=1',
  ])('is not possible through a query: %s', async (path) => {
    const answer = await service.request('GET', path);
    expect([200, 400]).toContain(answer.status);
    expect({}).not.toHaveProperty('polluted');
  });

  it.each(['{"__proto__":{"polluted":1}}', '{"constructor":{"prototype":{"polluted":1}}}'])(
    'is not possible through a body: %s',
    async (body) => {
      for (const [method, path] of [
        ['POST', '/orders'],
        ['POST', '/orders/42'],
        ['PUT', '/orders/42'],
        ['POST', '/operations/incidents/x'],
        ['POST', '/operations/notifications/redrive'],
      ] as const) {
        expectProblem(await sendBytes(service.url + path, method, body, JSON_HEADERS), 400);
      }
      expect({}).not.toHaveProperty('polluted');
    },
  );

  it('is not possible through names in a path', async () => {
    for (const name of ['__proto__', 'constructor', 'hasOwnProperty']) {
      expectProblem(await service.request('GET', `/orders/${name}`), 404);
      expectProblem(await service.request('GET', `/problems/${name}`), 404);
    }
  });
});

/** Sends a path unchanged; client libraries would normalize it. */
async function getRaw(path: string): Promise<ReturnType<typeof parseAnswer>> {
  return parseAnswer(
    await sendText(service.url, `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`),
  );
}

describe('path traversal and unusual paths do not reach another route', () => {
  it.each([
    ['/orders/', 404],
    ['//orders', 404],
    ['/orders//', 404],
    ['/orders//events', 404],
    ['/./orders', 404],
    ['/health/../orders', 404],
    ['/orders/..%2fhealth', 404],
    ['/orders/%2e%2e/health', 404],
    ['/orders/..', 404],
    ['/%6frders', 200],
    ['/ORDERS', 404],
    ['/orders%00', 404],
    ['/orders/%00', 404],
    ['/orders%2f42', 404],
    ['/orders;v=1', 404],
    ['/orders/..;/health', 404],
    ['/docs/../../package.json', 404],
    ['/docs/..%2f..%2fpackage.json', 404],
    ['/docs/%2e%2e/%2e%2e/package.json', 404],
    ['/docs/....//package.json', 404],
    ['/problems/..%2forders', 404],
    ['/problems/%3cscript%3e', 404],
    ['http://other.example.com/orders', 200],
    ['*', 404],
    ['/orders\\..\\health', 404],
  ])('%s', async (path, status) => {
    const answer = await getRaw(path);
    if (status === 404) expectProblem(answer, 404);
    else expect(answer).toMatchObject({ status, body: { orders: expect.anything() } });
    expect(JSON.stringify(answer.body)).not.toContain('devDependencies');
  });
});

const get = (fields: string): string =>
  `GET /orders?limit=1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${fields}\r\n`;

describe('request headers', () => {
  it.each([
    ['100 headers', 'a: b\r\n'.repeat(100)],
    ['a header of 15 kB', `x: ${'a'.repeat(15_000)}\r\n`],
    ['bytes beyond ASCII', 'x: \u00ff\u00fe\r\n'],
    ['a header named __proto__', '__proto__: x\r\n'],
    ['an upgrade to an unsupported protocol', 'upgrade: websocket\r\n'],
    ['a method override', 'x-http-method-override: DELETE\r\n'],
    ['a forwarded host', 'x-forwarded-host: evil.example.com\r\n'],
    ['a range', 'range: bytes=0-1\r\n'],
  ])('without a meaning for the service are ignored: %s', async (_name, fields) => {
    const answer = parseAnswer(await sendText(service.url, get(fields)));
    expect(answer).toMatchObject({ status: 200, body: { orders: expect.anything() } });
  });

  it('with a line break do not split the response headers', async () => {
    for (const id of ['a%0d%0aset-cookie: x', 'a\u0085b']) {
      const answer = parseAnswer(await sendText(service.url, get(`x-request-id: ${id}\r\n`)));
      expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
      expect(answer.headers.get('set-cookie')).toBeNull();
    }
    const path = '/orders/a%0d%0aset-cookie:%20x';
    expect((await service.request('PUT', path, { status: 'shipped' })).headers.get('set-cookie')).toBeNull();
  });

  it('are rejected when sent twice where only one is allowed', async () => {
    const body = JSON.stringify(orderBody([line(newProduct(service.sandbox))]));
    const post = (fields: string): string =>
      `POST /orders HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${body.length}\r\n${fields}\r\n${body}`;
    const type = 'content-type: application/json\r\n';
    for (const fields of [
      `${type}idempotency-key: a\r\nidempotency-key: b\r\n`,
      `${type}idempotency-key: "a"\r\nidempotency-key: "b"\r\n`,
    ]) {
      expectProblem(parseAnswer(await sendText(service.url, post(fields))), 400, ['Idempotency-Key']);
    }
    await expectNoTrace(service);
  });
});

describe('quoted and bare Idempotency-Key', () => {
  it.each([
    ['twice-spelled', '"twice-spelled"'],
    [String.raw`back\slash`, String.raw`"back\\slash"`],
    ['with, comma', undefined],
  ])('%s is the same key in both forms', async (bare, quoted = JSON.stringify(bare)) => {
    const body = orderBody([line(newProduct(service.sandbox))]);
    const first = await placeWithKey(service, quoted, body);
    expect(first.status).toBe(201);
    const second = await placeWithKey(service, bare.includes(',') ? quoted : bare, body);
    expect(second).toMatchObject({ status: 201, body: first.body });
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect(first.headers.get('idempotency-replayed')).toBeNull();
  });
});
