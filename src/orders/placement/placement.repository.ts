import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { MultiRowStatement } from '../../platform/database/batching/multi-row-statement.js';
import type { Statement } from '../../platform/database/statement-message.js';
import type { Write } from '../../platform/database/transaction.js';
import { storedEmailKey } from '../addresses/email-address.js';
import type { Order } from '../order.entity.js';
import type { OrderStatus } from '../order-status.js';

/** How a placement ended. */
export interface SettledPlacement {
  order: Pick<Order, 'id' | 'version' | 'attempt'>;
  to: OrderStatus;
  failure: string | null;
  at: Date;
}

/** Divides by zero where an order is not as it was read, so that nothing that was to follow from this happens either. */
const SETTLE_PLACEMENTS = new MultiRowStatement(
  '(?::uuid, ?::integer, ?::integer, ?::text, ?::text, ?::timestamptz)',
  (rows) =>
    `UPDATE orders o SET status = s.status, failure = s.failure, updated_at = s.settled_at, lease_until = NULL,
       version = o.version + 1 / (o.version = s.version AND o.attempt = s.attempt AND o.status = 'pending')::integer
     FROM (VALUES ${rows}) AS s (id, version, attempt, status, failure, settled_at) WHERE o.id = s.id`,
);

const INSERT_ORDERS = new MultiRowStatement(
  `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, now() + ? * interval '1 millisecond')`,
  (rows) =>
    `INSERT INTO orders (id, customer_id, customer_name, customer_email, customer_email_key, status, currency,
       total_amount, version, cart_id, placed_at, updated_at, attempt, to_price, lease_until) VALUES ${rows}`,
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

  /** Stores new orders with their lines. The caller gets their leases. */
  insertOrders(orders: readonly Order[], leaseMs: number): Statement[] {
    const rows = orders.map((order) => [
      order.id,
      order.customerId,
      order.customerName,
      order.customerEmail,
      storedEmailKey(order.customerEmail),
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
    return [...INSERT_ORDERS.of(rows), ...INSERT_ITEMS.of(items)];
  }

  /**
   * Completes placements. A row is refused when its order has changed, or when another process acquired its lease and
   * raised `attempt`.
   */
  settlePlacements(placements: readonly SettledPlacement[]): Write<'changed'>[] {
    const rows = placements.map(({ order, to, failure, at }) => [
      order.id,
      order.version,
      order.attempt,
      to,
      failure,
      at,
    ]);
    return SETTLE_PLACEMENTS.of(rows).map((statement) => ({ ...statement, refusal: 'changed' }));
  }

  /**
   * Acquires the lease of an abandoned placement.
   *
   * @returns whether this call got it
   */
  async takeLease(orderId: string, leaseMs: number): Promise<boolean> {
    const [, affected] = await this.dataSource.query<[unknown, number]>(
      `UPDATE orders SET attempt = attempt + 1, lease_until = now() + $2 * interval '1 millisecond'
       WHERE id = $1 AND status = 'pending' AND lease_until <= now()`,
      [orderId, leaseMs],
    );
    return affected === 1;
  }

  /** Releases a lease; the placement may be leased again after the wait. A no-op when the lease was lost. */
  async postpone(order: Order, waitMs: number): Promise<void> {
    await this.dataSource.query(
      `UPDATE orders SET lease_until = now() + $3 * interval '1 millisecond'
       WHERE id = $1 AND attempt = $2 AND status = 'pending'`,
      [order.id, order.attempt, waitMs],
    );
  }

  /** Placements without a lease, the longest abandoned first. */
  async findAbandoned(limit: number): Promise<string[]> {
    const rows = await this.dataSource.query<{ id: string }[]>(
      `SELECT id FROM orders WHERE status = 'pending' AND lease_until <= now() ORDER BY lease_until LIMIT $1`,
      [limit],
    );
    return rows.map((row) => row.id);
  }
}
