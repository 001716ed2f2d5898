import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { CANCEL_MS } from '../../src/platform/database/session/cancel-request.js';
import { FINISH_MS } from '../../src/platform/database/session/statement-time.js';
import { orderBody, restoreUpstreams } from '../support/builders.js';
import { queryDatabase } from '../support/invariants.js';
import { eventually, startTestService, type TestResponse, type TestService } from '../support/service.js';

const DEADLINE_MS = 1_500;

/** For statements that start shortly before the deadline, and for their cancellation. */
const MARGIN_MS = FINISH_MS + 500;

const INCIDENTS = '/operations/incidents';

let service: TestService;
let locker: Client;
let placed: string;

beforeAll(async () => {
  service = await startTestService({
    settings: {
      REQUEST_DEADLINE_MS: String(DEADLINE_MS),
      UPSTREAM_TIMEOUT_MS: '500',
      RECOVERY_WINDOW_MS: '60000',
    },
  });
  locker = new Client({ connectionString: service.database.url });
  await locker.connect();
  placed = (await place({ 'idempotency-key': 'known' })).body.order_id;
  await eventually(async () => (await waitingStatements()) === 0);
});

afterEach(async () => {
  await locker.query('ROLLBACK');
});

afterAll(async () => {
  await locker.end();
  await service.stop();
});

async function countOrders(): Promise<number | undefined> {
  const text = 'SELECT count(*)::int AS count FROM orders';
  return (await queryDatabase<{ count: number }>(service.database.url, text))[0]?.count;
}

const place = (headers: Record<string, string> = {}): Promise<TestResponse> =>
  service.request('POST', '/orders', orderBody(), headers);

async function lock(table: string): Promise<void> {
  await locker.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
}

/** Number of statements that wait for a lock to store an order. */
async function waitingStatements(): Promise<number> {
  const [row] = await queryDatabase<{ count: number }>(
    service.database.url,
    `SELECT count(*)::int AS count FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%INTO orders%'`,
  );
  return row?.count ?? 0;
}

async function timed(request: () => Promise<TestResponse>): Promise<{ response: TestResponse; ms: number }> {
  const startedAt = performance.now();
  const response = await request();
  return { response, ms: performance.now() - startedAt };
}

/** [what, locked table, request]. */
const REQUESTS: [string, string, () => Promise<TestResponse>][] = [
  ['placing an order', 'orders', () => place()],
  ['placing an order with a key', 'orders', () => place({ 'idempotency-key': 'locked-1' })],
  ['placing an order with a key', 'idempotency_keys', () => place({ 'idempotency-key': 'locked-2' })],
  ['placing an order asynchronously', 'orders', () => place({ prefer: 'respond-async' })],
  ['storing the lines of an order', 'order_items', () => place()],
  ['replaying a key', 'orders', () => place({ 'idempotency-key': 'known' })],
  ['getting an order', 'orders', () => service.request('GET', `/orders/${placed}`)],
  ['listing orders', 'orders', () => service.request('GET', '/orders')],
  [
    'getting the history of an order',
    'order_events',
    () => service.request('GET', `/orders/${placed}/events`),
  ],
  [
    'changing a status',
    'orders',
    () => service.request('PUT', `/orders/${placed}`, { status: 'processing' }),
  ],
  [
    'cancelling an order',
    'tasks',
    () => service.request('PUT', `/orders/${placed}`, { status: 'cancelled' }),
  ],
  ['starting an export', 'orders', () => service.request('GET', '/orders/export')],
  ['counting an export', 'orders', () => service.request('HEAD', '/orders/export')],
  [
    'following orders',
    'order_events',
    () => service.request('GET', '/orders/stream', undefined, { 'last-event-id': '1' }),
  ],
  ['listing incidents', 'tasks', () => service.request('GET', INCIDENTS)],
  ['listing incidents', 'orders', () => service.request('GET', INCIDENTS)],
  ['listing deliveries', 'tasks', () => service.request('GET', `/orders/${placed}/deliveries`)],
  ['counting figures', 'orders', () => service.request('GET', '/operations/figures')],
  ['erasing personal data', 'orders', () => service.request('DELETE', `/orders/${placed}/personal-data`)],
];

describe('locked table', () => {
  it.each(REQUESTS)('returns 503 within the deadline: %s, %s locked', async (_what, table, request) => {
    await lock(table);
    const { response, ms } = await timed(request);
    expect(ms).toBeLessThan(DEADLINE_MS + MARGIN_MS);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('2');
    if (response.body === '') return;
    expect(response.body).toMatchObject({
      type: '/problems/database-unavailable',
      detail: expect.stringMatching(/^The database was busy or locked/),
    });
  });

  it('rejects the orders of a bulk change within the deadline', async () => {
    await lock('orders');
    const orders = [{ order_id: placed }, { order_id: placed.replace(/^./, 'f') }];
    const { response, ms } = await timed(() =>
      service.request('POST', '/orders/bulk-status', { status: 'processing', orders }),
    );
    expect(ms).toBeLessThan(DEADLINE_MS + MARGIN_MS);
    expect(response.status).toBe(200);
    for (const { problem } of response.body.results) {
      expect(problem).toMatchObject({ status: 503, detail: expect.stringMatching(/busy or locked/) });
    }
  });

  it('answers all of many concurrent requests within the deadline', async () => {
    await lock('orders');
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_unused, at) =>
        timed(() => (at % 2 === 0 ? place() : service.request('GET', `/orders/${placed}`))),
      ),
    );
    expect(new Set(answers.map(({ response }) => response.status))).toEqual(new Set([503]));
    expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(DEADLINE_MS + MARGIN_MS + CANCEL_MS);
  });

  it('leaves no waiting statement behind, and stores nothing of a rejected order', async () => {
    const before = await countOrders();
    await lock('orders');
    expect((await place()).status).toBe(503);
    expect(await waitingStatements()).toBe(0);
    await locker.query('ROLLBACK');
    expect(await countOrders()).toBe(before);
    expect((await place()).status).toBe(201);
  });

  it('is reported as a database problem when the lock leaves too little time for the inventory', async () => {
    service.sandbox.services.inventory.faults.add({ kind: 'hang', method: 'PUT' });
    await lock('orders');
    const placing = timed(() => place({ 'idempotency-key': 'late' }));
    await sleep(DEADLINE_MS - 150);
    await locker.query('ROLLBACK');
    const { response, ms } = await placing;
    expect(ms).toBeLessThan(DEADLINE_MS + MARGIN_MS);
    expect(response.body).toMatchObject({
      type: '/problems/placement-unsettled',
      detail: expect.stringMatching(/^The database was busy or locked, so that too little time was left/),
    });
    await restoreUpstreams(service, service.sandbox);
  });
});
