import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Sql } from '../platform/database/connection.js';
import { BEGIN_BY_INDEX, inUntracedTransaction, queryAtOnce } from '../platform/database/transaction.js';
import { notifyTask } from '../orders/order.tasks.js';
import { reachPausePoint } from '../pause-points/pause-points.js';
import { type PreparedTasks, Tasks } from '../tasks/tasks.service.js';
import type { FeedEnd } from './event-feed.repository.js';

/** An event that has its number, or the place before all of them. */
interface Place {
  orderId: string | null;
  seq: number | null;
}

/** An event that notifies the customer. */
interface DueNotification {
  orderId: string;
  seq: number;
  /** What the event stores about it. */
  context: Record<string, string>;
}

/** What one statement has numbered: up to a place. */
interface Numbered extends Place {
  picked: number;
  numbered: number;
  notifications: DueNotification[] | null;
}

/** The row of the feed. The place of the backfill is null when there is none. */
interface FeedRow extends Place {
  lastNo: string;
}

/** A batch of events that have their numbers now. */
export interface Batch extends FeedEnd {
  count: number;
  /** Whether events may be left that a batch of the same size would number. */
  isFull: boolean;
}

/** An event of the batch was deleted or numbered after it was read. The transaction is rolled back and repeated later. */
export class BatchChanged extends Error {
  constructor() {
    super('an event was changed while its number was assigned');
    this.name = 'BatchChanged';
  }
}

/** A lock that another instance holds is skipped rather than waited for: that instance does the work. */
const LOCK_FEED = `SELECT last_no::text AS "lastNo", backfill_order_id AS "orderId", backfill_seq AS seq
FROM event_feed WHERE id = 1 FOR UPDATE SKIP LOCKED`;

/**
 * Events that wait for a number, by order and version. An event of an order commits only after the one before it, so the
 * visible events without a number are the last ones of their order, and this keeps the order of each.
 */
const NEW_EVENTS = 'e.feed_no = 0';

/** All events after the last one that the backfill has numbered, new ones included. */
const EVENTS_OF_BACKFILL =
  '(e.order_id, e.seq) > ($3::uuid, $4::integer) AND (e.feed_no IS NULL OR e.feed_no = 0)';

const numberEvents = (condition: string): string => `
WITH batch AS MATERIALIZED (
  SELECT order_id, seq, notification, row_number() OVER (ORDER BY order_id, seq) AS position
  FROM (SELECT e.order_id, e.seq, e.notification FROM order_events e WHERE ${condition} ORDER BY e.order_id, e.seq LIMIT $1) waiting
), numbered AS (
  UPDATE order_events e SET feed_no = $2::bigint + b.position, notification = NULL FROM batch b
  WHERE e.order_id = b.order_id AND e.seq = b.seq AND (e.feed_no IS NULL OR e.feed_no = 0) RETURNING 1
)
SELECT (SELECT count(*) FROM batch)::int AS picked, (SELECT count(*) FROM numbered)::int AS numbered,
  last.order_id AS "orderId", last.seq, (
    SELECT json_agg(json_build_object('orderId', order_id, 'seq', seq, 'context', notification))
    FROM batch WHERE notification IS NOT NULL
  ) AS notifications
FROM (SELECT 1) one LEFT JOIN (SELECT order_id, seq FROM batch ORDER BY position DESC LIMIT 1) last ON true`;

const NUMBER_NEW = numberEvents(NEW_EVENTS);
const NUMBER_BACKFILL = numberEvents(EVENTS_OF_BACKFILL);

/** Between two takes during the backfill: each looks through all new events, and a batch takes some 20 ms. */
const TAKE_PAUSE_MS = 100;

/** Notifications of new events, which do not wait until the backfill has come to their events. */
const TAKE_NOTIFICATIONS = `
WITH due AS MATERIALIZED (
  SELECT e.order_id, e.seq, e.notification FROM order_events e
  WHERE ${NEW_EVENTS} AND e.notification IS NOT NULL ORDER BY e.order_id, e.seq LIMIT $1
), taken AS (
  UPDATE order_events e SET notification = NULL FROM due d WHERE e.order_id = d.order_id AND e.seq = d.seq
)
SELECT order_id AS "orderId", seq, notification AS context FROM due`;

/** The statements that assign the numbers of the feed. */
@Injectable()
export class SequencerRepository {
  private tookAt = -Infinity;

  constructor(
    private readonly dataSource: DataSource,
    private readonly tasks: Tasks,
  ) {}

  /** Whether an event waits for its number. Takes no lock and writes nothing. */
  async hasNew(): Promise<boolean> {
    const [result] = await queryAtOnce(this.dataSource, BEGIN_BY_INDEX, [
      { text: `SELECT 1 FROM order_events e WHERE ${NEW_EVENTS} LIMIT 1`, values: [] },
    ]);
    return (result?.rowCount ?? 0) > 0;
  }

  /**
   * Numbers up to `limit` events in one short transaction: first those from before the feed, then new ones. The same
   * transaction inserts the tasks that notify customers of them.
   *
   * @returns undefined while another instance does the same
   * @throws {BatchChanged} and nothing is numbered
   */
  async numberNext(limit: number): Promise<Batch | undefined> {
    const prepared: PreparedTasks[] = [];
    try {
      const batch = await inUntracedTransaction(this.dataSource, async (transaction) => {
        // After a deadlock the transaction runs again.
        for (const tasks of prepared.splice(0)) tasks.abandon();
        return this.numberIn(transaction, limit, prepared);
      });
      for (const tasks of prepared.splice(0)) tasks.start();
      return batch;
    } finally {
      for (const tasks of prepared) tasks.abandon();
    }
  }

  /** @param prepared receives the tasks, to be started after the commit */
  private async numberIn(
    transaction: Sql,
    limit: number,
    prepared: PreparedTasks[],
  ): Promise<Batch | undefined> {
    // The batch is read by a statement after the lock, so that it sees what the holder before has committed.
    const [, [feed]] = await Promise.all([
      transaction.query('SET LOCAL enable_seqscan = off'),
      transaction.query<FeedRow[]>(LOCK_FEED),
    ]);
    if (!feed) return undefined;
    const early = feed.orderId === null ? [] : await this.takeNotifications(transaction, limit);
    const { picked, numbered, notifications, ...place } = await this.assignNumbers(transaction, feed, limit);
    if (picked !== numbered) throw new BatchChanged();
    const due = [...early, ...(notifications ?? [])];
    const tasks = due.map(({ orderId, seq, context }) => notifyTask(orderId, seq, context));
    if (tasks.length > 0) prepared.push(await this.tasks.insertLeased(transaction, tasks));
    for (const { orderId } of tasks) await reachPausePoint('events.inside-batch', orderId);
    const isFull = picked === limit;
    const lastNo = Number(feed.lastNo) + numbered;
    const backfill = feed.orderId !== null && isFull ? place : { orderId: null, seq: null };
    if (numbered > 0 || feed.orderId !== null) await this.advance(transaction, lastNo, backfill);
    return { count: numbered, lastNo, isFull, backfillOrderId: backfill.orderId };
  }

  private async takeNotifications(transaction: Sql, limit: number): Promise<DueNotification[]> {
    if (performance.now() - this.tookAt < TAKE_PAUSE_MS) return [];
    this.tookAt = performance.now();
    return transaction.query<DueNotification[]>(TAKE_NOTIFICATIONS, [limit]);
  }

  private async assignNumbers(
    transaction: Sql,
    { lastNo, orderId, seq }: FeedRow,
    limit: number,
  ): Promise<Numbered> {
    const [row] =
      orderId === null
        ? await transaction.query<Numbered[]>(NUMBER_NEW, [limit, lastNo])
        : await transaction.query<Numbered[]>(NUMBER_BACKFILL, [limit, lastNo, orderId, seq]);
    return row ?? { picked: 0, numbered: 0, notifications: null, orderId: null, seq: null };
  }

  private async advance(transaction: Sql, lastNo: number, { orderId, seq }: Place): Promise<void> {
    await transaction.query(
      `UPDATE event_feed SET last_no = $1, backfill_order_id = $2, backfill_seq = $3 WHERE id = 1`,
      [lastNo, orderId, seq],
    );
  }
}
