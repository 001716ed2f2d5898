import { Batcher, type Entry } from '../../platform/database/batching/batcher.js';
import type { Sql } from '../../platform/database/connection.js';
import type { Order } from '../order.entity.js';
import type { Owner } from '../ownership.js';

/** Every column of an order `o` and its lines, under the names that the entities give them. */
export const ORDER = `o.id, o.customer_id AS "customerId", o.customer_name AS "customerName",
  o.customer_email AS "customerEmail", o.status, o.currency, o.total_amount AS "totalAmount", o.version,
  o.cart_id AS "cartId", o.failure, o.placed_at AS "placedAt", o.updated_at AS "updatedAt",
  o.to_price AS "toPrice", o.number, o.customer_phone AS "customerPhone", o.shipping_address AS "shippingAddress",
  o.billing_address AS "billingAddress", o.note, o.tags, o.metadata, o.charges,
  o.charges_amount AS "chargesAmount", o.source, o.source_order_id AS "sourceOrderId", o.hold_seconds AS "holdSeconds",
  o.expires_at AS "expiresAt", o.stock_until AS "stockUntil", o.stock_generation AS "stockGeneration",
  o.is_reserving_again AS "isReservingAgain", o.payments,
  (SELECT json_agg(json_build_object('orderId', i.order_id, 'id', i.id, 'productId', i.product_id,
      'productName', i.product_name, 'quantity', i.quantity, 'price', i.price::text, 'reservation', i.reservation,
      'sku', i.sku, 'options', i.options, 'metadata', i.metadata)
      ORDER BY i.id)
   FROM order_items i WHERE i.order_id = o.id) AS items`;

/** Details that count as a line: as many bytes as a line has with an id and a name of usual length, and its members. */
export const DETAIL_BYTES_OF_LINE = 500;

/**
 * Size of an order `o` in lines, for the bound of a page: its details count as further lines, and so does each payment, which
 * has up to as many bytes.
 */
export const LINES = `(SELECT count(*)::int FROM order_items i WHERE i.order_id = o.id)
  + coalesce(o.detail_bytes / ${DETAIL_BYTES_OF_LINE}, 0) + coalesce(json_array_length(o.payments), 0)`;

/** By nothing but its id, which a distributed database answers from the one node that has it. */
const FIND_ONE = `SELECT ${ORDER} FROM orders o WHERE o.id = $1 AND ($2::text IS NULL OR o.customer_id = $2)`;

const FIND_MANY = `SELECT w.position::int, ${ORDER}
  FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS w (id, owner, position)
  JOIN orders o ON o.id = w.id AND (w.owner IS NULL OR o.customer_id = w.owner)`;

/** Orders in one statement: the concurrent reads that the default pool permits. */
const MAX_ORDERS = 100;

/** Concurrent statements. Most of the pool is left to placements, and a slow statement does not block the others. */
const MAX_STATEMENTS = 4;

/** A request for an order. With an owner it finds only that owner's orders. */
interface WantedOrder {
  owner: Owner;
  id: string;
}

/** Finds single orders; concurrent reads share a statement, which costs little more than one read. */
export class OrderLookUp {
  private readonly lookUp = new Batcher<WantedOrder, Order | undefined>(
    (wanted) => this.findAll(wanted),
    MAX_ORDERS,
    MAX_STATEMENTS,
  );

  constructor(private readonly sql: Sql) {}

  find(wanted: WantedOrder): Promise<Order | undefined> {
    return this.lookUp.add(wanted);
  }

  private async findAll(wanted: readonly Entry<WantedOrder, Order | undefined>[]): Promise<void> {
    const [first, ...others] = wanted;
    if (first && others.length === 0) {
      const [order] = await this.sql.query<Order[]>(FIND_ONE, [first.item.id, first.item.owner]);
      return first.resolve(order);
    }
    const rows = await this.sql.query<(Order & { position: number })[]>(FIND_MANY, [
      wanted.map(({ item }) => item.id),
      wanted.map(({ item }) => item.owner),
    ]);
    const found = new Map(rows.map(({ position, ...order }) => [position, order]));
    for (const [index, { resolve }] of wanted.entries()) resolve(found.get(index + 1));
  }
}
