import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { PointReads } from '../platform/database/batching/point-reads.js';
import { MultiRowStatement } from '../platform/database/batching/multi-row-statement.js';
import { rowsOfAll, runAll, type Sql } from '../platform/database/connection.js';
import type { Statement } from '../platform/database/statement-message.js';
import type { OrderEvent, OrderEventType } from './order-event.entity.js';
import type { Reservation } from './order-item.entity.js';
import type { Order } from './order.entity.js';
import type { OrderStatus } from './order-status.js';
import type { Owner } from './ownership.js';
import { OrderLookUp } from './reading/order-look-up.js';
import {
  type OrderUpdate,
  type ReleasedLines,
  releasesOf,
  type Touch,
  touchesOf,
  updatesOf,
} from './status/order-writes.js';
import { FIND_ORDERS } from './search/list-statement.js';
import type { OrderFilter } from './search/order-conditions.js';
import { type OrderCount, OrderFinder, type OrderSize } from './search/order-finder.js';

/** A change of an order, as its event stores it. */
export interface Change {
  type: OrderEventType;
  actor: string;
  reason?: string | undefined;
  data?: Record<string, unknown> | undefined;
  at: Date;
  /** Set where the customer is notified: headers of the request for that call. */
  notification?: Record<string, string> | undefined;
}

/** An event that led an order to `version`. */
export interface NewEvent extends Change {
  orderId: string;
  version: number;
  from: OrderStatus | null;
  to: OrderStatus | null;
}

const INSERT_EVENTS = new MultiRowStatement(
  '(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  (rows) =>
    `INSERT INTO order_events (order_id, seq, type, from_status, to_status, actor, reason, data, occurred_at, notification)
     VALUES ${rows}`,
);

/** One page of a list, newest first. */
export interface OrderPage {
  orders: Order[];
  /** Where the next page begins; null on the last one. */
  nextCursor: string | null;
  /** The oldest order that was searched, where the search ended before the page was full. */
  searchedTo?: string | undefined;
}

/** A page of a list, and the number of orders of the whole list. */
export interface OrderList extends OrderPage {
  total: number;
  /** Otherwise there are, or may be, more. */
  isExactTotal: boolean;
}

/** Totals are exact up to here, which bounds the work of counting. */
export const MAX_TOTAL = 10_000;

/**
 * Lines of all orders of a page: five orders of the largest size, and 200 of a usual one. Parsing and writing them takes
 * about 10 ms, during which no other request is served.
 */
export const MAX_LINES_OF_PAGE = 1_000;

/** The content of a notification. */
export interface News extends Pick<Order, 'customerName' | 'customerEmail' | 'status'> {
  /** The last event that corrected name or address after the event; null where there is none. */
  correctedBy: number | null;
}

/** Every statement on the tables of orders. Statements of a transaction take it as their first argument. */
@Injectable()
export class OrderRepository {
  private readonly lookUp: OrderLookUp;
  private readonly finder: OrderFinder;
  private announceEvents: (isCommitted: boolean) => void = () => undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly reads: PointReads,
  ) {
    this.lookUp = new OrderLookUp(dataSource);
    this.finder = new OrderFinder(dataSource);
  }

  /** @param announce called before events are inserted, and again when events that notify a customer are committed */
  onEvents(announce: (isCommitted: boolean) => void): void {
    this.announceEvents = announce;
  }

  /** To be called after the commit of events that notify a customer. */
  announceCommit(): void {
    this.announceEvents(true);
  }

  /** An order of any owner, for internal use. */
  async findOrder(id: string): Promise<Order | undefined> {
    return this.findOrderOf(null, id);
  }

  async findOrderOf(owner: Owner, id: string): Promise<Order | undefined> {
    return this.lookUp.find({ owner, id });
  }

  /**
   * Orders of the owner that pass the filter, newest first: at most `limit`, and fewer where they have many lines, or where
   * the search ends at the newest part. The sizes are read first, so that neither the database nor this process builds more
   * than a page.
   */
  async listOrdersOf(owner: Owner, filter: OrderFilter, limit: number): Promise<OrderPage> {
    // The extra row shows whether another page exists.
    const { sizes, searchedTo, continues } = await this.finder.find(owner, filter, limit + 1);
    const ids = firstOf(sizes, limit);
    const orders = await this.findOrders(ids);
    if (ids.length < sizes.length) return { orders, nextCursor: ids.at(-1) ?? null };
    return { orders, nextCursor: continues ? (searchedTo ?? null) : null, searchedTo };
  }

  /** Orders by their ids, in any order; those that do not exist are absent. */
  async findOrders(ids: readonly string[]): Promise<Order[]> {
    return ids.length === 0 ? [] : this.dataSource.query<Order[]>(FIND_ORDERS, [ids]);
  }

  /** The filter as it means the same for all pages, and whether all orders can be searched by it. */
  async resolveFilter(
    owner: Owner,
    filter: OrderFilter,
  ): Promise<{ filter: OrderFilter; isComplete: boolean }> {
    return this.finder.resolve(owner, filter);
  }

  /** The number of orders of the owner that pass the filter. Reads all of them. */
  async countOrdersOf(owner: Owner, filter: OrderFilter): Promise<number> {
    return this.finder.countAll(owner, filter);
  }

  /** Counts up to `most` orders of the owner that pass the filter, with bounded work. */
  async countSomeOrdersOf(owner: Owner, filter: OrderFilter, most: number): Promise<OrderCount> {
    return this.finder.count(owner, filter, most);
  }

  /** The history of an order of any owner, oldest first, for internal use. */
  async listEvents(orderId: string): Promise<OrderEvent[]> {
    return this.listEventsOf(null, orderId);
  }

  async listEventsOf(owner: Owner, orderId: string): Promise<OrderEvent[]> {
    return this.dataSource.query<OrderEvent[]>(
      `SELECT e.order_id AS "orderId", e.seq, e.type, e.from_status AS "fromStatus", e.to_status AS "toStatus",
         e.actor, e.reason, e.data, e.occurred_at AS "occurredAt"
       FROM order_events e JOIN orders o ON o.id = e.order_id
       WHERE e.order_id = $1 AND ($2::text IS NULL OR o.customer_id = $2) ORDER BY e.seq`,
      [orderId, owner],
    );
  }

  /** The notification for one event of an order. Names are null when there is no recipient. */
  async findNotification(orderId: string, seq: number): Promise<News | undefined> {
    const rows = await this.reads.query<News[]>(
      `SELECT o.customer_name AS "customerName", o.customer_email AS "customerEmail",
         coalesce(e.to_status, o.status) AS status,
         (SELECT max(c.seq) FROM order_events c
          WHERE c.order_id = e.order_id AND c.seq > e.seq AND c.type = 'corrected'
            AND (c.data->'fields')::jsonb ?| ARRAY['customer_email', 'customer_name']) AS "correctedBy"
       FROM order_events e JOIN orders o ON o.id = e.order_id WHERE e.order_id = $1 AND e.seq = $2`,
      [orderId, seq],
    );
    return rows[0];
  }

  /** Adds the event that led the order to `version`. */
  async insertEvent(
    sql: Sql,
    orderId: string,
    version: number,
    change: Change,
    from: OrderStatus | null,
    to: OrderStatus | null,
  ): Promise<void> {
    await runAll(sql, this.eventInserts([{ ...change, orderId, version, from, to }]));
  }

  eventInserts(events: readonly NewEvent[]): Statement[] {
    this.announceEvents(false);
    const rows = events.map(({ orderId, version, type, from, to, actor, reason, data, at, notification }) => [
      orderId,
      version,
      type,
      from,
      to,
      actor,
      reason,
      data,
      at,
      notification,
    ]);
    return INSERT_EVENTS.of(rows);
  }

  /**
   * Writes the status and the payments of an order, if it is still at the version it was read at.
   *
   * @param next the order at its next version
   * @returns whether it was
   */
  async update(sql: Sql, { version }: Pick<Order, 'version'>, next: Order): Promise<boolean> {
    return (await this.updateAll(sql, [{ before: { version }, after: next }])).has(next.id);
  }

  /** The same for several orders. @returns the ids of those that were */
  async updateAll(sql: Sql, changes: readonly OrderUpdate[]): Promise<Set<string>> {
    return idsOf(await rowsOfAll(sql, updatesOf(changes)));
  }

  /** Raises the version of an order that is still at the version it was read at. @returns whether it was */
  async touch(sql: Sql, order: Order, at: Date): Promise<boolean> {
    return (await this.touchAll(sql, [{ order, at }])).has(order.id);
  }

  /** The same for several orders. @returns the ids of those that were */
  async touchAll(sql: Sql, touched: readonly Touch[]): Promise<Set<string>> {
    return idsOf(await rowsOfAll(sql, touchesOf(touched)));
  }

  /** Sets lines of orders to `released` that are held or in doubt. @returns the ids of orders that had such lines */
  async releaseAll(sql: Sql, released: readonly ReleasedLines[]): Promise<Set<string>> {
    return idsOf(await rowsOfAll(sql, releasesOf(released)));
  }

  /** Sets the reservation of lines that are still in one of the given states. @returns the lines that were */
  async setReservation(
    sql: Sql,
    orderId: string,
    lines: readonly number[],
    from: readonly Reservation[],
    to: Reservation,
  ): Promise<number[]> {
    const { text, values } = this.reservationUpdate(orderId, lines, from, to);
    const [rows] = await sql.query<[{ id: number }[], number]>(text, values);
    return rows.map((row) => row.id);
  }

  reservationUpdate(
    orderId: string,
    lines: readonly number[],
    from: readonly Reservation[],
    to: Reservation,
  ): Statement {
    const text = `UPDATE order_items SET reservation = $4
       WHERE order_id = $1 AND id = ANY ($2) AND reservation = ANY ($3) RETURNING id`;
    return { text, values: [orderId, lines, from, to] };
  }

  /** Pending orders, and when the oldest was placed. Reads no other orders. */
  async measurePending(): Promise<{ count: number; oldest: Date | null }> {
    const [row] = await this.dataSource.query<{ count: number; oldest: Date | null }[]>(
      `SELECT count(*)::int AS count, min(placed_at) AS oldest FROM orders WHERE status = 'pending'`,
    );
    return row ?? { count: 0, oldest: null };
  }

  async countLinesInDoubt(): Promise<number> {
    const rows = await this.dataSource.query<{ count: number }[]>(
      `SELECT count(*)::int AS count FROM order_items WHERE reservation = 'in_doubt'`,
    );
    return rows[0]?.count ?? 0;
  }
}

/** The ids of as many orders as fit into a page: at least one, however many lines it has. */
function firstOf(sizes: readonly OrderSize[], limit: number): string[] {
  let lines = 0;
  const end = sizes.findIndex((size) => (lines += size.lines) > MAX_LINES_OF_PAGE);
  const fitting = end === -1 ? sizes.length : Math.max(1, end);
  return sizes.slice(0, Math.min(limit, fitting)).map(({ id }) => id);
}

function idsOf(rows: readonly { id: string }[]): Set<string> {
  return new Set(rows.map(({ id }) => id));
}
