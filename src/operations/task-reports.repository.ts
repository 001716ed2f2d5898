import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Task } from '../tasks/task.entity.js';
import { WEBHOOK_KINDS } from '../webhooks/webhook-task.js';

/** A task that ran out of attempts. At most one of an order and lane, since it blocks those behind it. */
export interface DeadTask extends Pick<Task, 'orderId' | 'kind' | 'seq' | 'leaseVersion' | 'attempts'> {
  /** Why the last attempt failed. */
  reason: string;
  deadAt: Date;
}

/** Dead tasks of a kind with the same reason. */
export interface DeadGroup extends Pick<DeadTask, 'reason'> {
  kind: string;
  count: number;
  oldest: Date;
}

const REASON = `coalesce(last_error, 'the last attempt left no reason')`;

/** Dead tasks of each kind, of the oldest orders first, by the index `tasks_dead`: however many there are of other kinds. */
const deadOfKinds = (kinds: string, limitOfKind: string, condition = 'true'): string => `
SELECT dead.* FROM unnest(${kinds}::text[]) AS wanted (kind) CROSS JOIN LATERAL (
  SELECT order_id, kind, seq, lease_version, attempts, dead_at, ${REASON} AS reason
  FROM tasks WHERE kind = wanted.kind AND state = 'dead' AND ${condition} ORDER BY order_id LIMIT ${limitOfKind}
) dead`;

const isWanted = (reasons: string): string => `(${reasons}::text[] IS NULL OR ${REASON} = ANY (${reasons}))`;

export const FIND_DEAD = `
SELECT order_id AS "orderId", kind, seq, lease_version AS "leaseVersion", attempts, reason, dead_at AS "deadAt"
FROM (${deadOfKinds('$1', '$3', `order_id >= $2 AND ${isWanted('$4')}`)}) found ORDER BY order_id, kind LIMIT $3`;

/** How a task stands: `waiting` for its turn, its first or its next attempt; `skipped` by a person. */
export type TaskStanding = 'waiting' | 'under_way' | 'done' | 'failed' | 'skipped';

/** One task, for people. */
export interface TaskReport extends Pick<
  Task,
  'id' | 'kind' | 'seq' | 'attempts' | 'lastError' | 'createdAt'
> {
  standing: TaskStanding;
  /** When it was done, or ran out of attempts. */
  completedAt: Date | null;
  /** When it is tried again; null where it does not wait for that. */
  nextAttemptAt: Date | null;
}

/** An event for an endpoint of webhooks. */
export interface WebhookReport extends Omit<TaskReport, 'id' | 'kind'> {
  endpointId: string;
  /** Of its task, while it has one. */
  taskId: string | null;
}

const STANDING = `CASE WHEN t.state = 'dead' THEN 'failed' WHEN t.lease_until > now() THEN 'under_way' ELSE 'waiting' END`;

const NEXT_ATTEMPT = `CASE WHEN t.state = 'ready' AND t.attempts > 0 AND t.lease_until IS NULL THEN t.run_at END`;

/** An event that is sent again has a task beside the earlier delivery: the task counts. */
export const FIND_WEBHOOKS = `
WITH endpoints AS (
  SELECT id, '${WEBHOOK_KINDS}' || id AS lane FROM webhook_endpoints WHERE state <> 'deleted'
)
SELECT e.id AS "endpointId", t.id AS "taskId", t.seq, t.attempts, t.created_at AS "createdAt",
  t.dead_at AS "completedAt", ${STANDING} AS standing, t.last_error AS "lastError", ${NEXT_ATTEMPT} AS "nextAttemptAt"
FROM tasks t JOIN endpoints e ON e.lane = t.lane WHERE t.order_id = $1
UNION ALL
SELECT e.id, NULL, d.seq, d.attempts, coalesce(o.occurred_at, d.attempted_at), d.attempted_at,
  CASE d.state WHEN 'skipped' THEN 'skipped' ELSE 'done' END, NULL, NULL
FROM webhook_deliveries d JOIN endpoints e ON e.id = d.endpoint_id
LEFT JOIN order_events o ON o.order_id = d.order_id AND o.seq = d.seq
WHERE d.order_id = $1 AND d.state IN ('delivered', 'skipped') AND NOT EXISTS (
  SELECT 1 FROM tasks t WHERE t.order_id = d.order_id AND t.lane = e.lane AND t.seq = d.seq
)
ORDER BY seq DESC, "endpointId" LIMIT $2`;

/** The unfinished tasks of a kind, dead ones not included. */
export interface TaskBacklog {
  kind: string;
  waiting: number;
  /** When the oldest of them was inserted. */
  oldest: Date;
}

/** A count, and the time of the oldest. */
export interface Tally {
  count: number;
  oldest: Date | null;
}

/** Reads of tasks for operators and metrics. */
@Injectable()
export class TaskReportsRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Dead tasks of kinds, by order and kind. @param reasons only those with one of these reasons */
  async findDead(
    kinds: readonly string[],
    fromOrderId: string,
    limit: number,
    reasons?: readonly string[],
  ): Promise<DeadTask[]> {
    return this.dataSource.query<DeadTask[]>(FIND_DEAD, [kinds, fromOrderId, limit, reasons ?? null]);
  }

  /**
   * Dead tasks by their reasons, the most frequent reasons first.
   *
   * @param limitOfKind so many of each kind are looked at, those of the oldest orders
   */
  async groupDead(
    kinds: readonly string[],
    limit: number,
    limitOfKind: number | null = null,
  ): Promise<DeadGroup[]> {
    return this.dataSource.query<DeadGroup[]>(
      `SELECT kind, reason, count(*)::int AS count, min(dead_at) AS oldest FROM (${deadOfKinds('$1', '$2')}) dead
       GROUP BY kind, reason ORDER BY count(*) DESC, reason LIMIT $3`,
      [kinds, limitOfKind, limit],
    );
  }

  /** @param limitOfKind so many of each kind are counted, those of the oldest orders */
  async countDead(
    kinds: readonly string[],
    reasons?: readonly string[],
    limitOfKind: number | null = null,
  ): Promise<Tally> {
    const [row] = await this.dataSource.query<Tally[]>(
      `SELECT count(*)::int AS count, min(dead_at) AS oldest FROM (${deadOfKinds('$1', '$2', isWanted('$3'))}) dead`,
      [kinds, limitOfKind, reasons ?? null],
    );
    return row ?? { count: 0, oldest: null };
  }

  /** Which of the orders have a dead task of a kind. */
  async findOrdersWithDead(kind: string, orderIds: readonly string[]): Promise<Set<string>> {
    const rows = await this.dataSource.query<{ orderId: string }[]>(
      `SELECT order_id AS "orderId" FROM tasks WHERE kind = $1 AND state = 'dead' AND order_id = ANY ($2)`,
      [kind, orderIds],
    );
    return new Set(rows.map(({ orderId }) => orderId));
  }

  /** Which of the orders have a task in a lane that is being run or will be. */
  async findOrdersWithOpen(lane: string, orderIds: readonly string[]): Promise<Set<string>> {
    const rows = await this.dataSource.query<{ orderId: string }[]>(
      `SELECT order_id AS "orderId" FROM tasks WHERE order_id = ANY ($2) AND lane = $1
       GROUP BY order_id HAVING bool_and(state <> 'dead')`,
      [lane, orderIds],
    );
    return new Set(rows.map(({ orderId }) => orderId));
  }

  /** The tasks of an order, oldest first: unfinished ones and, as deliveries, those that succeeded. */
  async findByOrder(orderId: string, kinds: readonly string[], limit: number): Promise<TaskReport[]> {
    return this.dataSource.query<TaskReport[]>(
      `SELECT id, kind, seq, attempts, created_at AS "createdAt", dead_at AS "completedAt", ${STANDING} AS standing,
         last_error AS "lastError", ${NEXT_ATTEMPT} AS "nextAttemptAt"
       FROM tasks t WHERE order_id = $1 AND kind = ANY ($3)
       UNION ALL
       SELECT id, queue, event_seq, attempts, created_at, completed_at, 'done', NULL, NULL
       FROM deliveries WHERE order_id = $1
       ORDER BY "createdAt", kind, seq LIMIT $2`,
      [orderId, limit, kinds],
    );
  }

  /** What endpoints of webhooks get about an order: the newest events, of each what is queued or was sent. */
  async findWebhooks(orderId: string, limit: number): Promise<WebhookReport[]> {
    return this.dataSource.query<WebhookReport[]>(FIND_WEBHOOKS, [orderId, limit]);
  }

  /** Tasks of a kind that no process works on although they are due. */
  async countDue(kind: string): Promise<number> {
    const [row] = await this.dataSource.query<{ count: number }[]>(
      `SELECT count(*)::int AS count FROM tasks WHERE kind = $1 AND state = 'ready' AND run_at <= now()`,
      [kind],
    );
    return row?.count ?? 0;
  }

  /**
   * Tasks that are due, or have failed. One that waits for a time is as old as it is overdue, until an attempt has failed. Reads the first task of each
   * lane of the kinds by index, and those behind it by their key: none of other kinds.
   */
  async measureBacklogs(kinds: readonly string[]): Promise<TaskBacklog[]> {
    return this.dataSource.query<TaskBacklog[]>(
      `SELECT kind, count(*)::int AS waiting, min(created_at) AS oldest FROM (
         SELECT kind, CASE WHEN attempts > (lease_until IS NOT NULL)::integer THEN created_at
           ELSE least(run_at, now()) END AS created_at FROM tasks
         WHERE kind = ANY ($1) AND state = 'ready' AND (attempts > 0 OR run_at <= now())
         UNION ALL
         SELECT b.kind, b.created_at FROM tasks first JOIN tasks b ON b.order_id = first.order_id AND b.lane = first.lane
         WHERE first.kind = ANY ($1) AND (first.state = 'ready' OR first.state = 'dead') AND b.state = 'blocked'
       ) waiting GROUP BY kind`,
      [kinds],
    );
  }
}
