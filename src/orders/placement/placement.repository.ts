import { Injectable } from '@nestjs/common';
import { MultiRowStatement } from '../../platform/database/batching/multi-row-statement.js';
import type { Statement } from '../../platform/database/statement-message.js';
import type { Write } from '../../platform/database/transaction.js';
import { storedEmailKey } from '../addresses/email-address.js';
import type { Order } from '../order.entity.js';
import type { OrderStatus } from '../order-status.js';

/** How a placement ended. */
export interface SettledPlacement {
  order: Pick<Order, 'id' | 'version'>;
  to: OrderStatus;
  failure: string | null;
  at: Date;
}

/** Divides by zero where an order is not as it was read, so that nothing that was to follow from this happens either. */
const SETTLE_PLACEMENTS = new MultiRowStatement(
  '(?::uuid, ?::integer, ?::text, ?::text, ?::timestamptz)',
  (rows) =>
    `UPDATE orders o SET status = s.status, failure = s.failure, updated_at = s.settled_at,
       version = o.version + 1 / (o.version = s.version AND o.status = 'pending')::integer
     FROM (VALUES ${rows}) AS s (id, version, status, failure, settled_at) WHERE o.id = s.id`,
);

const INSERT_ORDERS = new MultiRowStatement(
  '(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  (rows) =>
    `INSERT INTO orders (id, customer_id, customer_name, customer_email, customer_email_key, status, currency,
       total_amount, version, cart_id, placed_at, updated_at, to_price) VALUES ${rows}`,
);

const INSERT_ITEMS = new MultiRowStatement(
  '(?, ?, ?, ?, ?, ?, ?)',
  (rows) =>
    `INSERT INTO order_items (order_id, id, product_id, product_name, quantity, price, reservation) VALUES ${rows}`,
);

/** Every statement that takes the placement of orders from one step to the next. */
@Injectable()
export class PlacementRepository {
  /** Stores new orders with their lines. */
  insertOrders(orders: readonly Order[]): Statement[] {
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
      order.toPrice,
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

  /** Completes placements. Refused where an order has changed since it was read. */
  settlePlacements(placements: readonly SettledPlacement[]): Write<'changed'>[] {
    const rows = placements.map(({ order, to, failure, at }) => [order.id, order.version, to, failure, at]);
    return SETTLE_PLACEMENTS.of(rows).map((statement) => ({ ...statement, refusal: 'changed' }));
  }
}
