import { MultiRowStatement } from '../platform/database/batching/multi-row-statement.js';

/** A leased task `t`. */
export const LEASED = `t.order_id AS "orderId", t.lane, t.seq, t.id, t.kind, t.payload, t.context,
  t.lease_version AS "leaseVersion", t.attempts, t.max_attempts AS "maxAttempts"`;

/**
 * Takes the lease by compare-and-set: of two instances that found the same task, one gets it. Rows are locked by order, as
 * everywhere, so that transactions which lock several tasks do not deadlock.
 */
export const CLAIM = new MultiRowStatement(
  '(?::text, ?::integer, ?::integer)',
  (rows) => `
WITH due AS MATERIALIZED (
  SELECT t.order_id, t.lane, t.seq, t.lease_version, now() + wanted.lease_ms * interval '1 millisecond' AS lease_end
  FROM (VALUES ${rows}) AS wanted (kind, room, lease_ms) CROSS JOIN LATERAL (
    SELECT order_id, lane, seq, lease_version FROM tasks
    WHERE kind = wanted.kind AND state = 'ready' AND run_at <= now() ORDER BY run_at LIMIT wanted.room
  ) t ORDER BY t.order_id, t.lane, t.seq
)
UPDATE tasks t SET lease_version = t.lease_version + 1, attempts = t.attempts + 1, lease_until = due.lease_end,
  run_at = due.lease_end
FROM due WHERE t.order_id = due.order_id AND t.lane = due.lane AND t.seq = due.seq
  AND t.lease_version = due.lease_version AND t.state = 'ready'
RETURNING ${LEASED}`,
);

/** Joins the rows of a task with leases, in a statement on `tasks t`. */
const HAS_LEASE = `t.order_id = l.order_id AND t.lane = l.lane AND t.seq = l.seq AND t.lease_version = l.lease_version`;

/** Successful tasks become the delivery history of their order, except for kinds that have a history of their own. */
export const FINISH = new MultiRowStatement(
  '(?::uuid, ?::text, ?::integer, ?::integer, ?::boolean)',
  (rows) => `
WITH finished AS (
  DELETE FROM tasks t USING (VALUES ${rows}) AS l (order_id, lane, seq, lease_version, is_kept) WHERE ${HAS_LEASE}
  RETURNING t.order_id, t.id, t.kind, t.seq, t.attempts, t.created_at, l.is_kept
)
INSERT INTO deliveries (order_id, id, queue, event_seq, attempts, created_at, completed_at)
SELECT order_id, id, kind, seq, attempts, created_at, clock_timestamp() FROM finished WHERE is_kept`,
);

/** Promotes the first task of each lane. A lane whose first task is not blocked stays unchanged. */
export const PROMOTE = new MultiRowStatement(
  '(?::uuid, ?::text)',
  (rows) => `
UPDATE tasks t SET state = 'ready', run_at = now() FROM (VALUES ${rows}) AS l (order_id, lane)
WHERE t.order_id = l.order_id AND t.lane = l.lane AND t.state = 'blocked' AND NOT EXISTS (
  SELECT 1 FROM tasks earlier WHERE earlier.order_id = t.order_id AND earlier.lane = t.lane AND earlier.seq < t.seq
)`,
);

export const FAIL = new MultiRowStatement(
  '(?::uuid, ?::text, ?::integer, ?::integer, ?::boolean, ?::integer, ?::text)',
  (rows) => `
UPDATE tasks t SET state = CASE WHEN l.is_dead THEN 'dead' ELSE 'ready' END, lease_until = NULL,
  run_at = now() + l.pause_ms * interval '1 millisecond', dead_at = CASE WHEN l.is_dead THEN now() END, last_error = l.error,
  attempts = LEAST(t.attempts, t.max_attempts)
FROM (VALUES ${rows}) AS l (order_id, lane, seq, lease_version, is_dead, pause_ms, error) WHERE ${HAS_LEASE}`,
);

/** Divides by zero where another process has the lease, so that nothing of the transaction happens. */
export const COMPLETE = new MultiRowStatement(
  '(?::uuid, ?::text, ?::integer, ?::integer)',
  (rows) => `
DELETE FROM tasks t USING (VALUES ${rows}) AS l (order_id, lane, seq, lease_version)
WHERE t.order_id = l.order_id AND t.lane = l.lane AND t.seq = l.seq
RETURNING 1 / (t.lease_version = l.lease_version)::integer`,
);

/** Locks a task whose lease is not lost. Distributed PostgreSQL locks rows only for a given order. */
export const LOCK_ONE = `
SELECT order_id FROM tasks WHERE order_id = $1 AND lane = $2 AND seq = $3 AND lease_version = $4 FOR NO KEY UPDATE`;

/** The same for several. */
export const LOCK = new MultiRowStatement(
  '(?::uuid, ?::text, ?::integer, ?::integer)',
  (rows) => `
SELECT t.order_id FROM tasks t JOIN (VALUES ${rows}) AS l (order_id, lane, seq, lease_version) ON ${HAS_LEASE}
FOR NO KEY UPDATE OF t`,
);

/** Tasks that are not needed any more. An attempt that is running finds its lease lost. */
export const REMOVE = new MultiRowStatement(
  '(?::uuid, ?::text, ?::text)',
  (rows) => `
DELETE FROM tasks t USING (VALUES ${rows}) AS r (order_id, lane, kind)
WHERE t.order_id = r.order_id AND t.lane = r.lane AND t.kind = r.kind`,
);

export const RETURN_UNSTARTED = new MultiRowStatement(
  '(?::uuid, ?::text, ?::integer, ?::integer)',
  (rows) => `
UPDATE tasks t SET lease_until = NULL, run_at = now(), attempts = t.attempts - 1
FROM (VALUES ${rows}) AS l (order_id, lane, seq, lease_version) WHERE ${HAS_LEASE}`,
);
