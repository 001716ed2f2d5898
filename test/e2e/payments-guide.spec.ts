import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { setStock } from '../support/builders.js';
import { startTestService, type TestResponse, type TestService } from '../support/service.js';
import { apiDocument } from '../support/contract/document.js';

const GUIDE = readFileSync(fileURLToPath(new URL('../../docs/guides/payments.md', import.meta.url)), 'utf8');

/** A command of the guide, with the answer that it shows. */
interface Example {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Record<string, unknown>;
  answer: Record<string, unknown> | undefined;
}

/** Values that differ from run to run. */
const CHANGING: Record<string, unknown> = {
  order_id: expect.any(String),
  number: expect.any(String),
  timestamp: expect.any(String),
  recorded_at: expect.any(String),
  expires_at: expect.any(String),
};

/** Every command of the guide, in its order. An answer follows its command, with at most a sentence between them. */
function examplesOf(guide: string): Example[] {
  const blocks = [...guide.matchAll(/^```(bash|json)\n([^]*?)^```/gm)].map(([, language, text = '']) => ({
    language,
    text,
  }));
  return blocks.flatMap(({ language, text }, at) => {
    if (language !== 'bash') return [];
    const [, method = '', path = ''] = /curl -X (\S+) http:\/\/localhost:8080(\S+)/.exec(text) ?? [];
    const headers = [...text.matchAll(/-H '([^:]+): ([^']*)'/g)].map(([, name = '', value = '']) => [
      name.toLowerCase(),
      value,
    ]);
    const [, body = ''] = /-d '([^']*)'/.exec(text) ?? [];
    const next = blocks[at + 1];
    return {
      method,
      path,
      headers: Object.fromEntries(headers) as Record<string, string>,
      body: JSON.parse(body) as Record<string, unknown>,
      answer: next?.language === 'json' ? (JSON.parse(next.text) as Record<string, unknown>) : undefined,
    };
  });
}

/** An answer of the guide as a matcher, without the values that differ from run to run. */
function expected(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(expected);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, CHANGING[name] ?? expected(one)]),
  );
}

const EXAMPLES = examplesOf(GUIDE);

/** The example whose path ends so. */
function exampleOf(end: string): Example {
  const found = EXAMPLES.find(({ path }) => path.endsWith(end));
  if (!found) throw new Error(`the guide has no example of ${end}`);
  return found;
}

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
  setStock(service.sandbox, 'PROD001', 100, 79.99);
  setStock(service.sandbox, 'PROD002', 100, 29.99);
});
afterAll(() => service.stop());

/** Sends an example as it stands, about another order than that of the guide. */
function send({ method, path, headers, body }: Example, orderId = ''): Promise<TestResponse> {
  return service.request(method, path.replace(/[0-9a-f-]{36}/, orderId), body, headers);
}

let placed = 0;

/** Reserves an order by the first example. */
async function reserve(): Promise<TestResponse> {
  const example = exampleOf('/orders');
  placed += 1;
  return send({ ...example, headers: { ...example.headers, 'idempotency-key': `"cart-${placed}"` } });
}

it('has examples of each request', () => {
  expect(EXAMPLES.map(({ method, path }) => `${method} ${path.split('/').at(-1)}`)).toEqual([
    'POST orders',
    'POST confirm',
    'POST payments',
    'POST extend',
  ]);
  expect(EXAMPLES.filter(({ answer }) => answer)).toHaveLength(2);
});

it('shows how an order is reserved, with the whole answer', async () => {
  const { answer, body } = exampleOf('/orders');
  const reserved = await reserve();
  expect(reserved.status).toBe(201);
  expect(reserved.body).toEqual(expected(answer));
  const heldMs =
    Date.parse(reserved.body.expires_at as string) - Date.parse(reserved.body.timestamp as string);
  expect(Math.abs(heldMs / 1_000 - Number(body['hold_seconds']))).toBeLessThan(5);
});

it('shows how it is confirmed, paid back in part and extended', async () => {
  const id = (await reserve()).body.order_id as string;
  const confirm = exampleOf('/confirm');
  const confirmed = await send(confirm, id);
  expect(confirmed.status).toBe(200);
  expect(confirmed.body).toMatchObject(expected(confirm.answer) as object);
  expect((await send(confirm, id)).body).toMatchObject({ version: confirmed.body.version });

  const refund = await send(exampleOf('/payments'), id);
  expect(refund).toMatchObject({ status: 200, body: { payment_state: 'partially_refunded' } });

  const other = await reserve();
  const extension = exampleOf('/extend');
  const extended = await send(extension, other.body.order_id as string);
  expect(extended.status).toBe(200);
  const laterMs = Date.parse(extended.body.expires_at as string) - Date.parse(other.body.timestamp as string);
  expect(Math.abs(laterMs / 1_000 - Number(extension.body['hold_seconds']))).toBeLessThan(30);
});

it('names problems that the requests have', () => {
  const named = new Set([...GUIDE.matchAll(/\b[45]\d\d\s+`([a-z-]+)`/g)].map(([, name = '']) => name));
  expect(named.size).toBeGreaterThan(6);
  const { paths } = apiDocument;
  const documented = JSON.stringify(
    [
      '/orders/{id}/confirm',
      '/orders/{id}/extend',
      '/orders/{id}/payments',
      '/operations/incidents/{incident_id}',
    ].map((path) => paths[path]),
  );
  expect([...named].filter((name) => !documented.includes(`/problems/${name}"`))).toEqual([]);
});
