import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.js';
import { clearFaults, line, ORDER_ID, orderBody, selectRows } from '../support/builders.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.js';
import type { PlaceOrderBody } from '../support/client.js';
import { eventually, send, type TestResponse, testSettings } from '../support/service.js';

const TEST_TIMEOUT_MS = 60_000;

/** Secrets that must never appear in a log, in any encoding or part. */
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

/** Answers every call with an error that echoes what was sent. */
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

/** Credentials of every kind. */
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

/** The log line of the request with this response. It is written after the response was sent. */
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

describe('request log line', () => {
  it('contains the order id, the upstream calls and the trace id', async () => {
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

  it('contains the route pattern, not the URL', async () => {
    const answer = await ask('GET', `/orders?customer_email=${encodeURIComponent(PERSON.customer_email)}`);
    expect(answer.status).toBe(200);
    expect(await lineOf(answer)).toMatchObject({ route: '/orders', status: 200 });
    const nowhere = await ask('GET', `/people/${PERSON.customer_name}`);
    expect(await lineOf(nowhere)).toMatchObject({ route: 'unmatched', status: 404, problem: 'not-found' });
  });

  it('is a warning, and the only line, when an upstream service or the database is away', async () => {
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

/** Every kind of order, refusal and fault that could log personal data. */
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

/** Places an order without the OpenAPI check, because the service is made to fail here. */
async function statusOf(body: PlaceOrderBody): Promise<number> {
  const headers = { 'content-type': 'application/json', ...SECRET_HEADERS };
  const answer = await fetch(`${service.url}/orders`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  return answer.status;
}

/** An error of PostgreSQL about a rejected row contains the row, and the error of the ORM contains the parameters. */
async function breakTheDatabase(): Promise<void> {
  const body = orderBody([line('PROD001')], PERSON);
  await selectRows(
    database,
    `ALTER TABLE orders ADD CONSTRAINT rejects_the_name CHECK (customer_name NOT LIKE 'Zaphod%') NOT VALID`,
  );
  // An order reaches the database only after the circuit of the inventory has closed again.
  await eventually(async () => (await statusOf(body)) === 500);
  await selectRows(database, `ALTER TABLE orders DROP CONSTRAINT rejects_the_name`);
  await selectRows(database, `ALTER TABLE orders RENAME COLUMN customer_email TO "zaphod.quillfeather"`);
  // An order reaches the database only after the circuit of the inventory has closed again.
  await eventually(async () => (await statusOf(body)) === 500);
  await selectRows(database, `ALTER TABLE orders RENAME COLUMN "zaphod.quillfeather" TO customer_email`);
}

describe('personal data and secrets', () => {
  it(
    'are never logged',
    async () => {
      await doEverything();
      await eventually(
        () => logLines().some(({ msg }) => msg === 'An attempt at a task failed'),
        TEST_TIMEOUT_MS / 2,
      );
      await breakTheDatabase();
      await eventually(() => service.output().includes('"constraint":"rejects_the_name"'));
      const written = service.output();
      // Proof that the search covers something: the failures that echo what was sent are in the log.
      expect(logLines().filter(({ msg }) => msg === 'request').length).toBeGreaterThan(20);
      expect(written.split('\n').filter((text) => SECRETS.test(text))).toEqual([]);
    },
    TEST_TIMEOUT_MS,
  );

  it('are not in the metrics', async () => {
    const { body } = await ask('GET', '/metrics');
    expect(body).toContain('order_placements_total');
    expect(
      String(body)
        .split('\n')
        .filter((text) => SECRETS.test(text)),
    ).toEqual([]);
  });
});
