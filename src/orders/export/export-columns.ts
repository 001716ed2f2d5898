import { Big } from 'big.js';
import { MAX_KEY_LENGTH } from '../details/flat-object.js';
import type { Charge } from '../details/order-details.js';
import type { AddressResponse } from '../dto/order-details.response.js';
import { OrderResponse } from '../dto/order.response.js';
import type { OrderItem } from '../order-item.entity.js';
import { chargesTotalOf, toJsonNumber, toJsonNumberOrNull, totalOf } from '../pricing/order-pricing.js';

/** What a row of a CSV file is: a line of an order, or an order, so that its amounts can be summed. */
export const EXPORT_ROWS = ['lines', 'orders'] as const;

export type ExportRows = (typeof EXPORT_ROWS)[number];

/** All columns that have a name of their own, and as many keys of metadata as an order can have. */
export const MAX_EXPORT_COLUMNS = 110;

/** The value of a cell; null and undefined leave it empty. */
export type Cell = string | number | null | undefined;

type OfOrder = (order: OrderResponse) => Cell;
type OfLine = (item: OrderItem) => Cell;

/** A column with its name. Those of an order have the same value in each of its lines. */
export type ExportColumn = { name: string } & ({ ofOrder: OfOrder } | { ofLine: OfLine });

const ORDER_COLUMNS: Record<string, OfOrder> = {
  order_id: (order) => order.order_id,
  number: (order) => order.number,
  timestamp: (order) => order.timestamp,
  status: (order) => order.status,
  version: (order) => order.version,
  updated_at: (order) => order.updated_at,
  failure: (order) => order.failure,
  expires_at: (order) => order.expires_at,
  payment_state: (order) => order.payment_state,
  source: (order) => order.source,
  source_order_id: (order) => order.source_order_id,
  customer_id: (order) => order.customer_id,
  customer_name: (order) => order.customer_name,
  customer_email: (order) => order.customer_email,
  customer_phone: (order) => order.customer_phone,
  ...addressColumns('shipping', (order) => order.shipping_address),
  ...addressColumns('billing', (order) => order.billing_address),
  note: (order) => order.note,
  tags: (order) => order.tags.join(', '),
  metadata: (order) => jsonOf(order.metadata),
  currency: (order) => order.currency,
  item_count: (order) => order.items.length,
  unit_count: (order) => order.items.reduce((sum, { quantity }) => sum + quantity, 0),
  subtotal_amount: (order) => order.subtotal_amount,
  shipping_amount: addedOf('shipping'),
  tax_amount: addedOf('tax'),
  discount_amount: addedOf('discount'),
  fee_amount: addedOf('fee'),
  charges_amount: (order) => order.charges_amount,
  included_tax_amount: (order) => includedTaxOf(order.charges),
  total_amount: (order) => order.total_amount,
  order_total: (order) => order.total_amount,
};

const LINE_COLUMNS: Record<string, OfLine> = {
  line: (item) => item.id,
  product_id: (item) => item.productId,
  product_name: (item) => item.productName,
  sku: (item) => item.sku,
  options: (item) => jsonOf(item.options ?? {}),
  line_metadata: (item) => jsonOf(item.metadata ?? {}),
  quantity: (item) => item.quantity,
  price: (item) => toJsonNumberOrNull(item.price),
  line_total: ({ quantity, price }) => (price === null ? null : toJsonNumber(totalOf([{ quantity, price }]))),
};

/** Columns of a file for which the client names none. Those of lines are released: programs count on their places. */
const DEFAULT_COLUMNS: Record<ExportRows, string> = {
  lines:
    'order_id,timestamp,status,version,updated_at,failure,customer_id,customer_name,customer_email,currency,order_total,' +
    'line,product_id,product_name,quantity,price,line_total',
  orders:
    'order_id,number,timestamp,status,version,updated_at,failure,customer_id,customer_name,customer_email,currency,' +
    'item_count,unit_count,subtotal_amount,charges_amount,total_amount',
};

/** Before the key of a column with one value of the metadata of the order. */
const METADATA_PREFIX = 'metadata.';

const CONTROL_CHARACTERS = /\p{Cc}/u;

/** Names of the columns that a file may have, in the order of the documents. */
export function columnNames(rows: ExportRows): string[] {
  return [...Object.keys(ORDER_COLUMNS), ...(rows === 'lines' ? Object.keys(LINE_COLUMNS) : [])];
}

/**
 * Reads names of columns between commas.
 *
 * @returns the columns, or the message for the client where it can't have them
 */
export function parseColumns(rows: ExportRows, text = DEFAULT_COLUMNS[rows]): ExportColumn[] | string {
  const names = text.split(',').map((name) => name.trim());
  if (names.length > MAX_EXPORT_COLUMNS) return `must name at most ${MAX_EXPORT_COLUMNS} columns`;
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) return `must name each column once, unlike ${quoted(twice)}`;
  const columns: ExportColumn[] = [];
  for (const name of names) {
    const column = findColumn(rows, name);
    if (column === undefined) return whyUnknown(rows, name);
    columns.push(column);
  }
  return columns;
}

function findColumn(rows: ExportRows, name: string): ExportColumn | undefined {
  if (Object.hasOwn(ORDER_COLUMNS, name)) return { name, ofOrder: ORDER_COLUMNS[name] as OfOrder };
  if (rows === 'lines' && Object.hasOwn(LINE_COLUMNS, name)) {
    return { name, ofLine: LINE_COLUMNS[name] as OfLine };
  }
  if (!name.startsWith(METADATA_PREFIX)) return undefined;
  const key = name.slice(METADATA_PREFIX.length);
  if (key.length === 0 || key.length > MAX_KEY_LENGTH || CONTROL_CHARACTERS.test(key)) return undefined;
  return {
    name,
    ofOrder: ({ metadata }) => {
      const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
      return typeof value === 'boolean' ? String(value) : value;
    },
  };
}

function whyUnknown(rows: ExportRows, name: string): string {
  const place = Object.hasOwn(LINE_COLUMNS, name) ? `rows=${rows}` : 'the export';
  const allowed = columnNames(rows).join(', ');
  return `has ${quoted(name)}, which is no column of ${place}; the columns are ${allowed} and metadata.<key>`;
}

/** Of what the client sent, as much as a name can have. */
function quoted(name: string): string {
  return `"${name.slice(0, METADATA_PREFIX.length + MAX_KEY_LENGTH).toWellFormed()}"`;
}

function addressColumns(
  kind: 'shipping' | 'billing',
  addressOf: (order: OrderResponse) => AddressResponse | null,
): Record<string, OfOrder> {
  const parts = ['name', 'company', 'line1', 'line2', 'postal_code', 'city', 'region', 'country'] as const;
  return Object.fromEntries(
    parts.map((part): [string, OfOrder] => [`${kind}_${part}`, (order) => addressOf(order)?.[part]]),
  );
}

/** The charges of a type that are added to the lines. Over all types they are `charges_amount`. */
function addedOf(type: Charge['type']): OfOrder {
  return ({ charges }) => toJsonNumber(chargesTotalOf(charges.filter((charge) => charge.type === type)));
}

/** The taxes that the prices contain, which accounting needs although they are not added. */
function includedTaxOf(charges: readonly Charge[]): number {
  return charges
    .filter(({ type, included }) => type === 'tax' && included === true)
    .reduce((sum, { amount }) => sum.plus(amount), new Big(0))
    .toNumber();
}

/** An object with keys of the client; empty where it has none. */
function jsonOf(value: object): string | null {
  return Object.keys(value).length === 0 ? null : JSON.stringify(value);
}
