import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { migrateDatabase, prepareDatabase } from '../../src/platform/database/migrate.js';
import { Settings } from '../../src/config/settings.js';
import { createBareDatabase, createTestDatabase, type TestDatabase } from '../support/database.js';
import { queryDatabase } from '../support/invariants.js';
import { PG_BOSS_SCHEMA } from '../support/pg-boss.js';

let database: TestDatabase;

beforeEach(async () => {
  database = await createTestDatabase();
  await addPgBoss();
});
afterEach(() => database.drop());

async function addPgBoss(): Promise<void> {
  const client = new Client(database.url);
  await client.connect();
  await client.query(PG_BOSS_SCHEMA);
  await client.end();
}

const query = <Row>(text: string, values?: unknown[]) => queryDatabase<Row>(database.url, text, values);

/** Adds a cancelled order. @returns its id */
async function addOrder(): Promise<string> {
  const [row] = await query<{ id: string }>(
    `INSERT INTO orders (id, status, currency, version, placed_at, updated_at, attempt)
     VALUES (gen_random_uuid(), 'cancelled', 'USD', 3, now(), now(), 1) RETURNING id`,
  );
  if (!row) throw new Error('the order was not added');
  return row.id;
}

/** A job that was sent some seconds ago. */
async function addJob(
  orderId: string,
  queue: string,
  secondsAgo: number,
  columns: Record<string, unknown> = {},
): Promise<string> {
  const row: Record<string, unknown> = {
    name: queue,
    singleton_key: orderId,
    data: { orderId },
    retry_limit: 9_000,
    expire_seconds: 15,
    created_on: new Date(Date.now() - secondsAgo * 1_000),
    ...columns,
  };
  const names = Object.keys(row);
  const [added] = await query<{ id: string }>(
    `INSERT INTO pgboss.job (${names.join(', ')}) VALUES (${names.map((_, n) => `$${n + 1}`).join(', ')}) RETURNING id`,
    Object.values(row),
  );
  if (!added) throw new Error('the job was not added');
  return added.id;
}

const tasksOf = (orderId: string) =>
  query<Record<string, unknown>>(
    `SELECT lane, seq, id, kind, state, attempts, max_attempts AS max, last_error AS error, payload, context,
       (dead_at IS NOT NULL) AS "isDated", run_at > now() AS "isLater" FROM tasks WHERE order_id = $1 ORDER BY lane, seq`,
    [orderId],
  );

/** Fields that most tasks have in common. */
const PLAIN = {
  state: 'ready',
  attempts: 0,
  max: 9_001,
  error: null,
  payload: {},
  context: null,
  isDated: false,
  isLater: false,
};

it('migration turns unfinished jobs into tasks, in the order of their lanes', async () => {
  const orderId = await addOrder();
  const started = { started_on: new Date(), start_after: new Date() };
  const failed = await addJob(orderId, 'order-notifications', 60, {
    ...started,
    data: { orderId, seq: 2, causedBy: { 'x-request-id': 'r' } },
    state: 'failed',
    retry_count: 9_000,
    completed_on: new Date(),
    output: { message: 'answered 500' },
  });
  const behind = await addJob(orderId, 'order-notifications', 50, { data: { orderId, seq: 3 } });
  const repeated = await addJob(orderId, 'cart-checkouts', 40, {
    ...started,
    data: { orderId, customerId: 'c', cartId: '7' },
    state: 'retry',
    retry_count: 4,
    start_after: new Date(Date.now() + 3_600_000),
    output: { value: { message: 'carts: timeout' } },
  });
  const running = await addJob(orderId, 'stock-releases', 30, { ...started, state: 'active' });
  const waiting = await addJob(orderId, 'stock-releases', 31);
  await migrateDatabase(database.url);
  expect(await tasksOf(orderId)).toEqual([
    {
      ...PLAIN,
      lane: 'cart',
      seq: 1,
      id: repeated,
      kind: 'check-out-cart',
      attempts: 5,
      error: 'carts: timeout',
      payload: { customerId: 'c', cartId: '7' },
      isLater: true,
    },
    {
      ...PLAIN,
      lane: 'notification',
      seq: 2,
      id: failed,
      kind: 'notify',
      state: 'dead',
      attempts: 9_001,
      error: 'answered 500',
      context: { 'x-request-id': 'r' },
      isDated: true,
    },
    { ...PLAIN, lane: 'notification', seq: 3, id: behind, kind: 'notify', state: 'blocked' },
    { ...PLAIN, lane: 'stock', seq: 1, id: running, kind: 'release-stock', attempts: 1, isLater: true },
    { ...PLAIN, lane: 'stock', seq: 2, id: waiting, kind: 'release-stock', state: 'blocked' },
  ]);
  expect(await query(`SELECT to_regclass('pgboss.job') AS job`)).toEqual([{ job: null }]);
});

it('migration turns completed jobs of orders into deliveries and drops all others', async () => {
  const orderId = await addOrder();
  const completed = { state: 'completed', completed_on: new Date(), started_on: new Date() };
  const id = await addJob(orderId, 'order-notifications', 9, {
    ...completed,
    retry_count: 2,
    data: { seq: 2 },
  });
  await addJob('no order', 'another-program', 9, completed);
  await addJob('no order', 'order-notifications', 9);
  await migrateDatabase(database.url);
  expect(await query('SELECT order_id, id, queue, event_seq, attempts FROM deliveries')).toEqual([
    { order_id: orderId, id, queue: 'notify', event_seq: 2, attempts: 3 },
  ]);
  expect(await query('SELECT 1 FROM tasks')).toEqual([]);
});

it('takes over the jobs of an old instance that was started after the upgrade, behind existing tasks', async () => {
  const orderId = await addOrder();
  const dead = await addJob(orderId, 'stock-releases', 60, { state: 'failed', completed_on: new Date() });
  const sent = await addJob(orderId, 'order-notifications', 60, { data: { seq: 3 } });
  await migrateDatabase(database.url);
  await addPgBoss();
  const later = await addJob(orderId, 'stock-releases', 9);
  await addJob(orderId, 'order-notifications', 9, { data: { seq: 3 } });
  const next = await addJob(orderId, 'order-notifications', 8, { data: { seq: 4 } });
  await migrateDatabase(database.url);
  expect(await tasksOf(orderId)).toMatchObject([
    { lane: 'notification', seq: 3, id: sent, state: 'ready' },
    { lane: 'notification', seq: 4, id: next, state: 'blocked' },
    { lane: 'stock', seq: 1, id: dead, state: 'dead' },
    { lane: 'stock', seq: 2, id: later, state: 'blocked' },
  ]);
});

it('refuses to begin while an instance of an old release is connected', async () => {
  const orderId = await addOrder();
  await addJob(orderId, 'stock-releases', 1);
  const old = new Client({ connectionString: database.url, application_name: 'order-service jobs' });
  await old.connect();
  await expect(migrateDatabase(database.url)).rejects.toThrow(
    'an instance of an earlier release is connected',
  );
  await old.end();
  await migrateDatabase(database.url);
  expect(await tasksOf(orderId)).toHaveLength(1);
});

it('refuses to begin before the first migration', async () => {
  const bare = await createBareDatabase('');
  await queryDatabase(bare.url, PG_BOSS_SCHEMA);
  const old = new Client({ connectionString: bare.url, application_name: 'order-service jobs' });
  await old.connect();
  await expect(migrateDatabase(bare.url)).rejects.toThrow('an instance of an earlier release is connected');
  expect(await queryDatabase(bare.url, `SELECT to_regclass('orders') AS orders`)).toEqual([{ orders: null }]);
  await old.end();
  await bare.drop();
});

it('takes over the carts of an old instance that was started after the upgrade', async () => {
  const [cancelled, confirmed] = [await addOrder(), await addOrder()];
  await query(`UPDATE orders SET status = 'confirmed' WHERE id = $1`, [confirmed]);
  await query(`INSERT INTO order_claims (kind, value, order_id) VALUES ('cart', 'freed', $1)`, [cancelled]);
  await query(`INSERT INTO cart_claims (cart_id, order_id, claimed_at) VALUES ('ordered', $1, now())`, [
    confirmed,
  ]);
  await migrateDatabase(database.url);
  expect(await query('SELECT kind, value, order_id FROM order_claims')).toEqual([
    { kind: 'cart', value: 'ordered', order_id: confirmed },
  ]);
});

it('start without migrations fails while jobs of an old release exist', async () => {
  const settings = Object.assign(new Settings(), { DATABASE_URL: database.url, MIGRATE_ON_START: false });
  await expect(prepareDatabase(settings)).rejects.toThrow('run npm run migrate');
  await migrateDatabase(database.url);
  await prepareDatabase(settings);
});
