import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Task } from '../tasks/task.entity.js';

/** A task that ran out of attempts. At most one of an order and lane, since it blocks those behind it. */
export interface DeadTask extends Pick<Task, 'orderId' | 'seq' | 'leaseVersion' | 'attempts'> {
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

/** How a task stands: `waiting` for its turn, its first or its next attempt. */
export type TaskStanding = 'waiting' | 'under_way' | 'done' | 'failed';

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

  /** Dead tasks of a kind, by order. @param reasons only those with one of these reasons */
  async findDead(
    kind: string,
    fromOrderId: string,
    limit: number,
    reasons?: readonly string[],
  ): Promise<DeadTask[]> {
    return this.dataSource.query<DeadTask[]>(
      `SELECT order_id AS "orderId", seq, lease_version AS "leaseVersion", attempts, ${REASON} AS reason,
         dead_at AS "deadAt"
       FROM tasks WHERE kind = $1 AND state = 'dead' AND order_id >= $2 AND ($4::text[] IS NULL OR ${REASON} = ANY ($4))
       ORDER BY order_id LIMIT $3`,
      [kind, fromOrderId, limit, reasons ?? null],
    );
  }

  /** Dead tasks by their reasons, the most frequent reasons first. */
  async groupDead(kinds: readonly string[], limit: number): Promise<DeadGroup[]> {
    return this.dataSource.query<DeadGroup[]>(
      `SELECT kind, ${REASON} AS reason, count(*)::int AS count, min(dead_at) AS oldest
       FROM tasks WHERE kind = ANY ($1) AND state = 'dead' GROUP BY kind, ${REASON}
       ORDER BY count(*) DESC, reason LIMIT $2`,
      [kinds, limit],
    );
  }

  async countDead(kind: string, reasons?: readonly string[]): Promise<Tally> {
    const [row] = await this.dataSource.query<Tally[]>(
      `SELECT count(*)::int AS count, min(dead_at) AS oldest FROM tasks
       WHERE kind = $1 AND state = 'dead' AND ($2::text[] IS NULL OR ${REASON} = ANY ($2))`,
      [kind, reasons ?? null],
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
      `SELECT id, kind, seq, attempts, created_at AS "createdAt", dead_at AS "completedAt",
         CASE WHEN state = 'dead' THEN 'failed' WHEN lease_until > now() THEN 'under_way' ELSE 'waiting' END AS standing,
         last_error AS "lastError",
         CASE WHEN state = 'ready' AND attempts > 0 AND lease_until IS NULL THEN run_at END AS "nextAttemptAt"
       FROM tasks WHERE order_id = $1 AND kind = ANY ($3)
       UNION ALL
       SELECT id, queue, event_seq, attempts, created_at, completed_at, 'done', NULL, NULL
       FROM deliveries WHERE order_id = $1
       ORDER BY "createdAt", kind, seq LIMIT $2`,
      [orderId, limit, kinds],
    );
  }

  /** Tasks of a kind that no process works on although they are due. */
  async countDue(kind: string): Promise<number> {
    const [row] = await this.dataSource.query<{ count: number }[]>(
      `SELECT count(*)::int AS count FROM tasks WHERE kind = $1 AND state = 'ready' AND run_at <= now()`,
      [kind],
    );
    return row?.count ?? 0;
  }

  async measureBacklogs(): Promise<TaskBacklog[]> {
    return this.dataSource.query<TaskBacklog[]>(
      `SELECT kind, count(*)::int AS waiting, min(created_at) AS oldest FROM tasks WHERE state <> 'dead' GROUP BY kind`,
    );
  }
}
