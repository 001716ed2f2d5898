import type { CartChange, StoredCart } from '../../../sandbox/cart.server.ts';
import type { Message } from '../../../sandbox/notification.server.ts';
import type { LedgerEntry } from '../../../sandbox/stock.ts';
import type { InventoryKind } from '../campaign/options.ts';
import { addressOf, type ClientRecord, personOf } from '../clients/record.ts';
import type { Receiver, Receivers } from '../receivers/receivers.ts';
import type { CampaignDatabase } from '../world/database.ts';
import type { StockState, Upstreams } from '../world/upstreams.ts';

export interface OrderRow {
  id: string;
  customerId: string | null;
  email: string | null;
  status: string;
  total: string;
  version: number;
  cartId: string | null;
  source: string | null;
  sourceOrderId: string | null;
  metadata: Record<string, unknown> | null;
  placedAt: Date;
  holdSeconds: number | null;
  /** Whether the time of its hold has passed. */
  isHoldOver: boolean;
  payments: readonly StoredPayment[];
}

export interface StoredPayment {
  reference: string;
  state: string;
  confirmed?: boolean;
}

export interface ItemRow {
  orderId: string;
  line: number;
  productId: string;
  quantity: number;
  reservation: 'held' | 'released' | 'in_doubt';
}

export interface EventRow {
  orderId: string;
  seq: number;
  type: string;
  from: string | null;
  to: string | null;
  actor: string;
  reason: string | null;
  data: unknown;
  at: Date;
  /** Its number in the feed; 0 without one. */
  feedNo: number;
}

/** A task that is not finished. */
export interface TaskRow {
  kind: string;
  state: string;
  orderId: string;
  attempts: number;
  error: string | null;
}

/** Everything known about a campaign without asking the service. */
export interface Evidence {
  inventory: InventoryKind;
  records: readonly ClientRecord[];
  orders: ReadonlyMap<string, OrderRow>;
  items: ReadonlyMap<string, ItemRow[]>;
  events: ReadonlyMap<string, EventRow[]>;
  tasks: readonly TaskRow[];
  /** Movements of the catalog's stock with an unknown outcome. */
  movements: readonly { key: string; productId: string; state: string }[];
  stock: readonly StockState[];
  ledger: readonly LedgerEntry[];
  messages: readonly Message[];
  carts: readonly StoredCart[];
  cartChanges: readonly CartChange[];
  receivers: readonly Receiver[];
  /** Where personal data of erased customers are left. */
  leaks: readonly Leak[];
  /** Instances that ended without a signal of the campaign. */
  collapses: readonly string[];
}

/** A text of an erased customer that the database still has. */
export interface Leak {
  client: number;
  table: string;
  column: string;
}

/** The statuses in which an order holds stock, repeated here so that the service does not judge itself. */
export const LIVE = new Set([
  'pending',
  'reserved',
  'confirmed',
  'processing',
  'shipped',
  'delivered',
  'returned',
]);

const TASKS = `SELECT kind, state, order_id AS "orderId", attempts, last_error AS error FROM tasks`;

export async function gatherEvidence(
  inventory: InventoryKind,
  records: readonly ClientRecord[],
  database: CampaignDatabase,
  upstreams: Upstreams,
  receivers: Receivers,
  collapses: readonly string[],
): Promise<Evidence> {
  const orders = await database.query<OrderRow>(
    `SELECT id, customer_id AS "customerId", customer_email AS email, status, total_amount AS total, version,
       cart_id AS "cartId", source, source_order_id AS "sourceOrderId", metadata, placed_at AS "placedAt",
       hold_seconds AS "holdSeconds", coalesce(expires_at <= now(), false) AS "isHoldOver",
       coalesce(payments, '[]') AS payments FROM orders`,
  );
  const items = await database.query<ItemRow>(
    `SELECT order_id AS "orderId", id AS line, product_id AS "productId", quantity, reservation FROM order_items
     ORDER BY order_id, id`,
  );
  const events = await database.query<EventRow>(
    `SELECT order_id AS "orderId", seq, type, from_status AS "from", to_status AS "to", actor, reason, data,
       occurred_at AS at, coalesce(feed_no, 0)::int AS "feedNo" FROM order_events ORDER BY order_id, seq`,
  );
  const { carts, changes } = await upstreams.carts();
  return {
    inventory,
    records,
    orders: new Map(orders.map((order) => [order.id, order])),
    items: Map.groupBy(items, (item) => item.orderId),
    events: Map.groupBy(events, (event) => event.orderId),
    tasks: await database.query<TaskRow>(TASKS),
    movements: await database.query(
      `SELECT key, product_id AS "productId", state FROM product_catalog_movements
       WHERE state IN ('started', 'in_doubt')`,
    ),
    stock: await upstreams.stock(),
    ledger: await upstreams.ledger(),
    messages: await upstreams.messages(),
    carts,
    cartChanges: changes,
    receivers: receivers.receivers(),
    leaks: await findLeaks(database, records),
    collapses,
  };
}

/** Open work, read from the database; all zero once the service is idle. */
export async function countOpenWork(
  database: CampaignDatabase,
  inventory: InventoryKind,
): Promise<{ pending: number; tasks: number; held: number; unnumbered: number; unqueued: number }> {
  const live = [...LIVE].map((status) => `'${status}'`).join(', ');
  // A line in doubt at an inventory that ignores keys stays so until a person resolves it.
  const settled = inventory === 'plain' ? `('released', 'in_doubt')` : `('released')`;
  // The hold of an order that was not ended waits. A late confirmation waits for the person who resolves such a line.
  const waits =
    `(t.kind = 'expire-hold' AND o.status = 'reserved' AND o.expires_at > now())` +
    (inventory === 'plain'
      ? ` OR (t.kind = 'confirm-expired' AND EXISTS (SELECT 1 FROM order_items i
           WHERE i.order_id = o.id AND i.reservation = 'in_doubt'))`
      : '');
  const [row] = await database.query<Awaited<ReturnType<typeof countOpenWork>>>(
    `SELECT (SELECT count(*) FROM orders WHERE status = 'pending')::int AS pending,
       (SELECT count(*) FROM tasks t LEFT JOIN orders o ON o.id = t.order_id
        WHERE t.state <> 'dead' AND (${waits}) IS NOT TRUE)::int AS tasks,
       (SELECT count(*) FROM orders o JOIN order_items i ON i.order_id = o.id
        WHERE o.status NOT IN (${live}) AND i.reservation NOT IN ${settled})::int AS held,
       (SELECT count(*) FROM order_events WHERE feed_no = 0 OR feed_no IS NULL)::int AS unnumbered,
       (SELECT coalesce(max(f.last_no - w.read_until), 0) FROM webhook_endpoints w, event_feed f)::int AS unqueued`,
  );
  return row ?? { pending: 0, tasks: 0, held: 0, unnumbered: 0, unqueued: 0 };
}

/** Lets deliveries to receivers be repeated, as after a long time. Those that are being claimed are skipped. */
export async function repeatDeliveries(database: CampaignDatabase): Promise<void> {
  await database.query(
    `UPDATE tasks t SET run_at = now() FROM (
       SELECT order_id, lane, seq FROM tasks
       WHERE kind LIKE 'webhook:%' AND state = 'ready' AND lease_until IS NULL FOR UPDATE SKIP LOCKED
     ) waiting
     WHERE t.order_id = waiting.order_id AND t.lane = waiting.lane AND t.seq = waiting.seq`,
  );
}

/** Lets idempotency keys expire, as after a long time. */
export async function expireKeys(database: CampaignDatabase, keys: readonly string[]): Promise<void> {
  await database.query(`UPDATE idempotency_keys SET expires_at = now() WHERE key = ANY ($1)`, [keys]);
}

/** Searches every column of every table for the texts of erased customers. */
async function findLeaks(database: CampaignDatabase, records: readonly ClientRecord[]): Promise<Leak[]> {
  const erased = records.filter((record) => record.isErased);
  const columns = await database.query<{ table: string; column: string }>(
    `SELECT table_name AS "table", column_name AS "column" FROM information_schema.columns
     WHERE table_schema = current_schema() AND data_type NOT IN ('uuid', 'integer', 'bigint', 'boolean')`,
  );
  const leaks: Leak[] = [];
  for (const { table, column } of columns) {
    const found = await database.query<{ client: number }>(
      `SELECT person.n AS client FROM unnest($1::int[], $2::text[], $3::text[]) person (n, email, name)
       WHERE EXISTS (SELECT 1 FROM "${table}" t
         WHERE strpos(t."${column}"::text, person.email) > 0 OR strpos(t."${column}"::text, person.name) > 0)`,
      [erased.map(({ n }) => n), erased.map(({ n }) => addressOf(n)), erased.map(({ n }) => personOf(n))],
    );
    leaks.push(...found.map(({ client }) => ({ client, table, column })));
  }
  return leaks;
}
