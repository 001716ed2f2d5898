import type { KeyClaim } from '../../idempotency/idempotency.repository.js';
import { MultiRowStatement } from '../../platform/database/batching/multi-row-statement.js';
import type { Statement } from '../../platform/database/statement-message.js';
import type { Write } from '../../platform/database/transaction.js';
import type { LeasableTask } from '../../tasks/task-inserts.js';
import { storedEmailKey } from '../addresses/email-address.js';
import { cartClaim, numberClaim } from '../claims/claims-of.js';
import type { Claim } from '../claims/order-claims.repository.js';
import type { Order } from '../order.entity.js';
import type { NewEvent } from '../order.repository.js';

/** A new order, and everything that is stored along with it. */
export interface NewPlacement {
  order: Order;
  /** Completes the placement; this process holds its lease. */
  task: LeasableTask;
  claim: KeyClaim | undefined;
  /** Its reference, as claimed for the caller. */
  reference: Claim | undefined;
  event: NewEvent;
}

/** The last two values of a row are the number of the client and the prefix of numbers of the sequence. */
const INSERT_ORDERS = new MultiRowStatement(
  `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
   coalesce(?::text, ?::text || nextval('order_numbers')))`,
  (rows) =>
    `INSERT INTO orders (id, customer_id, customer_name, customer_email, customer_email_key, status, currency,
       total_amount, version, cart_id, placed_at, updated_at, to_price, customer_phone, shipping_address,
       billing_address, note, tags, metadata, charges, charges_amount, source, source_order_id, detail_bytes, hold_seconds,
       number)
     VALUES ${rows} RETURNING id, number`,
);

const INSERT_ITEMS = new MultiRowStatement(
  '(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  (rows) =>
    `INSERT INTO order_items (order_id, id, product_id, product_name, quantity, price, reservation, sku, options,
       metadata) VALUES ${rows}`,
);

/** What an order claims before it is stored. */
export function newClaimsOf({ order, reference }: NewPlacement): (Claim & { orderId: string })[] {
  const { id: orderId, cartId, number } = order;
  const claims = [
    ...(reference ? [reference] : []),
    ...(cartId === null ? [] : [cartClaim(cartId)]),
    ...(number === null ? [] : [numberClaim(number)]),
  ];
  return claims.map((claim) => ({ ...claim, orderId }));
}

/** The orders get the numbers that they are stored with. */
export function insertOrders(orders: readonly Order[], numberPrefix: string): Write<never>[] {
  const byId = new Map(orders.map((order) => [order.id, order]));
  const receive = (rows: readonly unknown[]): void => {
    for (const { id, number } of rows as Pick<Order, 'id' | 'number'>[]) {
      const order = byId.get(id);
      if (order) order.number = number;
    }
  };
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
    order.customerPhone,
    order.shippingAddress,
    order.billingAddress,
    order.note,
    order.tags,
    order.metadata,
    // The driver would write a list as an array of PostgreSQL.
    order.charges && JSON.stringify(order.charges),
    order.chargesAmount,
    order.source,
    order.sourceOrderId,
    order.detailBytes,
    order.holdSeconds,
    order.number,
    numberPrefix,
  ]);
  return INSERT_ORDERS.of(rows).map((statement) => ({ ...statement, receive }));
}

export function insertItems(orders: readonly Order[]): Statement[] {
  const rows = orders
    .flatMap((order) => order.items)
    .map((item) => [
      item.orderId,
      item.id,
      item.productId,
      item.productName,
      item.quantity,
      item.price,
      item.reservation,
      item.sku,
      item.options,
      item.metadata,
    ]);
  return INSERT_ITEMS.of(rows);
}
