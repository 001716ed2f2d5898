import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { MultiRowStatement } from '../../platform/database/batching/multi-row-statement.js';
import { runAll, type Sql } from '../../platform/database/connection.js';
import { inUntracedTransaction } from '../../platform/database/transaction.js';
import { type SearchableOrder, searchTextOf } from './search-text.js';

/** How far the search texts are. */
export interface SearchProgress {
  /** Events of the feed whose orders may lack their text, counted by their numbers. */
  waiting: number;
  /** The next order of the backfill, which goes from new to old; null when it is complete. */
  backfillOrderId: string | null;
  hasTrigramIndex: boolean;
  /** Whether the index knows letters beyond ASCII, which depends on the locale of the database. */
  isUnicode: boolean;
}

interface State {
  feedNo: string;
  /** The last number of the feed, read before its events. */
  lastNo: string;
  backfillOrderId: string | null;
}

/** One transaction of texts. */
interface IndexedBatch {
  /** Orders whose texts were computed. */
  count: number;
  /** Whether more orders wait. */
  isFull: boolean;
  backfillOrderId: string | null;
}

/** The lock that a writer of texts holds. Another instance that holds it does the work. */
const LOCK_STATE = `SELECT feed_no::text AS "feedNo", backfill_order_id AS "backfillOrderId",
  (SELECT f.last_no::text FROM event_feed f WHERE f.id = 1) AS "lastNo"
FROM order_search_state WHERE id = 1 FOR UPDATE SKIP LOCKED`;

/** Names and products change with the first event, with the end of the placement, and with events of other types. */
const FIND_EVENTS = `
SELECT e.order_id AS "orderId", e.feed_no::text AS "feedNo",
  (e.type <> 'status_changed' OR e.from_status = 'pending') AS "changesText"
FROM order_events e WHERE e.feed_no > 0 AND e.feed_no > $1 ORDER BY e.feed_no LIMIT $2`;

const SEARCHABLE = `o.id, o.customer_name AS "customerName", o.customer_email AS "customerEmail", o.number,
  o.source_order_id AS "sourceOrderId",
  (SELECT json_agg(value)
   FROM order_items i CROSS JOIN LATERAL (VALUES (i.product_id), (i.product_name), (i.sku)) v (value)
   WHERE i.order_id = o.id) AS products`;

const FIND_CHANGED = `SELECT ${SEARCHABLE} FROM orders o WHERE o.id = ANY ($1)`;

const FIND_OLDER = `SELECT ${SEARCHABLE} FROM orders o WHERE o.id <= $1 ORDER BY o.id DESC LIMIT $2`;

const WRITE_TEXTS = new MultiRowStatement(
  '(?::uuid, ?::text)',
  (rows) =>
    `INSERT INTO order_search (order_id, text) VALUES ${rows}
     ON CONFLICT (order_id) DO UPDATE SET text = excluded.text WHERE order_search.text <> excluded.text`,
);

/**
 * Deletes the search texts of orders, in the transaction that erases or deletes the orders. Until that transaction ends no
 * text is written, so none of what it changes comes back.
 */
export async function deleteSearchTexts(sql: Sql, orderIds: readonly string[]): Promise<void> {
  // Waits for a batch that is being written, and lets other erasures pass.
  await sql.query(`SELECT 1 FROM order_search_state WHERE id = 1 FOR SHARE`);
  await sql.query(`DELETE FROM order_search WHERE order_id = ANY ($1)`, [orderIds]);
}

/** How far fragments can be searched for. */
export async function readSearchProgress(sql: Sql): Promise<SearchProgress> {
  const [progress] = await sql.query<SearchProgress[]>(
    `SELECT greatest(0, f.last_no - s.feed_no)::float8 AS waiting, s.backfill_order_id AS "backfillOrderId",
       coalesce((SELECT i.indisvalid FROM pg_index i WHERE i.indexrelid = to_regclass('order_search_trigrams')), false)
         AS "hasTrigramIndex",
       (SELECT d.datctype NOT IN ('C', 'POSIX') FROM pg_database d WHERE d.datname = current_database())
         AS "isUnicode"
     FROM order_search_state s, event_feed f WHERE s.id = 1 AND f.id = 1`,
  );
  return progress ?? { waiting: 0, backfillOrderId: null, hasTrigramIndex: false, isUnicode: false };
}

/** The statements that write search texts. */
@Injectable()
export class OrderSearchRepository {
  constructor(private readonly dataSource: DataSource) {}

  async readProgress(): Promise<SearchProgress> {
    return readSearchProgress(this.dataSource);
  }

  /**
   * Writes texts in one short transaction: those of orders with up to `limit` new events, or, when these change no text,
   * those of up to `limit` orders of the backfill.
   *
   * @returns undefined while another instance does the same, or an erasure runs
   */
  async indexNext(limit: number): Promise<IndexedBatch | undefined> {
    return inUntracedTransaction(this.dataSource, async (transaction) => {
      // The orders are read by statements after the lock, so that they see what an erasure before has committed.
      const [, [state]] = await Promise.all([
        transaction.query('SET LOCAL enable_seqscan = off'),
        transaction.query<State[]>(LOCK_STATE),
      ]);
      if (!state) return undefined;
      const followed = await this.followFeed(transaction, state, limit);
      // Also behind events without a text to write: after an upgrade, millions of events of old orders are numbered first.
      if (state.backfillOrderId !== null && !followed?.count)
        return this.backfill(transaction, state.backfillOrderId, limit);
      return followed ?? { count: 0, isFull: false, backfillOrderId: null };
    });
  }

  /** @returns undefined when there is no new event */
  private async followFeed(
    transaction: Sql,
    { feedNo, lastNo, backfillOrderId }: State,
    limit: number,
  ): Promise<IndexedBatch | undefined> {
    const events = await transaction.query<{ orderId: string; feedNo: string; changesText: boolean }[]>(
      FIND_EVENTS,
      [feedNo, limit],
    );
    if (events.length === 0) {
      // The last events may be deleted, with their orders.
      if (lastNo !== feedNo) await this.advance(transaction, lastNo);
      return undefined;
    }
    // What is left to the backfill is read by it, as it is then.
    const isDue = (orderId: string): boolean => backfillOrderId === null || orderId > backfillOrderId;
    const ids = new Set(
      events.flatMap(({ orderId, changesText }) => (changesText && isDue(orderId) ? [orderId] : [])),
    );
    const orders = ids.size === 0 ? [] : await transaction.query<SearchableOrder[]>(FIND_CHANGED, [[...ids]]);
    await this.writeTexts(transaction, orders);
    await this.advance(transaction, events.at(-1)?.feedNo ?? lastNo);
    const isFull = events.length === limit || backfillOrderId !== null;
    return { count: orders.length, isFull, backfillOrderId };
  }

  private async advance(transaction: Sql, feedNo: string): Promise<void> {
    await transaction.query(`UPDATE order_search_state SET feed_no = $1 WHERE id = 1`, [feedNo]);
  }

  private async backfill(transaction: Sql, fromId: string, limit: number): Promise<IndexedBatch> {
    // One more, with which the next batch begins.
    const orders = await transaction.query<SearchableOrder[]>(FIND_OLDER, [fromId, limit + 1]);
    const next = orders.length > limit ? orders.pop() : undefined;
    await this.writeTexts(transaction, orders);
    const backfillOrderId = next?.id ?? null;
    await transaction.query(`UPDATE order_search_state SET backfill_order_id = $1 WHERE id = 1`, [
      backfillOrderId,
    ]);
    return { count: orders.length, isFull: backfillOrderId !== null, backfillOrderId };
  }

  private async writeTexts(transaction: Sql, orders: readonly SearchableOrder[]): Promise<void> {
    // In one order of ids, although only one instance writes: inserts into the primary key stay close together.
    const rows = orders
      .map((order) => [order.id, searchTextOf(order)])
      .toSorted(([one = ''], [other = '']) => (one < other ? -1 : 1));
    await runAll(transaction, WRITE_TEXTS.of(rows));
  }
}
