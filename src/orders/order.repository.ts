import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Sql } from '../platform/database/transaction.js';
import type { OrderEvent, OrderEventType } from './order-event.entity.js';
import type { Reservation } from './order-item.entity.js';
import type { Order } from './order.entity.js';
import type { OrderStatus } from './order-status.js';
import type { Owner } from './ownership.js';

/** Every column of an order and its lines, under the names that the entities give them. */
const ORDER = `o.id, o.customer_id AS "customerId", o.customer_name AS "customerName",
  o.customer_email AS "customerEmail", o.status, o.currency, o.total_amount AS "totalAmount", o.version,
  o.cart_id AS "cartId", o.failure, o.placed_at AS "placedAt", o.updated_at AS "updatedAt", o.attempt,
  o.lease_until AS "leaseUntil", o.to_price AS "toPrice",
  (SELECT json_agg(json_build_object('orderId', i.order_id, 'id', i.id, 'productId', i.product_id,
      'productName', i.product_name, 'quantity', i.quantity, 'price', i.price::text, 'reservation', i.reservation)
      ORDER BY i.id)
   FROM order_items i WHERE i.order_id = o.id) AS items`;

/** What a change of an order records about itself. */
export interface Change {
  type: OrderEventType;
  actor: string;
  reason?: string | undefined;
  data?: Record<string, unknown> | undefined;
  at: Date;
}

/** Which orders a list shows; all conditions hold together. */
export interface OrderFilter {
  status?: OrderStatus | undefined;
  customerId?: string | undefined;
  customerEmail?: string | undefined;
  productId?: string | undefined;
  /** Smallest and, not included, largest id: ids begin with the time of placement. */
  fromId?: string | undefined;
  beforeId?: string | undefined;
}

/** Every statement on the tables of orders. What is part of a transaction takes it as its first argument. */
@Injectable()
export class OrderRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** An order, whoever it belongs to: for the service's own work. */
  async findOrder(id: string): Promise<Order | undefined> {
    return this.findOrderOf(null, id);
  }

  async findOrderOf(owner: Owner, id: string): Promise<Order | undefined> {
    const rows = await this.dataSource.query<Order[]>(
      `SELECT ${ORDER} FROM orders o WHERE o.id = $1 AND ($2::text IS NULL OR o.customer_id = $2)`,
      [id, owner],
    );
    return rows[0];
  }

  /** Orders of the owner that pass the filter, newest first. */
  async listOrdersOf(owner: Owner, filter: OrderFilter, limit: number): Promise<Order[]> {
    const values: unknown[] = [];
    const conditions: string[] = [];
    const where = (condition: (parameter: string) => string, value: unknown): void => {
      if (value === undefined) return;
      values.push(value);
      conditions.push(condition(`$${values.length}`));
    };
    where((p) => `o.customer_id = ${p}`, owner ?? undefined);
    where((p) => `o.status = ${p}`, filter.status);
    where((p) => `o.customer_id = ${p}`, filter.customerId);
    where((p) => `lower(o.customer_email) = lower(${p})`, filter.customerEmail);
    where((p) => `o.id >= ${p}`, filter.fromId);
    where((p) => `o.id < ${p}`, filter.beforeId);
    where(
      (p) => `EXISTS (SELECT 1 FROM order_items f WHERE f.order_id = o.id AND f.product_id = ${p})`,
      filter.productId,
    );
    values.push(limit);
    return this.dataSource.query<Order[]>(
      `SELECT ${ORDER} FROM orders o ${conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''}
       ORDER BY o.id DESC LIMIT $${values.length}`,
      values,
    );
  }

  /** The history of an order, oldest first, whoever it belongs to: for the service's own work. */
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

  async findEvent(orderId: string, seq: number): Promise<OrderEvent | undefined> {
    return (await this.listEvents(orderId)).find((event) => event.seq === seq);
  }

  /** Stores a new order; only who called this may drive it until the lease has run out. */
  async insertOrder(sql: Sql, order: Omit<Order, 'leaseUntil'>, leaseMs: number): Promise<void> {
    await sql.query(
      `INSERT INTO orders (id, customer_id, customer_name, customer_email, status, currency, total_amount, version,
         cart_id, placed_at, updated_at, attempt, to_price, lease_until)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, now() + $14 * interval '1 millisecond')`,
      [
        order.id,
        order.customerId,
        order.customerName,
        order.customerEmail,
        order.status,
        order.currency,
        order.totalAmount,
        order.version,
        order.cartId,
        order.placedAt,
        order.updatedAt,
        order.attempt,
        order.toPrice,
        leaseMs,
      ],
    );
    await this.insertItems(sql, order);
  }

  private async insertItems(sql: Sql, order: Omit<Order, 'leaseUntil'>): Promise<void> {
    const rows = order.items.map((item) => [
      item.orderId,
      item.id,
      item.productId,
      item.productName,
      item.quantity,
      item.price,
      item.reservation,
    ]);
    const tuples = rows.map(
      (row, at) => `(${row.map((_, column) => `$${at * row.length + column + 1}`).join(', ')})`,
    );
    await sql.query(
      `INSERT INTO order_items (order_id, id, product_id, product_name, quantity, price, reservation)
       VALUES ${tuples.join(', ')}`,
      rows.flat(),
    );
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
    await sql.query(
      `INSERT INTO order_events (order_id, seq, type, from_status, to_status, actor, reason, data, occurred_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [orderId, version, change.type, from, to, change.actor, change.reason, change.data, change.at],
    );
  }

  /**
   * Settles an order that is being placed.
   *
   * @returns whether it was this call that did it: not when the order has changed since, or when another process has
   * taken the placement over, which raises `attempt`
   */
  async settlePlacement(
    sql: Sql,
    order: Order,
    to: OrderStatus,
    failure: string | null,
    at: Date,
  ): Promise<boolean> {
    const [, affected] = await sql.query<[unknown, number]>(
      `UPDATE orders SET status = $4, failure = $5, version = version + 1, updated_at = $6, lease_until = NULL
       WHERE id = $1 AND version = $2 AND attempt = $3 AND status = 'pending'`,
      [order.id, order.version, order.attempt, to, failure, at],
    );
    return affected === 1;
  }

  /** Sets the status of an order that is still at the version it was read at. @returns whether it was */
  async updateStatus(sql: Sql, order: Order, to: OrderStatus, at: Date): Promise<boolean> {
    const [, affected] = await sql.query<[unknown, number]>(
      `UPDATE orders SET status = $3, version = version + 1, updated_at = $4 WHERE id = $1 AND version = $2`,
      [order.id, order.version, to, at],
    );
    return affected === 1;
  }

  /** Raises the version of an order that is still at the version it was read at. @returns whether it was */
  async touch(sql: Sql, order: Order, at: Date): Promise<boolean> {
    const [, affected] = await sql.query<[unknown, number]>(
      `UPDATE orders SET version = version + 1, updated_at = $3 WHERE id = $1 AND version = $2`,
      [order.id, order.version, at],
    );
    return affected === 1;
  }

  /** Sets the reservation of lines that are still in one of the given states. @returns the lines that were */
  async setReservation(
    sql: Sql,
    orderId: string,
    lines: readonly number[],
    from: readonly Reservation[],
    to: Reservation,
  ): Promise<number[]> {
    const [rows] = await sql.query<[{ id: number }[], number]>(
      `UPDATE order_items SET reservation = $4
       WHERE order_id = $1 AND id = ANY ($2) AND reservation = ANY ($3) RETURNING id`,
      [orderId, lines, from, to],
    );
    return rows.map((row) => row.id);
  }

  /** Takes over a placement that nobody drives. @returns whether this call got it */
  async takeLease(orderId: string, leaseMs: number): Promise<boolean> {
    const [, affected] = await this.dataSource.query<[unknown, number]>(
      `UPDATE orders SET attempt = attempt + 1, lease_until = now() + $2 * interval '1 millisecond'
       WHERE id = $1 AND status = 'pending' AND lease_until <= now()`,
      [orderId, leaseMs],
    );
    return affected === 1;
  }

  /** Gives a placement up for now; whoever comes after the wait may take it. Nothing happens if it was taken over. */
  async postpone(order: Order, waitMs: number): Promise<void> {
    await this.dataSource.query(
      `UPDATE orders SET lease_until = now() + $3 * interval '1 millisecond'
       WHERE id = $1 AND attempt = $2 AND status = 'pending'`,
      [order.id, order.attempt, waitMs],
    );
  }

  /** Placements that nobody drives, the longest abandoned first. */
  async findAbandoned(limit: number): Promise<string[]> {
    const rows = await this.dataSource.query<{ id: string }[]>(
      `SELECT id FROM orders WHERE status = 'pending' AND lease_until <= now() ORDER BY lease_until LIMIT $1`,
      [limit],
    );
    return rows.map((row) => row.id);
  }

  /** Unsettled orders, those among them that nobody drives, and when the oldest was placed. Reads no other orders. */
  async measurePending(): Promise<{ count: number; abandoned: number; oldest: Date | null }> {
    const [row] = await this.dataSource.query<{ count: number; abandoned: number; oldest: Date | null }[]>(
      `SELECT count(*)::int AS count, (count(*) FILTER (WHERE lease_until <= now()))::int AS abandoned,
         min(placed_at) AS oldest
       FROM orders WHERE status = 'pending'`,
    );
    return row ?? { count: 0, abandoned: 0, oldest: null };
  }

  async countLinesInDoubt(): Promise<number> {
    const rows = await this.dataSource.query<{ count: number }[]>(
      `SELECT count(*)::int AS count FROM order_items WHERE reservation = 'in_doubt'`,
    );
    return rows[0]?.count ?? 0;
  }
}
