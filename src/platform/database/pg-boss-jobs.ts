import type { DataSource } from 'typeorm';
import { SettingsError } from '../../config/load-settings.js';
import type { Sql } from './connection.js';
import { inTransaction } from './transaction.js';

/**
 * Releases up to 0.1 kept background jobs in the tables of pg-boss. They become tasks and deliveries, and the schema is
 * dropped: an instance of such a release that starts again, or still runs, fails instead of inserting jobs that no one
 * would run.
 */

/** Under this name such releases connect for their jobs. */
const OLD_APPLICATION_NAME = 'order-service jobs';

/** Name of a queue, kind of the task, lane. */
const KINDS = `(VALUES ('order-notifications', 'notify', 'notification'), ('stock-releases', 'release-stock', 'stock'),
  ('cart-checkouts', 'check-out-cart', 'cart')) AS k (queue, kind, lane)`;

/**
 * Unfinished jobs, behind the tasks that their lanes have already. A notification is numbered by its event, all others in the
 * order in which pg-boss would have run them. A job that was running is due when its attempt would have expired. Two
 * notifications about one event are one.
 */
const ADOPT_UNFINISHED = `
INSERT INTO tasks (order_id, lane, seq, id, kind, payload, context, state, run_at, lease_version, attempts, max_attempts,
  last_error, created_at, dead_at)
SELECT n.order_id, n.lane, n.seq, n.id, n.kind,
  CASE n.kind WHEN 'check-out-cart'
    THEN json_build_object('customerId', n.data->>'customerId', 'cartId', n.data->>'cartId') ELSE '{}' END,
  (n.data->'causedBy')::json,
  CASE WHEN n.state::text = 'failed' THEN 'dead' ELSE 'blocked' END,
  CASE n.state::text WHEN 'active' THEN n.started_on + n.expire_seconds * interval '1 second' ELSE n.start_after END,
  0, CASE WHEN n.started_on IS NULL THEN 0 ELSE n.retry_count + 1 END, n.retry_limit + 1,
  left(coalesce(n.output->>'message', n.output->'value'->>'message'), 500), n.created_on,
  CASE WHEN n.state::text = 'failed' THEN n.completed_on END
FROM (
  SELECT j.*, o.id AS order_id, k.kind, k.lane,
    CASE k.kind WHEN 'notify' THEN (j.data->>'seq')::integer ELSE coalesce(
      (SELECT max(t.seq) FROM tasks t WHERE t.order_id = o.id AND t.lane = k.lane), 0) + row_number() OVER (
      PARTITION BY k.kind, j.singleton_key
      ORDER BY j.state::text IN ('active', 'retry', 'failed') DESC, j.created_on, j.id)::integer END AS seq
  FROM pgboss.job j JOIN ${KINDS} ON k.queue = j.name JOIN orders o ON o.id::text = j.singleton_key
  WHERE j.state::text IN ('created', 'retry', 'active', 'failed')
) n
ON CONFLICT (order_id, lane, seq) DO NOTHING`;

const PROMOTE_FIRST = `
UPDATE tasks t SET state = 'ready' WHERE t.state = 'blocked' AND NOT EXISTS (
  SELECT 1 FROM tasks earlier WHERE earlier.order_id = t.order_id AND earlier.lane = t.lane AND earlier.seq < t.seq)`;

/** Pending orders that an instance of an old release has stored: their leases were in their rows. */
const ADOPT_PENDING = `
INSERT INTO tasks (order_id, lane, seq, id, kind, payload, state, run_at, lease_version, attempts, max_attempts, created_at)
SELECT id, 'placement', 1, gen_random_uuid(), 'place-order', '{}', 'ready', coalesce(lease_until, now()), attempt, attempt,
  2147483647, placed_at
FROM orders WHERE status = 'pending'
ON CONFLICT (order_id, lane, seq) DO NOTHING`;

const ADOPT_COMPLETED = `
INSERT INTO deliveries (order_id, id, queue, event_seq, attempts, created_at, completed_at)
SELECT o.id, j.id, k.kind, CASE WHEN j.data->>'seq' ~ '^[0-9]{1,9}$' THEN (j.data->>'seq')::integer ELSE 0 END,
  j.retry_count + 1, j.created_on, j.completed_on
FROM pgboss.job j JOIN ${KINDS} ON k.queue = j.name JOIN orders o ON o.id::text = j.singleton_key
WHERE j.state::text = 'completed'
ON CONFLICT (order_id, id) DO NOTHING`;

/** An instance of an old release frees carts, and claims them, in a table of its own only. */
const FREE_CLAIMS = `
DELETE FROM order_claims k USING orders o
WHERE k.kind = 'cart' AND o.id = k.order_id AND o.status IN ('rejected', 'failed', 'cancelled')`;

const ADOPT_CLAIMS = `
INSERT INTO order_claims (kind, value, order_id) SELECT 'cart', cart_id, order_id FROM cart_claims
ON CONFLICT (kind, value) DO NOTHING`;

/** Whether the database has jobs in the tables of pg-boss. */
export async function hasPgBossJobs(sql: Sql): Promise<boolean> {
  const [row] = await sql.query<{ exists: boolean }[]>(
    `SELECT to_regclass('pgboss.job') IS NOT NULL AS exists`,
  );
  return row?.exists === true;
}

/** Turns the jobs into tasks and deliveries, all in one transaction. Does nothing where there are none. */
export async function adoptPgBossJobs(dataSource: DataSource): Promise<void> {
  if (!(await hasPgBossJobs(dataSource))) return;
  await inTransaction(dataSource, async (transaction) => {
    await transaction.query('LOCK TABLE pgboss.job IN ACCESS EXCLUSIVE MODE');
    await transaction.query(ADOPT_UNFINISHED);
    await transaction.query(PROMOTE_FIRST);
    await transaction.query(ADOPT_COMPLETED);
    await transaction.query(ADOPT_PENDING);
    await transaction.query(FREE_CLAIMS);
    await transaction.query(ADOPT_CLAIMS);
    await transaction.query('DROP SCHEMA pgboss CASCADE');
  });
}

/**
 * To be called before the first migration: old instances need what the migrations drop.
 *
 * @throws {SettingsError} while an instance of an old release is connected
 */
export async function assertNoOldInstance(sql: Sql): Promise<void> {
  if (!(await hasPgBossJobs(sql))) return;
  const [row] = await sql.query<{ count: number }[]>(
    `SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()`,
    [OLD_APPLICATION_NAME],
  );
  if (!row || row.count === 0) return;
  throw new SettingsError([
    'DATABASE_URL: an instance of an earlier release is connected to this database. Stop all of them before you upgrade, ' +
      'since both releases run background work: see "Upgrading" in docs/guides/deployment.md',
  ]);
}
