import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { Retention } from '../../src/orders/retention/retention.js';
import { orderBody, placeWithKey } from '../support/builders.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { queryDatabase } from '../support/invariants.js';
import { insertEndpoint } from '../support/webhooks.js';
import { eventually, startTestService, type TestService } from '../support/service.js';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.js';

/** More than two batches. */
const EXPIRED = 2_500;

let database: TestDatabase;
let sandbox: Sandbox;

beforeEach(async () => {
  database = await createTestDatabase();
  sandbox = await startSandbox({ ports: { inventory: 0, notification: 0, catalog: 0, carts: 0 } });
});
afterEach(async () => {
  await sandbox.close();
  await database.drop();
});

function start(settings: Record<string, string>): Promise<TestService> {
  return startTestService({ settings, beside: { sandbox, database } });
}

/** Keys that expired at different times, and some that have not expired. */
async function fillKeys(): Promise<void> {
  await queryDatabase(
    database.url,
    `INSERT INTO idempotency_keys (scope, key, request_hash, created_at, expires_at)
     SELECT 'caller', 'key ' || n, '', now(), now() + (CASE WHEN n <= $1 THEN -n ELSE n END) * interval '1 minute'
     FROM generate_series(1, $1 + 10) n`,
    [EXPIRED],
  );
}

const countKeys = async (): Promise<number> =>
  (
    await queryDatabase<{ count: number }>(
      database.url,
      'SELECT count(*)::int AS count FROM idempotency_keys',
    )
  )[0]?.count ?? 0;

it('expired keys are deleted in batches', async () => {
  await fillKeys();
  const service = await start({ PURGE_INTERVAL_MS: '50' });
  try {
    await eventually(async () => (await countKeys()) === 10);
    // Keys that expire later are deleted later.
    expect((await placeWithKey(service, 'mine', orderBody())).status).toBe(201);
    await queryDatabase(database.url, `UPDATE idempotency_keys SET expires_at = now() WHERE key = 'mine'`);
    await eventually(async () => (await countKeys()) === 10);
  } finally {
    await service.stop();
  }
});

it('keys that expired at the same time are all deleted', async () => {
  await fillKeys();
  await queryDatabase(database.url, `UPDATE idempotency_keys SET expires_at = now() - interval '1 day'`);
  const service = await start({ PURGE_INTERVAL_MS: '50' });
  await eventually(async () => (await countKeys()) === 0);
  await service.stop();
});

it('an instance that stops completes the current batch of deletions, and starts no other', async () => {
  await fillKeys();
  const lock = new Client({ connectionString: database.url });
  await lock.connect();
  await lock.query('BEGIN');
  await lock.query('LOCK TABLE idempotency_keys IN SHARE MODE');
  const service = await start({ PURGE_INTERVAL_MS: '50' });
  try {
    await eventually(async () => {
      const waiting = await queryDatabase(
        database.url,
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
           AND query LIKE 'DELETE FROM idempotency_keys%'`,
      );
      return waiting.length === 1;
    });
    const retention = service.app.get(Retention);
    retention.onModuleDestroy();
    const stopped = retention.beforeApplicationShutdown();
    await lock.query('COMMIT');
    await stopped;
    expect(await countKeys()).toBe(EXPIRED + 10 - 1_000);
  } finally {
    await lock.end();
    await service.stop();
  }
  expect(await countKeys()).toBe(EXPIRED + 10 - 1_000);
});

/** Rejected orders of one line each, placed some days ago, and one that still has a line in doubt. */
async function fillRejected(count: number, daysAgo: number, reservation = 'released'): Promise<void> {
  await queryDatabase(
    database.url,
    `WITH made AS (
       SELECT (lpad(to_hex((extract(epoch FROM now() - $2 * interval '1 day') * 1000)::bigint), 12, '0')
         || '7000800000000000' || lpad(to_hex(n), 4, '0')) AS hex
       FROM generate_series(1, $1) n),
     ids AS (SELECT (substr(hex, 1, 16) || substr(hex, 17))::uuid AS id FROM made),
     placed AS (
       INSERT INTO orders (id, status, currency, version, failure, placed_at, updated_at, attempt)
       SELECT id, 'rejected', 'USD', 2, 'unknown-product', now(), now(), 1 FROM ids RETURNING id),
     lines AS (
       INSERT INTO order_items (order_id, id, product_id, quantity, reservation)
       SELECT id, 1, 'p', 1, $3 FROM placed RETURNING order_id),
     delivered AS (
       INSERT INTO deliveries (order_id, id, queue, event_seq, attempts, created_at, completed_at)
       SELECT order_id, order_id, 'release-stock', 0, 1, now(), now() FROM lines),
     sent AS (
       INSERT INTO webhook_deliveries (order_id, endpoint_id, seq, feed_no, state, attempts, duration_ms, attempted_at)
       SELECT order_id, order_id, 1, 1, 'delivered', 1, 1, now() FROM lines)
     INSERT INTO order_events (order_id, seq, type, from_status, to_status, actor, occurred_at)
     SELECT order_id, 1, 'placed', NULL, 'pending', 'test', now() FROM lines`,
    [count, daysAgo, reservation],
  );
}

const countOf = async (table: string): Promise<number> =>
  (await queryDatabase<{ count: number }>(database.url, `SELECT count(*)::int AS count FROM ${table}`))[0]
    ?.count ?? 0;

it('rejected orders are deleted after the retention time, except those with stock in doubt', async () => {
  await fillRejected(250, 40);
  await fillRejected(3, 41, 'in_doubt');
  await fillRejected(5, 20);
  await queryDatabase(
    database.url,
    `INSERT INTO order_search (order_id, text) SELECT id, 'text' FROM orders`,
  );
  const service = await start({ PURGE_INTERVAL_MS: '50', REJECTED_ORDER_DAYS: '30' });
  try {
    await eventually(async () => (await countOf('orders')) === 8);
    const tables = ['order_items', 'order_events', 'deliveries', 'webhook_deliveries', 'order_search'];
    expect(await Promise.all(tables.map(countOf))).toEqual([8, 8, 8, 8, 8]);
  } finally {
    await service.stop();
  }
});

it('rejected orders are kept for an endpoint that has not read them, at most 30 days longer', async () => {
  await fillRejected(3, 40);
  await fillRejected(2, 61);
  const read = await insertEndpoint(database);
  const behind = await insertEndpoint(database, { state: 'disabled' });
  const service = await start({ PURGE_INTERVAL_MS: '50', REJECTED_ORDER_DAYS: '30' });
  const setState = (state: string) =>
    queryDatabase(database.url, `UPDATE webhook_endpoints SET state = $2 WHERE id = $1`, [behind, state]);
  try {
    await eventually(async () => (await countOf('orders')) === 3);
    await eventually(async () => {
      const [row] = await queryDatabase<{ until: string }>(
        database.url,
        `SELECT read_until AS until FROM webhook_endpoints WHERE id = $1`,
        [read],
      );
      return Number(row?.until) >= 3 && (await countOf('tasks')) > 0;
    });
    await queryDatabase(database.url, `DELETE FROM tasks`);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await countOf('orders')).toBe(3);
    await setState('deleted');
    await eventually(async () => (await countOf('orders')) === 0);
  } finally {
    await service.stop();
  }
});

it('rejected orders are kept as long as the keys that replay them', async () => {
  await fillRejected(4, 2);
  const service = await start({
    PURGE_INTERVAL_MS: '50',
    REJECTED_ORDER_DAYS: '1',
    IDEMPOTENCY_KEY_HOURS: '72',
  });
  await new Promise((resolve) => setTimeout(resolve, 500));
  await service.stop();
  expect(await countOf('orders')).toBe(4);
});

it('rejected orders are kept for ever by default', async () => {
  await fillRejected(4, 4_000);
  const service = await start({ PURGE_INTERVAL_MS: '50' });
  await new Promise((resolve) => setTimeout(resolve, 500));
  await service.stop();
  expect(await countOf('orders')).toBe(4);
});

it('deliveries to webhooks are deleted in batches 30 days after their last attempt', async () => {
  await queryDatabase(
    database.url,
    `INSERT INTO webhook_deliveries (order_id, endpoint_id, seq, feed_no, state, attempts, duration_ms, attempted_at)
     SELECT gen_random_uuid(), gen_random_uuid(), 1, 1, 'delivered', 1, 1,
       now() - (CASE WHEN n <= $1 THEN 31 ELSE 29 END) * interval '1 day'
     FROM generate_series(1, $1 + 10) n`,
    [EXPIRED],
  );
  const service = await start({ PURGE_INTERVAL_MS: '50' });
  try {
    await eventually(async () => (await countOf('webhook_deliveries')) === 10);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await countOf('webhook_deliveries')).toBe(10);
  } finally {
    await service.stop();
  }
});
