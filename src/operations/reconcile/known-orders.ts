import { NIL as NIL_ID } from 'uuid';
import { type OrderStatus, parseStatus } from '../../orders/order-status.js';

/** An order as it is known outside the database. */
export interface KnownOrder {
  /** Statuses that were reported to a client or a customer. */
  statuses: Set<OrderStatus>;
  /** Units by product; empty where the source does not name them. */
  items: Map<string, number>;
}

export interface KnownOrders {
  orders: Map<string, KnownOrder>;
  /** Lines without the id of an order. */
  skippedLines: number;
}

/** A file of more orders is too much for one run; they take some 500 bytes each. */
export const MAX_KNOWN_ORDERS = 2_000_000;

/** The form of an order's id: a UUIDv7 in lower case. */
const ORDER_ID = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/;

/** Whether an id has the form of an order's id. */
export function isOrderId(id: string): boolean {
  return id.length === NIL_ID.length && ORDER_ID.test(id);
}

/** The id of an order, alone or with the generation of its stock: see `reservationIdOf`. */
const RESERVATION_ID = new RegExp(String.raw`^${ORDER_ID.source}(?:-(?:[2-9]|[1-9]\d{1,4}))?$`);

/** Whether an id has the form of a reservation for an order. Other systems may keep theirs under ids of other forms. */
export function isReservationId(id: string): boolean {
  return RESERVATION_ID.test(id);
}

/**
 * Reads the orders that are known outside, one a line: JSON with `order_id` or `orderId`, and perhaps `status` and
 * `items` (an export, messages of the notification service, the log of this service), or any other text, in which the
 * first id of an order counts (CSV, a plain list).
 *
 * @throws {Error} for more than `MAX_KNOWN_ORDERS`
 */
export async function readKnownOrders(lines: AsyncIterable<string>): Promise<KnownOrders> {
  const orders = new Map<string, KnownOrder>();
  let skippedLines = 0;
  for await (const line of lines) {
    if (line.trim() === '') continue;
    const { id, status, items } = readLine(line);
    if (id === undefined) {
      skippedLines += 1;
      continue;
    }
    const known = orders.get(id) ?? { statuses: new Set(), items: new Map() };
    if (status !== undefined) known.statuses.add(status);
    // A later line about the same order repeats its items.
    if (items.size > 0) known.items = items;
    orders.set(id, known);
    if (orders.size > MAX_KNOWN_ORDERS)
      throw new Error(`there are more than ${MAX_KNOWN_ORDERS} orders in it`);
  }
  return { orders, skippedLines };
}

function readLine(line: string): {
  id?: string;
  status?: OrderStatus | undefined;
  items: Map<string, number>;
} {
  const fields = readFields(line);
  if (!fields) {
    const id = ORDER_ID.exec(line.toLowerCase())?.[0];
    return { ...(id !== undefined && { id }), items: new Map() };
  }
  const given = fields['order_id'] ?? fields['orderId'];
  const id = typeof given === 'string' ? given.toLowerCase() : '';
  if (!isOrderId(id)) return { items: new Map() };
  const { status } = fields;
  return {
    id,
    status: typeof status === 'string' ? parseStatus(status) : undefined,
    items: readItems(fields['items']),
  };
}

function readFields(line: string): Record<string, unknown> | undefined {
  if (!line.trimStart().startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function readItems(items: unknown): Map<string, number> {
  const units = new Map<string, number>();
  for (const item of Array.isArray(items) ? (items as unknown[]) : []) {
    if (typeof item !== 'object' || item === null) continue;
    const { product_id: id, quantity } = item as { product_id?: unknown; quantity?: unknown };
    if ((typeof id !== 'string' && typeof id !== 'number') || typeof quantity !== 'number') continue;
    units.set(String(id), (units.get(String(id)) ?? 0) + quantity);
  }
  return units;
}
