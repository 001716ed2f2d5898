import type { OrderStatus } from '../order-status.js';
import type { Owner } from '../ownership.js';
import { orderIdsFrom } from './order-id-prefix.js';

/** Which orders are meant; all conditions hold together. */
export interface OrderFilter {
  status?: OrderStatus | undefined;
  customerId?: string | undefined;
  customerEmail?: string | undefined;
  productId?: string | undefined;
  /** Smallest and, not included, largest id: ids begin with the time of placement. */
  fromId?: string | undefined;
  beforeId?: string | undefined;
  /** What somebody has typed who looks for an order: one of its ids, the customer's e-mail address, or a product. */
  search?: string | undefined;
}

/** Adds a value to those of a statement. @returns the parameter that stands for it */
type AddValue = (value: unknown) => string;

/**
 * The condition on `orders o` of the newest orders that are meant.
 *
 * @param limit how many of them are asked for
 * @param add adds a value to those of the statement
 * @returns SQL that is true of those orders; of others too only where they are older than these
 */
export function conditionOf(owner: Owner, filter: OrderFilter, limit: string, add: AddValue): string {
  const bounds = [
    ...(filter.fromId === undefined ? [] : [`>= ${add(filter.fromId)}`]),
    ...(filter.beforeId === undefined ? [] : [`< ${add(filter.beforeId)}`]),
  ];
  const { search, productId, ...rest } = filter;
  // A product alone leads to its orders; beside a search, which leads to others, it is one more condition on them.
  const others = othersOf(owner, search === undefined ? rest : filter, add);
  const besides = { all: [...bounds.map((bound) => `o.id ${bound}`), ...others], others, bounds };
  if (search !== undefined) return `o.id IN (${foundBy(search, besides, limit, add)})`;
  if (productId !== undefined) return `o.id IN (${withProduct(add(productId), besides, limit)})`;
  return besides.all.length > 0 ? besides.all.join(' AND ') : 'true';
}

/** What has to hold of an order beside the bounds of its id. */
function othersOf(owner: Owner, filter: OrderFilter, add: AddValue): string[] {
  const conditions: string[] = [];
  const where = (condition: (parameter: string) => string, value: unknown): void => {
    if (value !== undefined) conditions.push(condition(add(value)));
  };
  where((p) => `o.customer_id = ${p}`, owner ?? undefined);
  where((p) => `o.status = ${p}`, filter.status);
  where((p) => `o.customer_id = ${p}`, filter.customerId);
  where((p) => `lower(o.customer_email) = lower(${p})`, filter.customerEmail);
  where(
    (p) => `EXISTS (SELECT 1 FROM order_items l WHERE l.order_id = o.id AND l.product_id = ${p})`,
    filter.productId,
  );
  return conditions;
}

/** The filters beside the search, for `orders o`; and the two parts that they consist of. */
interface Besides {
  all: readonly string[];
  others: readonly string[];
  bounds: readonly string[];
}

/**
 * A query of the newest orders that a text may mean. One query for each kind of text it may be, each limited and read
 * off an index from its newest end: one condition with OR would be planned as a walk through all orders.
 */
function foundBy(text: string, besides: Besides, limit: string, add: AddValue): string {
  const value = add(text);
  const among = (...conditions: string[]): string =>
    `SELECT o.id FROM orders o WHERE ${[...conditions, ...besides.all].join(' AND ')} ORDER BY o.id DESC LIMIT ${limit}`;
  const queries = [among(`o.customer_id = ${value}`), withProduct(value, besides, limit)];
  if (text.includes('@')) queries.push(among(`lower(o.customer_email) = lower(${value})`));
  const ids = orderIdsFrom(text);
  if (ids) queries.push(among(`o.id >= ${add(ids.first)}`, `o.id <= ${add(ids.last)}`));
  return `SELECT found.id FROM (${queries.map((query) => `(${query})`).join(' UNION ')}) found ORDER BY found.id DESC LIMIT ${limit}`;
}

/** A query of the newest orders with a line of a product, each once, read off the index of the lines from its newest end. */
function withProduct(product: string, { others, bounds }: Besides, limit: string): string {
  // The bounds are for the lines, whose index begins with the product and goes on with the order.
  const ofLines = [`f.product_id = ${product}`, ...bounds.map((bound) => `f.order_id ${bound}`), ...others];
  return `SELECT DISTINCT f.order_id FROM order_items f JOIN orders o ON o.id = f.order_id
    WHERE ${ofLines.join(' AND ')} ORDER BY f.order_id DESC LIMIT ${limit}`;
}
