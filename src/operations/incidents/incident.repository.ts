import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { NOT_LIVE } from '../../orders/order-status.js';
import { PLACE_ORDER } from '../../orders/order.tasks.js';
import type { OrderLine } from '../../orders/order.ports.js';
import type { Tally } from '../task-reports.repository.js';
import type { IncidentAction } from './incident.js';

/** A line that may still be held for an order that is not live. */
export interface DoubtfulLine extends OrderLine {
  quantity: number;
  /** See `reservationIdOf`. */
  stockGeneration: number;
  /** When the order was last changed: the line has been in doubt since then at the latest. */
  changedAt: Date;
}

/** The lines in doubt of an event. */
export interface DoubtEvent {
  orderId: string;
  reason: string | null;
  lines: number[];
  occurredAt: Date;
}

/** An incident that a person has resolved, from the history of the order. */
export interface Settled {
  orderId: string;
  incident: string;
  action: IncidentAction;
  reason: string | null;
  actor: string;
  occurredAt: Date;
}

/** An order that has been pending for too long. */
export interface OverdueOrder {
  orderId: string;
  placedAt: Date;
  /** Attempts of its placement; null where it has no task. */
  attempts: number | null;
}

/** Reads for operations, by partial indexes on exactly these rows. */
@Injectable()
export class IncidentRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Lines in doubt, by order and number. Left out are pending orders and those whose stock is being reserved again: they may
   * still be confirmed.
   */
  async findDoubtfulLines(from: { orderId: string; line: number }, limit: number): Promise<DoubtfulLine[]> {
    return this.dataSource.query<DoubtfulLine[]>(
      `SELECT i.order_id AS "orderId", i.id AS line, i.product_id AS "productId", i.quantity,
         o.stock_generation AS "stockGeneration", o.updated_at AS "changedAt"
       FROM order_items i JOIN orders o ON o.id = i.order_id
       WHERE i.reservation = 'in_doubt' AND i.order_id >= $1 AND (i.order_id > $1 OR i.id >= $2)
         AND o.status IN (${NOT_LIVE}) AND NOT o.is_reserving_again
       ORDER BY i.order_id, i.id LIMIT $3`,
      [from.orderId, from.line, limit],
    );
  }

  /** Lines that may still hold units, of orders that are not live and do not reserve them again. */
  async findUnreleasedLines(orderIds: readonly string[]): Promise<DoubtfulLine[]> {
    return this.dataSource.query<DoubtfulLine[]>(
      `SELECT i.order_id AS "orderId", i.id AS line, i.product_id AS "productId", i.quantity,
         o.stock_generation AS "stockGeneration", o.updated_at AS "changedAt"
       FROM order_items i JOIN orders o ON o.id = i.order_id
       WHERE i.order_id = ANY ($1) AND i.reservation <> 'released'
         AND o.status IN (${NOT_LIVE}) AND NOT o.is_reserving_again`,
      [orderIds],
    );
  }

  /** The events that explain why lines are in doubt, oldest first. */
  async findDoubtEvents(orderIds: readonly string[]): Promise<DoubtEvent[]> {
    return this.dataSource.query<DoubtEvent[]>(
      `SELECT order_id AS "orderId", reason, occurred_at AS "occurredAt",
         coalesce(data->'lines', data->'lines_in_doubt') AS lines
       FROM order_events WHERE order_id = ANY ($1)
         AND (type = 'stock_in_doubt' OR (type IN ('status_changed', 'paid_without_stock') AND data ? 'lines_in_doubt'))
       ORDER BY order_id, seq`,
      [orderIds],
    );
  }

  /** Resolved incidents of orders, oldest first. */
  async findSettled(orderIds: readonly string[]): Promise<Settled[]> {
    return this.dataSource.query<Settled[]>(
      `SELECT order_id AS "orderId", data->>'incident' AS incident, data->>'action' AS action, reason, actor,
         occurred_at AS "occurredAt"
       FROM order_events WHERE order_id = ANY ($1) AND type = 'incident_settled' ORDER BY order_id, seq`,
      [orderIds],
    );
  }

  /** Orders that are still pending although placed before a time, which is given as the smallest id of that time. */
  async findOverdue(fromId: string, beforeId: string, limit: number): Promise<OverdueOrder[]> {
    return this.dataSource.query<OverdueOrder[]>(
      `SELECT o.id AS "orderId", o.placed_at AS "placedAt", t.attempts
       FROM orders o LEFT JOIN tasks t ON t.order_id = o.id AND t.lane = $4
       WHERE o.status = 'pending' AND o.id >= $1 AND o.id < $2 ORDER BY o.id LIMIT $3`,
      [fromId, beforeId, limit, PLACE_ORDER.lane],
    );
  }

  async countOverdue(beforeId: string): Promise<Tally> {
    const [row] = await this.dataSource.query<Tally[]>(
      `SELECT count(*)::int AS count, min(placed_at) AS oldest FROM orders WHERE status = 'pending' AND id < $1`,
      [beforeId],
    );
    return row ?? { count: 0, oldest: null };
  }
}
