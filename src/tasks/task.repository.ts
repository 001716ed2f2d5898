import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { rowsOfAll, runAll, type Sql } from '../platform/database/connection.js';
import type { Statement } from '../platform/database/statement-message.js';
import { BEGIN_BY_INDEX, queryAtOnce } from '../platform/database/transaction.js';
import { INSERT_BEHIND, INSERT_FIRST, type LeasableTask, valuesOf } from './task-inserts.js';
import type { LeasedTask, NewTask, TaskKind } from './task-kind.js';
import {
  CLAIM,
  COMPLETE,
  FAIL,
  FINISH,
  LEASED,
  LOCK,
  LOCK_ONE,
  PROMOTE,
  REMOVE,
  RETURN_UNSTARTED,
} from './task-leases.js';

/** A lease of this process: writes of an attempt compare its version. */
export type Lease = Pick<LeasedTask, 'orderId' | 'lane' | 'seq' | 'leaseVersion'>;

/** All tasks of a kind that an order has. */
export interface TasksOfOrder {
  orderId: string;
  kind: TaskKind;
}

/** A task that succeeded. */
export interface FinishedTask extends Lease {
  /** Whether it becomes part of the delivery history of its order. */
  isKept: boolean;
}

/** The limits of a claim for one kind. */
export interface ClaimRequest {
  kind: string;
  limit: number;
  leaseMs: number;
}

/** An attempt that failed. */
export interface FailedAttempt<Of extends Lease = Lease> {
  lease: Of;
  isDead: boolean;
  /** Milliseconds until the next attempt. */
  pauseMs: number;
  error: string;
}

/** Tasks of one transaction of `hurryAll`: some 10 ms. */
const HURRIED_AT_ONCE = 1_000;

/** A task that another transaction has locked is about to change anyway. */
const HURRY_SOME = `UPDATE tasks t SET run_at = now() FROM (
  SELECT order_id, lane, seq FROM tasks
  WHERE kind = $1 AND state = 'ready' AND run_at > now() AND lease_until IS NULL LIMIT $2 FOR UPDATE SKIP LOCKED
) waiting WHERE t.order_id = waiting.order_id AND t.lane = waiting.lane AND t.seq = waiting.seq`;

/**
 * The statements by which tasks move from one state to the next. Those of the worker are planned by index: a plan that
 * was made while the table was nearly empty would read all of it.
 */
@Injectable()
export class TaskRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Inserts tasks whose lanes are certainly empty. The caller holds the first lease of those with a `leaseMs`. */
  insertFirst(tasks: readonly LeasableTask[]): Statement[] {
    const rows = tasks.map(({ leaseMs, ...task }) => {
      const begun = leaseMs === undefined ? 0 : 1;
      const dueMs = leaseMs ?? task.delayMs ?? 0;
      return [...valuesOf(task).slice(0, -1), dueMs, begun, begun, task.maxAttempts, leaseMs ?? null];
    });
    return INSERT_FIRST.of(rows);
  }

  /**
   * Inserts tasks behind those of their lanes, except for those that exist. The caller's transaction has a lock that lets no other one insert into these
   * lanes, such as that of the order.
   *
   * @returns ids of the tasks whose first lease was taken
   */
  async insertBehind(transaction: Sql, tasks: readonly LeasableTask[]): Promise<Set<string>> {
    const rows = tasks
      .toSorted((left, right) => byLane(laneOf(left), laneOf(right)) || left.seq - right.seq)
      .map(({ leaseMs, ...task }) => [...valuesOf(task), leaseMs ?? null]);
    const inserted = await Promise.all(
      INSERT_BEHIND.of(rows).map(({ text, values }) =>
        transaction.query<{ id: string; isLeased: boolean }[]>(text, values),
      ),
    );
    return new Set(inserted.flat().flatMap(({ id, isLeased }) => (isLeased ? [id] : [])));
  }

  /** Leases the task of an order, if it is due. */
  async claimOne(kind: TaskKind, orderId: string, leaseMs: number): Promise<LeasedTask | undefined> {
    const [rows] = await this.dataSource.query<[LeasedTask[], number]>(
      `UPDATE tasks t SET lease_version = lease_version + 1, attempts = attempts + 1,
         lease_until = now() + $4 * interval '1 millisecond', run_at = now() + $4 * interval '1 millisecond'
       WHERE order_id = $1 AND lane = $2 AND kind = $3 AND state = 'ready' AND run_at <= now() RETURNING ${LEASED}`,
      [orderId, kind.lane, kind.name, leaseMs],
    );
    return rows[0];
  }

  /** Ends leased tasks as part of the transaction that does what they are for. Refuses where a lease was lost. */
  complete(leases: readonly Lease[]): Statement[] {
    return COMPLETE.of(leases.map(keyOf));
  }

  /** Ends a lease: the task is due again after a pause. A lease that was lost changes nothing. */
  async postpone(lease: Lease, pauseMs: number): Promise<void> {
    await this.dataSource.query(
      `UPDATE tasks SET lease_version = lease_version + 1, lease_until = NULL,
         run_at = now() + $5 * interval '1 millisecond'
       WHERE order_id = $1 AND lane = $2 AND seq = $3 AND lease_version = $4`,
      [...keyOf(lease), pauseMs],
    );
  }

  /**
   * Ends the lease of a task that succeeded and is to run again: it is due after a pause, with all of its attempts. The
   * transaction has locked the row of its order.
   *
   * @returns false if the lease was lost
   */
  async restart(transaction: Sql, lease: Lease, pauseMs: number): Promise<boolean> {
    const [, affected] = await transaction.query<[unknown, number]>(
      `UPDATE tasks SET lease_version = lease_version + 1, lease_until = NULL, attempts = 0, last_error = NULL,
         run_at = now() + $5 * interval '1 millisecond'
       WHERE order_id = $1 AND lane = $2 AND seq = $3 AND lease_version = $4`,
      [...keyOf(lease), pauseMs],
    );
    return affected === 1;
  }

  /** Locks leased tasks, so that no lease can be lost before the end of the transaction. @returns false if one was */
  async lock(transaction: Sql, leases: readonly Lease[]): Promise<boolean> {
    const values = leases.toSorted(byLane).map(keyOf);
    const statements = values.length === 1 ? [{ text: LOCK_ONE, values: values.flat() }] : LOCK.of(values);
    const rows = await rowsOfAll(transaction, statements);
    return rows.length === leases.length;
  }

  /** Deletes the tasks of a kind that an order does not need any more. */
  removals(tasks: readonly TasksOfOrder[]): Statement[] {
    const byOrder = tasks
      .map(({ orderId, kind: { lane, name } }) => ({ orderId, lane, name }))
      .toSorted(byLane);
    return REMOVE.of(byOrder.map(({ orderId, lane, name }) => [orderId, lane, name]));
  }

  /** Leases due tasks, the longest due first. Two instances that meet may get fewer than there are. */
  async claim(requests: readonly ClaimRequest[]): Promise<LeasedTask[]> {
    const statements = CLAIM.of(requests.map(({ kind, limit, leaseMs }) => [kind, limit, leaseMs]));
    const results = await queryAtOnce(this.dataSource, BEGIN_BY_INDEX, statements);
    return results.flatMap(({ rows }) => rows as LeasedTask[]);
  }

  /** Ends tasks that succeeded and frees those behind them. A lease that was lost changes nothing. */
  async finish(tasks: readonly FinishedTask[]): Promise<void> {
    const byOrder = tasks.toSorted(byLane);
    await queryAtOnce(this.dataSource, BEGIN_BY_INDEX, [
      ...FINISH.of(byOrder.map((task) => [...keyOf(task), task.isKept])),
      ...PROMOTE.of(byOrder.map(({ orderId, lane }) => [orderId, lane])),
    ]);
  }

  /**
   * Plans the next attempts at tasks that failed, or declares them dead. A lease that was lost changes nothing.
   *
   * @param more statements of the same transaction, which follow
   */
  async fail(failures: readonly FailedAttempt[], more: readonly Statement[] = []): Promise<void> {
    const byOrder = failures.toSorted((left, right) => byLane(left.lease, right.lease));
    const rows = byOrder.map(({ lease, isDead, pauseMs, error }) => [
      ...keyOf(lease),
      isDead,
      pauseMs,
      error,
    ]);
    await queryAtOnce(this.dataSource, BEGIN_BY_INDEX, [...FAIL.of(rows), ...more]);
  }

  /** Returns leases under which nothing was begun; they do not count as attempts. */
  async returnUnstarted(leases: readonly Lease[]): Promise<void> {
    await queryAtOnce(
      this.dataSource,
      BEGIN_BY_INDEX,
      RETURN_UNSTARTED.of(leases.toSorted(byLane).map(keyOf)),
    );
  }

  /**
   * Makes dead tasks of orders due again.
   *
   * @param leaseVersion only those that had no attempt since
   * @returns how many still were dead
   */
  async retryDead(
    sql: Sql,
    kind: string,
    orderIds: readonly string[],
    moreAttempts: number,
    leaseVersion?: number,
  ): Promise<number> {
    // Attempts continue to count, so that the number includes those before the redrive.
    const [, affected] = await sql.query<[unknown, number]>(
      `UPDATE tasks SET state = 'ready', run_at = now(), dead_at = NULL, max_attempts = attempts + $3
       WHERE kind = $1 AND state = 'dead' AND order_id = ANY ($2) AND lease_version = coalesce($4, lease_version)`,
      [kind, orderIds, moreAttempts, leaseVersion],
    );
    return affected;
  }

  /** Gives up the dead task of an order and frees the one behind it. @returns whether there was one */
  async deleteDead(
    sql: Sql,
    { name, lane }: { name: string; lane: string },
    orderId: string,
    leaseVersion?: number,
  ): Promise<boolean> {
    const [, affected] = await sql.query<[unknown, number]>(
      `DELETE FROM tasks
       WHERE kind = $1 AND state = 'dead' AND order_id = $2 AND lease_version = coalesce($3, lease_version)`,
      [name, orderId, leaseVersion],
    );
    await runAll(sql, PROMOTE.of([[orderId, lane]]));
    return affected > 0;
  }

  /** Makes a task that waits for its next attempt due. @returns false when it does not wait for one */
  async hurry(orderId: string, id: string): Promise<boolean> {
    const [, affected] = await this.dataSource.query<[unknown, number]>(
      `UPDATE tasks SET run_at = now()
       WHERE order_id = $1 AND id = $2 AND state = 'ready' AND attempts > 0 AND lease_until IS NULL`,
      [orderId, id],
    );
    return affected === 1;
  }

  /** Makes the tasks of a kind due that wait for their next attempts, in short transactions. */
  async hurryAll(kind: string): Promise<void> {
    for (;;) {
      const results = await queryAtOnce(this.dataSource, BEGIN_BY_INDEX, [
        { text: HURRY_SOME, values: [kind, HURRIED_AT_ONCE] },
      ]);
      if ((results[0]?.rowCount ?? 0) < HURRIED_AT_ONCE) return;
    }
  }
}

type Lane = Pick<LeasedTask, 'orderId' | 'lane'>;

function laneOf({ orderId, kind: { lane } }: NewTask): Lane {
  return { orderId, lane };
}

/** Transactions that take lanes in this order do not deadlock. */
function byLane(left: Lane, right: Lane): number {
  return left.orderId === right.orderId
    ? compare(left.lane, right.lane)
    : compare(left.orderId, right.orderId);
}

function compare(left: string, right: string): number {
  return left === right ? 0 : left < right ? -1 : 1;
}

function keyOf({ orderId, lane, seq, leaseVersion }: Lease): unknown[] {
  return [orderId, lane, seq, leaseVersion];
}
