import { EMAIL_KEY, emailKey } from '../addresses/email-address.js';
import type { OrderStatus } from '../order-status.js';
import type { Owner } from '../ownership.js';

/** Which orders are meant; all conditions hold together. */
export interface OrderFilter {
  /** Any of these. */
  statuses?: readonly OrderStatus[] | undefined;
  customerId?: string | undefined;
  customerEmail?: string | undefined;
  productId?: string | undefined;
  /** What people call the order. */
  number?: string | undefined;
  /** The channel that orders came through, and their id in it. */
  source?: string | undefined;
  sourceOrderId?: string | undefined;
  tag?: string | undefined;
  /** Values that members of the metadata have as text. */
  metadata?: Readonly<Record<string, string>> | undefined;
  /** Bounds of the total as exact decimal digits, both included. An order without a total is outside. */
  totalMin?: string | undefined;
  totalMax?: string | undefined;
  /** Smallest and, not included, largest id: ids begin with the time of placement. */
  fromId?: string | undefined;
  beforeId?: string | undefined;
  /** Free text of a search. */
  search?: string | undefined;
  /** Whether the search also finds parts of values, where no order has the text as a whole value. */
  findsFragments?: boolean | undefined;
  /** Folded text that a value of the order contains. */
  fragment?: string | undefined;
}

/** Adds a value to those of a statement. @returns the parameter that stands for it */
export type AddValue = (value: unknown) => string;

/** What a search can lead with: columns with an index that ends with the id of the order, and the products and the number. */
export type Key =
  'o.number' | 'o.source_order_id' | 'o.customer_id' | typeof EMAIL_KEY | 'product' | 'o.source' | 'o.status';

/** A condition on orders: the key has one of the values, which are SQL. */
export interface Condition {
  key: Key;
  values: readonly string[];
}

/** Conditions on orders, the most selective in most shops first, and bounds on the id. */
export interface Conditions {
  conditions: readonly Condition[];
  /** Such as `< $2`. */
  bounds: readonly string[];
  /** SQL about `orders o` that no index serves. The statement is bounded otherwise: see OrderFinder. */
  checks: readonly string[];
}

/**
 * Whether the filter has a condition that no index serves. A source may have most of the orders, so that beside another
 * condition one of the two is checked.
 */
export function hasChecks(filter: OrderFilter): boolean {
  const { totalMin, totalMax, tag, metadata, fragment, source } = filter;
  const { search, customerId, customerEmail, productId, statuses } = filter;
  if (
    source !== undefined &&
    [search, customerId, customerEmail, productId, statuses].some((other) => other !== undefined)
  )
    return true;
  return [totalMin, totalMax, tag, metadata, fragment].some((check) => check !== undefined);
}

/**
 * The values of an order contain a text. Neither LIKE nor a join: the planner would read the trigram index, or all texts, in
 * order to check the few orders of a window.
 */
function contains(text: string): string {
  return `(SELECT strpos(s.text, ${text}) > 0 FROM order_search s WHERE s.order_id = o.id)`;
}

/** The conditions of the filter, except for the search. */
export function conditionsOf(owner: Owner, filter: OrderFilter, add: AddValue): Conditions {
  const conditions: Condition[] = [];
  const where = (key: Key, value: string | null | undefined): void => {
    if (value !== undefined && value !== null) conditions.push({ key, values: [add(value)] });
  };
  where('o.number', filter.number);
  where('o.source_order_id', filter.sourceOrderId);
  where('o.customer_id', owner);
  where('o.customer_id', filter.customerId?.normalize('NFC'));
  where(EMAIL_KEY, filter.customerEmail === undefined ? undefined : emailKey(filter.customerEmail));
  where('product', filter.productId);
  where('o.source', filter.source);
  if (filter.statuses !== undefined)
    conditions.push({ key: 'o.status', values: filter.statuses.map((status) => add(status)) });
  const compare = (left: string, operator: string, value: string | undefined): string[] =>
    value === undefined ? [] : [`${left} ${operator} ${add(value)}`];
  return {
    conditions,
    bounds: [...compare('', '>=', filter.fromId), ...compare('', '<', filter.beforeId)],
    checks: [
      ...compare('o.total_amount', '>=', filter.totalMin),
      ...compare('o.total_amount', '<=', filter.totalMax),
      ...(filter.tag === undefined ? [] : [`o.tags @> ARRAY[${add(filter.tag)}]::text[]`]),
      ...Object.entries(filter.metadata ?? {}).map(
        ([key, value]) => `o.metadata ->> ${add(key)}::text = ${add(value)}`,
      ),
      ...(filter.fragment === undefined ? [] : [contains(add(filter.fragment))]),
    ],
  };
}

/** SQL that is true of those `orders o` that meet a condition. */
export function textOf({ key, values }: Condition): string {
  const [first] = values;
  const isOne = values.length === 1 ? `= ${first}` : `= ANY (ARRAY[${values.join(', ')}])`;
  if (key !== 'product') return `${key} ${isOne}`;
  return `EXISTS (SELECT 1 FROM order_items l WHERE l.order_id = o.id AND l.product_id ${isOne})`;
}

/**
 * The part of the filter that an index serves in order of age: its orders, from the newest on, include all that pass the
 * filter.
 */
export function leadOf(owner: Owner, filter: OrderFilter): OrderFilter {
  const { fromId, beforeId, search, customerId, customerEmail, productId, statuses } = filter;
  const { number, source, sourceOrderId } = filter;
  const bounds = { fromId, beforeId };
  if (search !== undefined) return { ...bounds, search };
  if (number !== undefined) return { ...bounds, number };
  if (sourceOrderId !== undefined) return { ...bounds, sourceOrderId };
  if (owner !== null) return bounds;
  if (customerId !== undefined) return { ...bounds, customerId };
  if (customerEmail !== undefined) return { ...bounds, customerEmail };
  if (productId !== undefined) return { ...bounds, productId };
  if (source !== undefined) return { ...bounds, source };
  return { ...bounds, statuses };
}
