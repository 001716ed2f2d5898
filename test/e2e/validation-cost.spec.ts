import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.js';
import { sendBytes } from '../support/builders.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { processorTimeOf } from '../support/processor-time.js';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.js';
import { testSettings } from '../support/service.js';

/** Upper bound for the processor time of validation; measured with the rest of a rejected request. */
const BUDGET_MS = 20;

/** The best of several tries counts, because the machine may be busy and the code is not yet compiled at first. */
const TRIES = 10;

const MAX_ANSWER_BYTES = 10_000;
const MAX_ERRORS = 50;

const CUSTOMER = { customer_name: 'Alice', customer_email: 'alice@example.com' };
const LINE = { product_id: 'P1', quantity: 1 };

let service: ServiceProcess;
let database: TestDatabase;
let sandbox: Sandbox;
beforeAll(async () => {
  database = await createTestDatabase();
  sandbox = await startSandbox({ ports: { inventory: 0, notification: 0, catalog: 0, carts: 0 } });
  // The built service: inside the test runner the same code takes several times as long.
  service = await startServiceProcess({ ...testSettings(sandbox, database.url), LOG_LEVEL: 'info' });
}, 60_000);
afterAll(async () => {
  await service?.end('SIGTERM');
  await sandbox?.close();
  await database?.drop();
});

interface Rejection {
  status: number;
  bytes: number;
  cpuMs: number;
  body: { detail: string; errors: { field: string; message: string }[]; has_more_errors?: boolean };
}

/** Sends a request several times. @returns its response, with the least processor time */
async function reject(method: string, path: string, body?: unknown, tries = TRIES): Promise<Rejection> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  let cpuMs = Infinity;
  let answer: Rejection | undefined;
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const before = processorTimeOf(service.pid);
    const sent = await sendBytes(service.url + path, method, text, { 'content-type': 'application/json' });
    cpuMs = Math.min(cpuMs, processorTimeOf(service.pid) - before);
    answer = {
      status: sent.status,
      bytes: JSON.stringify(sent.body).length,
      cpuMs,
      body: sent.body as unknown as Rejection['body'],
    };
  }
  if (!answer) throw new Error('nothing was sent');
  return answer;
}

const times = <Value>(count: number, value: Value): Value[] => Array.from({ length: count }, () => value);
const names = (count: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 1]));

const LISTS: [string, string, string, unknown, string][] = [
  ['POST', '/orders', 'empty objects', { ...CUSTOMER, items: times(30_001, {}) }, 'items'],
  ['POST', '/orders', 'unknown fields', { ...CUSTOMER, items: times(12_500, { x: 1 }) }, 'items'],
  ['POST', '/orders/42', 'empty objects', { items: times(30_001, {}) }, 'items'],
  ['POST', '/orders/preview', 'empty objects', { items: times(30_001, {}) }, 'items'],
  ['POST', '/orders/42/preview', 'empty objects', { items: times(30_001, {}) }, 'items'],
  [
    'POST',
    '/orders/bulk-status',
    'empty objects',
    { status: 'shipped', orders: times(30_001, {}) },
    'orders',
  ],
];

describe('oversized list', () => {
  it.each(LISTS)('is rejected by its length: %s %s with %s', async (method, path, _what, body, field) => {
    const { status, bytes, cpuMs, body: problem } = await reject(method, path, body);
    expect(status).toBe(400);
    expect(problem.errors).toEqual([{ field, message: expect.stringMatching(/^must have at most/) }]);
    expect(problem.has_more_errors).toBeUndefined();
    expect(bytes).toBeLessThan(500);
    expect(cpuMs).toBeLessThan(BUDGET_MS);
  });
});

const MANY_PARAMETERS = Object.keys(names(500)).join('=1&');

const MANY_ERRORS: [string, string, string, unknown][] = [
  ['POST', '/orders', '200 invalid lines', { ...CUSTOMER, items: times(200, { quantity: 0, price: -1 }) }],
  ['POST', '/orders', '450 unknown fields', { ...CUSTOMER, ...names(450), items: [LINE] }],
  ['POST', '/orders', '200 lines with 49 unknown fields', { ...CUSTOMER, items: times(200, names(49)) }],
  ['POST', '/orders', 'a list as a line', { ...CUSTOMER, items: times(60, times(100, {})) }],
  ['POST', '/orders', 'an object for the lines', { ...CUSTOMER, items: names(450) }],
  ['POST', '/orders', 'inherited names', { ...CUSTOMER, items: times(200, { toString: 1 }) }],
  [
    'POST',
    '/orders/bulk-status',
    '1,000 invalid orders',
    { status: 'x', orders: times(1_000, { order_id: 3 }) },
  ],
  ['POST', '/orders/bulk-status', '1,000 numbers', { status: 'shipped', orders: times(1_000, 3) }],
  [
    'POST',
    '/orders/bulk-status',
    'one order 1,000 times',
    { status: 'shipped', orders: times(1_000, { order_id: '01a1ffe2-9b80-748a-ba30-787d85a2b441' }) },
  ],
];

describe('request with very many errors', () => {
  it('returns 50 errors for a query', async () => {
    const { status, cpuMs, body } = await reject('GET', `/orders?${MANY_PARAMETERS}`);
    expect(status).toBe(400);
    expect(body.errors).toHaveLength(MAX_ERRORS);
    expect(cpuMs).toBeLessThan(BUDGET_MS);
  });

  it.each(MANY_ERRORS)(
    'returns 50 errors and says that there are more: %s %s with %s',
    async (method, path, _what, body) => {
      const { status, bytes, cpuMs, body: problem } = await reject(method, path, body);
      expect(status).toBe(400);
      expect(problem.errors).toHaveLength(MAX_ERRORS);
      expect(problem.has_more_errors).toBe(true);
      expect(problem.detail).toContain('and more');
      expect(bytes).toBeLessThan(MAX_ANSWER_BYTES);
      expect(cpuMs).toBeLessThan(BUDGET_MS);
    },
  );
});

const HUGE_VALUES: [string, unknown][] = [
  ['33,000 lists in an unknown field', { ...CUSTOMER, x: times(33_000, []), items: [LINE] }],
  [
    '33,000 objects for a name',
    { customer_email: 'a@example.com', customer_name: times(33_000, {}), items: [LINE] },
  ],
  ['19 objects of 490 values in an unknown field', { ...CUSTOMER, x: times(19, names(490)), items: [LINE] }],
  ['9,900 numbers for a name', { ...CUSTOMER, customer_name: times(9_900, 1), items: [LINE] }],
  ['33,000 objects for a product', { ...CUSTOMER, items: [{ product_id: times(33_000, {}), quantity: 1 }] }],
  ['an unknown name of 90 kB', { ...CUSTOMER, ['x'.repeat(90_000)]: 1, items: [LINE] }],
  [
    'an e-mail address of 90 kB',
    { ...CUSTOMER, customer_email: `${'a.'.repeat(45_000)}@example.com`, items: [LINE] },
  ],
];

it.each(HUGE_VALUES)(
  'POST /orders rejects an oversized value quickly with a short response: %s',
  async (_what, body) => {
    const { status, bytes, cpuMs } = await reject('POST', '/orders', body);
    expect(status).toBe(400);
    expect(bytes).toBeLessThan(MAX_ANSWER_BYTES);
    expect(cpuMs).toBeLessThan(BUDGET_MS);
  },
);

const NAMES: [string, string, unknown][] = [
  ['an order of 9,900 fields', '/orders', names(9_900)],
  ['a line of 9,900 fields', '/orders', { ...CUSTOMER, items: [names(9_900)] }],
  ['an unknown field of 9,900 fields', '/orders', { ...CUSTOMER, x: names(9_900), items: [LINE] }],
  [
    'lines of 60 fields each',
    '/orders/preview',
    {
      items: Array.from({ length: 100 }, (_, n) =>
        Object.fromEntries(Object.keys(names(60)).map((k) => [k + n, 1])),
      ),
    },
  ],
  [
    'a list of objects of one field each',
    '/orders/bulk-status',
    { status: 'shipped', x: Object.keys(names(4_900)).map((name) => ({ [name]: 1 })) },
  ],
];

it.each(NAMES)(
  'a body with very many different names is rejected unparsed: %s',
  async (_what, path, body) => {
    const { status, cpuMs, body: problem } = await reject('POST', path, body);
    expect(status).toBe(400);
    expect(problem.errors).toEqual([
      { field: '', message: 'the body must have at most 500 different field names' },
    ]);
    expect(cpuMs).toBeLessThan(BUDGET_MS);
  },
);

it('POST /orders/bulk-status checks 1,000 valid orders within the budget', async () => {
  const orders = Array.from({ length: 1_000 }, (_, n) => ({
    order_id: `01a1ffe2-9b80-748a-ba30-${String(n).padStart(12, '0')}`,
    version: 1,
  }));
  // It is the most expensive valid request; until its code is compiled, it takes twice as long.
  const { body, cpuMs } = await reject('POST', '/orders/bulk-status', { status: 'x', orders }, 4 * TRIES);
  expect(body.errors).toEqual([{ field: 'status', message: expect.stringMatching(/^must be one of/) }]);
  expect(cpuMs).toBeLessThan(BUDGET_MS);
});

it('POST /orders/bulk-status names an invalid order behind many valid ones by its index in the list', async () => {
  const order = { order_id: '01a1ffe2-9b80-748a-ba30-787d85a2b441', version: 1 };
  const orders = [...times(998, order), { ...order, version: 0 }, { ...order, version: 'x' }];
  const { body } = await reject('POST', '/orders/bulk-status', { status: 'shipped', orders });
  expect(body.errors).toEqual([
    { field: 'orders[998].version', message: 'must be at least 1' },
    { field: 'orders[999].version', message: 'must be a whole number' },
  ]);
  expect(body.has_more_errors).toBeUndefined();
});
