import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { OrderEvent } from '../orders/order-event.entity.js';
import type { Owner } from '../orders/ownership.js';
import { LINES } from '../orders/reading/order-look-up.js';
import { BEGIN_BY_INDEX, queryAtOnce } from '../platform/database/transaction.js';
import { KIND_OF_EVENT, kindsOf } from './event-type.js';

/**
 * Numbers of the feed that one page looks at: a filter that few events pass would otherwise read the whole feed. Reading
 * so many takes some 10 ms.
 */
export const MAX_SCANNED = 10_000;

/** An event of the feed. */
export interface FeedEvent extends Omit<OrderEvent, 'order' | 'feedNo' | 'transactionId' | 'notification'> {
  feedNo: number;
  /** The customer who owns the order. */
  customerId: string | null;
}

/** Whether the owner may see it. */
export function isOwn(owner: Owner, { customerId }: FeedEvent): boolean {
  return owner === null || customerId === owner;
}

/** What a consumer of the feed asks for. */
export interface FeedQuery {
  /** Number of the last event that the consumer has. */
  after: number;
  limit: number;
  /** Types of events; absent for all. */
  types?: readonly string[] | undefined;
}

/** How far the numbers go. */
export interface FeedEnd {
  lastNo: number;
  /** Events from before the feed are numbered up to this order; null when all are. */
  backfillOrderId: string | null;
}

/** Events of the feed, all from one snapshot. */
export interface FeedPage extends FeedEnd {
  events: FeedEvent[];
  /** No event between `after` and it is missing from the page. */
  readUntil: number;
}

/** How the feed stands, for metrics. */
export interface FeedState {
  lastNo: number;
  isBackfilled: boolean;
  /** New events without a number, counted up to 10,000. */
  unnumbered: number;
  /** When the oldest of them happened. */
  oldest: Date | null;
}

/** 64-bit integers are text in results. */
type Row<Of extends { lastNo: number }> = Omit<Of, 'lastNo'> & { lastNo: string };
type PageRow = Row<FeedEnd> & ({ feedNo: null } | ({ feedNo: string } & Omit<FeedEvent, 'feedNo'>));

const END = `f.last_no::text AS "lastNo", f.backfill_order_id AS "backfillOrderId"`;

/** Every column of an event `e`, under the names of `FeedEvent`. */
export const EVENT = `e.feed_no::text AS "feedNo", e.order_id AS "orderId", e.seq, e.type, e.from_status AS "fromStatus",
  e.to_status AS "toStatus", e.actor, e.reason, e.data, e.occurred_at AS "occurredAt"`;

const IS_WANTED = `($2::text[] IS NULL OR ${KIND_OF_EVENT} = ANY ($2))`;

/** One statement, so that the events and the last number are of one snapshot. */
export const FIND_PAGE = `SELECT ${END}, page.*
FROM event_feed f LEFT JOIN LATERAL (
  SELECT ${EVENT}, (SELECT o.customer_id FROM orders o WHERE o.id = e.order_id) AS "customerId" FROM order_events e
  WHERE e.feed_no > 0 AND e.feed_no > $1 AND e.feed_no <= $4 AND ${IS_WANTED} ORDER BY e.feed_no LIMIT $3
) page ON true`;

/** By the orders of the customer, because the feed of all orders has too many events of others in between. */
export const FIND_PAGE_OF_CUSTOMER = `SELECT ${END}, page.*
FROM event_feed f LEFT JOIN LATERAL (
  SELECT own.*, o.customer_id AS "customerId" FROM orders o CROSS JOIN LATERAL (
    SELECT ${EVENT} FROM order_events e WHERE e.order_id = o.id AND e.feed_no > $1 AND ${IS_WANTED} OFFSET 0
  ) own
  WHERE o.customer_id = $4 ORDER BY own."feedNo"::bigint LIMIT $3
) page ON true`;

const MEASURE = `SELECT f.last_no AS "lastNo", f.backfill_order_id IS NULL AS "isBackfilled", w.unnumbered, w.oldest
FROM event_feed f, (
  SELECT count(*)::int AS unnumbered, min(occurred_at) AS oldest FROM (
    SELECT occurred_at FROM order_events WHERE feed_no = 0 ORDER BY order_id, seq LIMIT 10000
  ) waiting
) w`;

/** The statements that read the feed. */
@Injectable()
export class EventFeedRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** The next events of the feed that the owner may see. */
  async findPage(owner: Owner, { after, limit, types }: FeedQuery): Promise<FeedPage> {
    const kinds = types === undefined ? null : kindsOf(types);
    const scanUntil = after + MAX_SCANNED;
    const rows =
      owner === null
        ? await this.dataSource.query<PageRow[]>(FIND_PAGE, [after, kinds, limit, scanUntil])
        : await this.dataSource.query<PageRow[]>(FIND_PAGE_OF_CUSTOMER, [after, kinds, limit, owner]);
    const { lastNo, backfillOrderId } = stateIn(rows);
    const events = rows.flatMap(({ lastNo: _lastNo, backfillOrderId: _order, ...row }) =>
      row.feedNo === null ? [] : [{ ...row, feedNo: Number(row.feedNo) }],
    );
    const end = owner === null ? Math.min(lastNo, scanUntil) : lastNo;
    const readUntil = events.length === limit ? (events.at(-1)?.feedNo ?? end) : end;
    return { events, lastNo, readUntil, backfillOrderId };
  }

  async findEnd(): Promise<FeedEnd> {
    return stateIn(await this.dataSource.query<Row<FeedEnd>[]>(`SELECT ${END} FROM event_feed f`));
  }

  /** The event with a number, or the one after it. */
  async findEventFrom(feedNo: number): Promise<Pick<FeedEvent, 'feedNo' | 'occurredAt'> | undefined> {
    const [row] = await this.dataSource.query<{ feedNo: string; occurredAt: Date }[]>(
      `SELECT e.feed_no::text AS "feedNo", e.occurred_at AS "occurredAt" FROM order_events e
       WHERE e.feed_no > 0 AND e.feed_no >= $1 ORDER BY e.feed_no LIMIT 1`,
      [feedNo],
    );
    return row && { feedNo: Number(row.feedNo), occurredAt: row.occurredAt };
  }

  /** The size of each of the orders, in lines. */
  async countLines(orderIds: readonly string[]): Promise<Map<string, number>> {
    const rows = await this.dataSource.query<{ orderId: string; lines: number }[]>(
      `SELECT o.id AS "orderId", ${LINES} AS lines FROM orders o WHERE o.id = ANY ($1)`,
      [orderIds],
    );
    return new Map(rows.map(({ orderId, lines }) => [orderId, lines]));
  }

  /** How the feed stands. Costs the same however many events there are. */
  async measure(): Promise<FeedState> {
    const results = await queryAtOnce(this.dataSource, BEGIN_BY_INDEX, [{ text: MEASURE, values: [] }]);
    return stateIn(results.flatMap(({ rows }) => rows as Row<FeedState>[]));
  }
}

function stateIn<State extends { lastNo: string }>(
  rows: readonly State[],
): Omit<State, 'lastNo'> & { lastNo: number } {
  const [state] = rows;
  if (!state) throw new Error('the table event_feed has no row');
  return { ...state, lastNo: Number(state.lastNo) };
}
