import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.js';
import { clearFaults, line, ORDER_ID, orderBody, selectRows } from '../support/builders.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.js';
import type { PlaceOrderBody } from '../support/client.js';
import { eventually, send, type TestResponse, testSettings } from '../support/service.js';

const TEST_TIMEOUT_MS = 60_000;

/** What must never be in a log, in no spelling and no part. */
const PERSON = {
  customer_name: 'Zaphod Quillfeather',
  customer_email: 'zaphod.quillfeather@private.example',
};
const TOKEN = 'eyJhbGciOiJub25lIn0.c2VjcmV0LXRva2Vu.c2lnbmF0dXJl';
const API_KEY = 'key-5f1c0d3e9b7a';
const PASSWORD = 'pass-8d2b6a4c';
const SECRETS = /zaphod|quillfeather|private\.example|eyJhbGci|c2VjcmV0|key-5f1c|pass-8d2b|cGFzcy04ZDJi/i;

/** One line of the log. */
type LogLine = Record<string, unknown>;

let database: TestDatabase;
let sandbox: Sandbox;
let echo: Server;
let service: ServiceProcess;

/** Answers every call with an error that repeats all that it was sent. */
async function startEcho(): Promise<Server> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const detail = `${request.url} ${JSON.stringify(request.headers)} ${body}`;
      response.writeHead(422, { 'content-type': 'application/json', 'x-echo': PERSON.customer_email });
      response.end(JSON.stringify({ detail }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return `http://orders:${PASSWORD}@127.0.0.1:${address.port}`;
}

/** Sends a request as somebody would who has everything to hide. */
const SECRET_HEADERS = {
  authorization: `Bearer ${TOKEN}`,
  'x-api-key': API_KEY,
  cookie: `session=${TOKEN}`,
};

function ask(method: string, path: string, body?: unknown, headers = {}): Promise<TestResponse> {
  return send(`${service.url}${path}`, method, body, { ...SECRET_HEADERS, ...headers });
}

function logLines(): LogLine[] {
  const lines = service
    .output()
    .split('\n')
    .filter((text) => text.startsWith('{'));
  return lines.map((text) => JSON.parse(text) as LogLine);
}

/** The line about the request that this was the answer to, which is written after the answer has gone. */
function lineOf(answer: TestResponse): Promise<LogLine> {
  const id = answer.headers.get('x-request-id');
  return eventually(() => logLines().find(({ requestId, msg }) => requestId === id && msg === 'request'));
}

beforeAll(async () => {
  database = await createTestDatabase();
  sandbox = await startSandbox({ ports: { inventory: 0, notification: 0, catalog: 0, carts: 0 } });
  echo = await startEcho();
  service = await startServiceProcess({
    ...testSettings(sandbox, database.url),
    LOG_LEVEL: 'trace',
    NOTIFICATION_SERVICE_URL: urlOf(echo),
    JOB_RETRY_LIMIT: '0',
  });
}, TEST_TIMEOUT_MS);

afterAll(async () => {
  await service?.end('SIGTERM');
  echo?.close();
  await sandbox?.close();
  await database?.drop();
}, TEST_TIMEOUT_MS);

describe('the line about a request', () => {
  it('says which order, what was asked of other services, and in which trace', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const answer = await ask('POST', '/orders', orderBody([line('PROD001'), line('PROD002')], PERSON), {
      traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
    });
    expect(answer.status).toBe(201);
    expect(await lineOf(answer)).toMatchObject({
      orderId: expect.stringMatching(ORDER_ID),
      method: 'POST',
      route: '/orders',
      status: 201,
      traceId,
      durationMs: expect.any(Number),
      upstreams: { 'inventory service': { calls: 4, ms: expect.any(Number) } },
    });
    expect((await lineOf(answer))['orderId']).toBe(answer.body.order_id);
  });

  it('names the route, never the address', async () => {
    const answer = await ask('GET', `/orders?customer_email=${encodeURIComponent(PERSON.customer_email)}`);
    expect(answer.status).toBe(200);
    expect(await lineOf(answer)).toMatchObject({ route: '/orders', status: 200 });
    const nowhere = await ask('GET', `/people/${PERSON.customer_name}`);
    expect(await lineOf(nowhere)).toMatchObject({ route: 'unmatched', status: 404, problem: 'not-found' });
  });

  it('is a warning, and the only line, where another service or the database is away', async () => {
    sandbox.services.inventory.faults.add({ kind: 'status', status: 500 });
    const answer = await ask('POST', '/orders', orderBody([line('PROD001')], PERSON));
    clearFaults(sandbox);
    expect(answer.status).toBe(503);
    const about = await lineOf(answer);
    expect(about).toMatchObject({
      level: 40,
      problem: 'upstream-unavailable',
      fault: 'inventory service: answered 500',
    });
    const id = answer.headers.get('x-request-id');
    expect(logLines().filter(({ requestId }) => requestId === id)).toEqual([about]);
  });
});

/** Everything that orders, refusals and faults can bring to light. */
async function doEverything(): Promise<void> {
  const body = orderBody([line('PROD001')], PERSON);
  const placed = await ask('POST', '/orders', body, { 'idempotency-key': PERSON.customer_email });
  await ask('POST', '/orders', body, { 'idempotency-key': PERSON.customer_email });
  await ask('POST', '/orders', body, { prefer: 'respond-async' });
  const customer = encodeURIComponent(PERSON.customer_email);
  await ask('POST', `/orders/${customer}`, { ...body, customer_id: undefined });
  await ask('POST', `/orders/${customer}`);
  await ask('GET', `/orders/${customer}`);
  await ask('GET', `/orders?customer_email=${PERSON.customer_email}&limit=x`);
  await ask('GET', `/orders/%E0%A4%A/${PERSON.customer_email}`);
  await ask('PUT', `/orders/${placed.body.order_id}`, {
    status: 'cancelled',
    reason: PERSON.customer_name,
  });
  await ask('PUT', `/orders/${placed.body.order_id}`, { status: PERSON.customer_name });
  await ask('POST', '/orders', { ...PERSON, items: PERSON.customer_name });
  await ask('POST', '/orders', `{"customer_name": "${PERSON.customer_name}", `);
  await ask('POST', '/orders', PERSON.customer_email, { 'content-type': 'text/plain' });
  for (const kind of ['garbage', 'reset', 'truncate', 'status'] as const) {
    sandbox.services.inventory.faults.add({ kind });
    await ask('POST', '/orders', body);
    clearFaults(sandbox);
  }
  await ask('GET', '/operations/incidents');
  await ask('POST', '/operations/notifications/redrive');
}

/** Places an order past the comparison with the document, by which the service must not fail as it is made to here. */
async function statusOf(body: PlaceOrderBody): Promise<number> {
  const headers = { 'content-type': 'application/json', ...SECRET_HEADERS };
  const answer = await fetch(`${service.url}/orders`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  return answer.status;
}

/** What PostgreSQL says of a row that it refuses holds the row, and what the mapper says holds the parameters. */
async function breakTheDatabase(): Promise<void> {
  const body = orderBody([line('PROD001')], PERSON);
  await selectRows(
    database,
    `ALTER TABLE orders ADD CONSTRAINT nobody CHECK (customer_name NOT LIKE 'Zaphod%') NOT VALID`,
  );
  // Only once the inventory is trusted again, after all its failures, does an order get as far as the database.
  await eventually(async () => (await statusOf(body)) === 500);
  await selectRows(database, `ALTER TABLE orders DROP CONSTRAINT nobody`);
  await selectRows(database, `ALTER TABLE orders RENAME COLUMN customer_email TO "zaphod.quillfeather"`);
  // Only once the inventory is trusted again, after all its failures, does an order get as far as the database.
  await eventually(async () => (await statusOf(body)) === 500);
  await selectRows(database, `ALTER TABLE orders RENAME COLUMN "zaphod.quillfeather" TO customer_email`);
}

describe('personal data and secrets', () => {
  it(
    'are not in the log, whatever happens',
    async () => {
      await doEverything();
      await eventually(
        () => logLines().some(({ msg }) => msg === 'An attempt at a task failed'),
        TEST_TIMEOUT_MS / 2,
      );
      await breakTheDatabase();
      await eventually(() => service.output().includes('"constraint":"nobody"'));
      const written = service.output();
      // The search has something to search: the failures that echo what they were sent are there.
      expect(logLines().filter(({ msg }) => msg === 'request').length).toBeGreaterThan(20);
      expect(written.split('\n').filter((text) => SECRETS.test(text))).toEqual([]);
    },
    TEST_TIMEOUT_MS,
  );

  it('are not in the metrics either', async () => {
    const { body } = await ask('GET', '/metrics');
    expect(body).toContain('order_placements_total');
    expect(
      String(body)
        .split('\n')
        .filter((text) => SECRETS.test(text)),
    ).toEqual([]);
  });
});
