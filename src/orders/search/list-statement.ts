import { EMAIL_KEY, emailKey } from '../addresses/email-address.js';
import type { Owner } from '../ownership.js';
import { LINES, ORDER } from '../reading/order-look-up.js';
import {
  type AddValue,
  type Condition,
  type Conditions,
  conditionsOf,
  type OrderFilter,
  textOf,
} from './order-conditions.js';
import { orderIdsFrom } from './order-id-prefix.js';

/** A statement with the values of its parameters. */
export interface Statement {
  text: string;
  values: unknown[];
}

/** The id of an order `o` and its size. */
const SIZE = `o.id, ${LINES} AS lines`;

/** Orders by their ids, newest first. */
export const FIND_ORDERS = `SELECT ${ORDER} FROM orders o WHERE o.id = ANY ($1) ORDER BY o.id DESC`;

/**
 * A statement that reads ids and sizes of the newest orders of the owner that pass the filter. One condition leads:
 * an index has its orders in order of age, so that the read stops at the end of the page, at any size of the table.
 * The other conditions are checked on those rows.
 */
export function listStatement(owner: Owner, filter: OrderFilter, limit: number): Statement {
  const { orders, values } = select(owner, filter, limit);
  return { text: `SELECT ${SIZE} FROM ${orders}`, values };
}

/** A statement that counts the orders of the owner that pass the filter. */
export function countStatement(owner: Owner, filter: OrderFilter): Statement {
  const { orders, values } = select(owner, filter, null);
  return { text: `SELECT count(*)::int AS count FROM (SELECT o.id FROM ${orders}) counted`, values };
}

/** The FROM clause for the `orders o` that pass the filter: the newest, or all when the limit is null. */
function select(
  owner: Owner,
  filter: OrderFilter,
  limit: number | null,
): { orders: string; values: unknown[] } {
  const values: unknown[] = [];
  const add: AddValue = (value) => `$${values.push(value)}`;
  const besides = conditionsOf(owner, filter, add);
  const most = add(limit);
  const [first, ...others] = besides.conditions;
  const orders =
    filter.search !== undefined
      ? ordersOf(foundBy(filter.search, besides, most, add))
      : first?.key === 'product'
        ? ordersOf(withProduct(first.value, { ...besides, conditions: others }, most))
        : newest(first, { ...besides, conditions: others }, most);
  return { orders, values };
}

/** The FROM clause for the `orders o` whose ids a query finds. */
function ordersOf(query: string): string {
  return `(${query}) found JOIN orders o ON o.id = found.id ORDER BY o.id DESC`;
}

/** The FROM clause for the newest `orders o` of a condition other than a product, or of all orders. */
function newest(first: Condition | undefined, { bounds, conditions }: Conditions, most: string): string {
  const others = [...bounds.map((bound) => `o.id ${bound}`), ...conditions.map(textOf)];
  // With "= $1" the planner may walk the primary key from the newest order on, past all orders that fail the
  // condition. Sorting by the constant key, in a form that the planner does not fold, leaves only the index on that
  // key.
  const all = first ? [`${first.key} = ANY (ARRAY[${first.value}])`, ...others] : others;
  const sorting = first ? `${first.key} DESC, o.id DESC` : 'o.id DESC';
  return `orders o ${all.length > 0 ? `WHERE ${all.join(' AND ')}` : ''} ORDER BY ${sorting} LIMIT ${most}`;
}

/**
 * A query of the newest orders that a text may mean. One query for each kind of text it may be, each limited and read
 * off an index from its newest end: one condition with OR would be planned as a walk through all orders.
 */
function foundBy(text: string, besides: Conditions, most: string, add: AddValue): string {
  const queries = [
    `SELECT o.id FROM ${newest({ key: 'o.customer_id', value: add(text.normalize('NFC')) }, besides, most)}`,
    withProduct(add(text), besides, most),
  ];
  if (text.includes('@')) {
    const first = { key: EMAIL_KEY, value: add(emailKey(text)) } as const;
    queries.push(`SELECT o.id FROM ${newest(first, besides, most)}`);
  }
  const ids = orderIdsFrom(text);
  if (ids) {
    const bounds = [...besides.bounds, `>= ${add(ids.first)}`, `<= ${add(ids.last)}`];
    queries.push(`SELECT o.id FROM ${newest(undefined, { ...besides, bounds }, most)}`);
  }
  return `SELECT one.id FROM (${queries.map((query) => `(${query})`).join(' UNION ')}) one ORDER BY one.id DESC LIMIT ${most}`;
}

/** A query of the newest orders with a line of a product, each once. */
function withProduct(product: string, { bounds, conditions }: Conditions, most: string): string {
  const isAlone = conditions.length === 0;
  const all = [
    // Beside a status, ordering by the id alone lets the planner merge both indexes from their newest ends. No other
    // index helps then.
    isAlone ? `f.product_id = ANY (ARRAY[${product}])` : `f.product_id = ${product}`,
    ...bounds.map((bound) => `f.order_id ${bound}`),
    ...conditions.map(textOf),
  ];
  return `SELECT line.id FROM (
    SELECT DISTINCT f.product_id, f.order_id AS id
    FROM order_items f ${isAlone ? '' : 'JOIN orders o ON o.id = f.order_id'}
    WHERE ${all.join(' AND ')} ORDER BY f.product_id DESC, f.order_id DESC LIMIT ${most}) line`;
}
