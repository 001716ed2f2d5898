import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { MultiRowStatement } from '../../platform/database/batching/multi-row-statement.js';
import type { Sql } from '../../platform/database/connection.js';
import type { Order } from '../order.entity.js';
import type { OrderStatus } from '../order-status.js';

/** How a placement ended. */
export interface SettledPlacement {
  order: Pick<Order, 'id' | 'version' | 'attempt'>;
  to: OrderStatus;
  failure: string | null;
  at: Date;
}

const SETTLE_PLACEMENTS = new MultiRowStatement(
  '(?::uuid, ?::integer, ?::integer, ?::text, ?::text, ?::timestamptz)',
  (rows) =>
    `UPDATE orders o SET status = s.status, failure = s.failure, version = o.version + 1, updated_at = s.settled_at,
       lease_until = NULL
     FROM (VALUES ${rows}) AS s (id, version, attempt, status, failure, settled_at)
     WHERE o.id = s.id AND o.version = s.version AND o.attempt = s.attempt AND o.status = 'pending'
     RETURNING o.id`,
);

const INSERT_ORDERS = new MultiRowStatement(
  `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, now() + ? * interval '1 millisecond')`,
  (rows) =>
    `INSERT INTO orders (id, customer_id, customer_name, customer_email, status, currency, total_amount, version,
       cart_id, placed_at, updated_at, attempt, to_price, lease_until) VALUES ${rows}`,
);

const INSERT_ITEMS = new MultiRowStatement(
  '(?, ?, ?, ?, ?, ?, ?)',
  (rows) =>
    `INSERT INTO order_items (order_id, id, product_id, product_name, quantity, price, reservation) VALUES ${rows}`,
);

/** Every statement that takes the placement of orders from one step to the next. */
@Injectable()
export class PlacementRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Stores new orders with their lines; only who called this may drive them until the lease has run out. */
  async insertOrders(sql: Sql, orders: readonly Order[], leaseMs: number): Promise<void> {
    const rows = orders.map((order) => [
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
    ]);
    const items = orders
      .flatMap((order) => order.items)
      .map((item) => [
        item.orderId,
        item.id,
        item.productId,
        item.productName,
        item.quantity,
        item.price,
        item.reservation,
      ]);
    await Promise.all([INSERT_ORDERS.run(sql, rows), INSERT_ITEMS.run(sql, items)]);
  }

  /**
   * Settles orders that are being placed.
   *
   * @returns those of which it was this call that did it: not those that have changed since they were read, or whose
   * placement another process has taken over, which raises `attempt`
   */
  async settlePlacements(sql: Sql, placements: readonly SettledPlacement[]): Promise<ReadonlySet<string>> {
    const rows = placements.map(({ order, to, failure, at }) => [
      order.id,
      order.version,
      order.attempt,
      to,
      failure,
      at,
    ]);
    const settled = await SETTLE_PLACEMENTS.run<{ id: string }>(sql, rows);
    return new Set(settled.map(({ id }) => id));
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
}
