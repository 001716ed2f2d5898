import { MultiRowStatement } from '../../platform/database/batching/multi-row-statement.js';
import type { Statement } from '../../platform/database/statement-message.js';
import type { Order } from '../order.entity.js';

/** An order as it was read, and at its next version. */
export interface OrderUpdate {
  before: Pick<Order, 'version'>;
  after: Order;
}

/** An order whose lines or tasks have changed. */
export interface Touch {
  order: Pick<Order, 'id' | 'version'>;
  at: Date;
}

/** Lines of an order whose units are released. */
export interface ReleasedLines {
  orderId: string;
  lines: readonly number[];
}

/** An order that is not at the version it was read at stays as it is, and is not returned. */
const UPDATE_ORDERS = new MultiRowStatement(
  '(?::uuid, ?::integer, ?::integer, ?::timestamptz, ?::text, ?::json)',
  (rows) =>
    `UPDATE orders o SET version = n.next_version, updated_at = n.at, status = n.status, payments = n.payments
     FROM (VALUES ${rows}) AS n (id, version, next_version, at, status, payments)
     WHERE o.id = n.id AND o.version = n.version RETURNING o.id`,
);

const TOUCH_ORDERS = new MultiRowStatement(
  '(?::uuid, ?::integer, ?::timestamptz)',
  (rows) =>
    `UPDATE orders o SET version = o.version + 1, updated_at = n.at FROM (VALUES ${rows}) AS n (id, version, at)
     WHERE o.id = n.id AND o.version = n.version RETURNING o.id`,
);

const RELEASE_LINES = new MultiRowStatement(
  '(?::uuid, ?::integer[])',
  (rows) =>
    `UPDATE order_items i SET reservation = 'released' FROM (VALUES ${rows}) AS r (order_id, lines)
     WHERE i.order_id = r.order_id AND i.id = ANY (r.lines) AND i.reservation IN ('held', 'in_doubt')
     RETURNING i.order_id AS id`,
);

/** Writes status and payments. */
export function updatesOf(changes: readonly OrderUpdate[]): Statement[] {
  return UPDATE_ORDERS.of(
    byId(changes, ({ after }) => after.id).map(({ before, after }) => [
      after.id,
      before.version,
      after.version,
      after.updatedAt,
      after.status,
      // The driver would write a list as an array of PostgreSQL.
      after.payments && JSON.stringify(after.payments),
    ]),
  );
}

/** Raises versions. */
export function touchesOf(touched: readonly Touch[]): Statement[] {
  return TOUCH_ORDERS.of(
    byId(touched, ({ order }) => order.id).map(({ order, at }) => [order.id, order.version, at]),
  );
}

/** Sets lines that are held or in doubt to `released`. */
export function releasesOf(released: readonly ReleasedLines[]): Statement[] {
  return RELEASE_LINES.of(released.map(({ orderId, lines }) => [orderId, lines]));
}

/** Transactions that lock orders by their ids do not deadlock. */
function byId<Item>(items: readonly Item[], idOf: (item: Item) => string): Item[] {
  return items.toSorted((left, right) => (idOf(left) < idOf(right) ? -1 : 1));
}
