import { MultiRowStatement } from '../platform/database/batching/multi-row-statement.js';
import type { NewTask } from './task-kind.js';

/** A task to be inserted, and after how many attempts it is dead. */
export interface LimitedTask extends NewTask {
  maxAttempts: number;
}

/** A task whose first lease the inserting process may take. */
export interface LeasableTask extends LimitedTask {
  /** Duration of that lease; undefined where it is not taken. */
  leaseMs: number | undefined;
}

/** The values of one row of the statements below, without a lease. */
export function valuesOf({ id, orderId, kind, seq, payload, context, maxAttempts }: LimitedTask): unknown[] {
  const request = Object.keys(context).length > 0 ? context : null;
  return [orderId, kind.lane, seq, id, kind.name, payload, request, maxAttempts];
}

const COLUMNS = `order_id, lane, seq, id, kind, payload, context, run_at, created_at, lease_version, attempts, max_attempts`;

/** Tasks whose lanes are empty. A delay of 25 days has more milliseconds than an integer. */
export const INSERT_FIRST = new MultiRowStatement(
  `(?, ?, ?, ?, ?, ?, ?, now() + ?::bigint * interval '1 millisecond', now(), ?, ?, ?, 'ready',
    now() + ?::integer * interval '1 millisecond')`,
  (rows) => `INSERT INTO tasks (${COLUMNS}, state, lease_until) VALUES ${rows}`,
);

/**
 * The key share lock on the last task of a lane makes a concurrent `finish` of that task wait for this transaction, so
 * that its `promote` sees the new row; a `finish` that came first leaves no row to be behind. Both take lanes by order, so
 * that they do not deadlock. A task that is behind another one is not leased. A task that exists stays as it is: it is done
 * once, however often it is asked for.
 */
export const INSERT_BEHIND = new MultiRowStatement(
  '(?::uuid, ?::text, ?::integer, ?::uuid, ?::text, ?::json, ?::json, ?::integer, ?::integer)',
  (rows) => `
INSERT INTO tasks (${COLUMNS}, state, lease_until)
SELECT n.order_id, n.lane, n.seq, n.id, n.kind, n.payload, n.context, coalesce(first.lease_end, now()), now(),
  (first.lease_end IS NOT NULL)::integer, (first.lease_end IS NOT NULL)::integer, n.max_attempts,
  CASE WHEN first.is_first THEN 'ready' ELSE 'blocked' END, first.lease_end
FROM (
  SELECT *, row_number() OVER (PARTITION BY order_id, lane ORDER BY seq) AS position
  FROM (VALUES ${rows}) AS v (order_id, lane, seq, id, kind, payload, context, max_attempts, lease_ms)
) n LEFT JOIN LATERAL (
  SELECT true AS is_found FROM tasks t WHERE t.order_id = n.order_id AND t.lane = n.lane
  ORDER BY t.seq DESC LIMIT 1 FOR KEY SHARE
) predecessor ON true CROSS JOIN LATERAL (
  SELECT is_first, CASE WHEN is_first THEN clock_timestamp() + n.lease_ms * interval '1 millisecond' END AS lease_end
  FROM (SELECT predecessor.is_found IS NULL AND n.position = 1 AS is_first) lane
) first
ON CONFLICT (order_id, lane, seq) DO NOTHING
RETURNING id, lease_until IS NOT NULL AS "isLeased"`,
);

export const INSERT_INTO_EMPTY_LANE = `
INSERT INTO tasks (${COLUMNS}, state)
SELECT $1::uuid, $2::text, $3::integer, $4::uuid, $5::text, $6::json, $7::json, now(), now(), 0, 0, $8::integer, 'ready'
WHERE NOT EXISTS (SELECT 1 FROM tasks WHERE order_id = $1::uuid AND lane = $2::text)
ON CONFLICT (order_id, lane, seq) DO NOTHING`;
