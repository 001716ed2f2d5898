import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { OrderStatus } from '../../orders/order-status.js';

/** Orders of a time span, or those of one source. */
export interface Span {
  fromId: string;
  beforeId: string;
  source: string | undefined;
}

/** Orders of one status, and of one reason for failed ones. */
export interface StatusCount {
  status: OrderStatus;
  /** Whether their stock was to be held for a payment. */
  hasHold: boolean;
  /** Whether they were cancelled before they were confirmed. */
  isCancelledHold: boolean;
  /** Problem type without its path. */
  failure: string | null;
  count: number;
  /** When the last of them was placed that was counted. */
  last: Date;
}

/**
 * Statements on orders of a time span, which is a range of their ids. Each reads a bounded number of orders.
 */
@Injectable()
export class FiguresRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Counts the orders of a span, or the first of them. */
  async countOrders(span: Span, limit: number): Promise<StatusCount[]> {
    return this.dataSource.query<StatusCount[]>(
      `SELECT status, failure, "hasHold", "isCancelledHold", count(*)::int AS count, max(placed_at) AS last
       FROM (SELECT o.status, o.failure, o.placed_at, o.hold_seconds IS NOT NULL AS "hasHold",
               o.hold_seconds IS NOT NULL AND o.status = 'cancelled' AND NOT EXISTS (
                 SELECT 1 FROM order_events e WHERE e.order_id = o.id AND e.to_status = 'confirmed'
               ) AS "isCancelledHold"
             FROM orders o WHERE ${within(span)} ORDER BY id LIMIT $3) first
       GROUP BY status, failure, "hasHold", "isCancelledHold"`,
      valuesOf(span, limit),
    );
  }

  /**
   * How long it took to confirm orders of a span, or the first of them, in milliseconds; of orders with a hold to reserve
   * them, because their confirmation waits for the customer.
   */
  async timeConfirmations(span: Span, limit: number): Promise<number[]> {
    const rows = await this.dataSource.query<{ ms: number }[]>(
      `SELECT (extract(epoch FROM e.occurred_at - o.placed_at) * 1000)::float8 AS ms
       FROM (SELECT id, placed_at, hold_seconds FROM orders WHERE ${within(span)} ORDER BY id LIMIT $3) o
       JOIN order_events e ON e.order_id = o.id
         AND e.to_status = CASE WHEN o.hold_seconds IS NULL THEN 'confirmed' ELSE 'reserved' END`,
      valuesOf(span, limit),
    );
    return rows.map(({ ms }) => Math.max(0, ms));
  }
}

function within({ source }: Span): string {
  return `id >= $1 AND id < $2${source === undefined ? '' : ' AND source = $4'}`;
}

function valuesOf({ fromId, beforeId, source }: Span, limit: number): unknown[] {
  return [fromId, beforeId, limit, ...(source === undefined ? [] : [source])];
}
