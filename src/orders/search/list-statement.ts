import { EMAIL_KEY, emailKey } from '../addresses/email-address.js';
import type { Owner } from '../ownership.js';
import { LINES, ORDER } from '../reading/order-look-up.js';
import {
  type AddValue,
  type Condition,
  type Conditions,
  conditionsOf,
  leadOf,
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
export const SIZE = `o.id, ${LINES} AS lines`;

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

/** A statement that counts the orders of the owner that pass the filter, up to a limit; null means all of them. */
export function countStatement(owner: Owner, filter: OrderFilter, limit: number | null): Statement {
  const { ids, values } = select(owner, filter, limit);
  return { text: `SELECT count(*)::int AS count FROM (${ids}) counted`, values };
}

/**
 * A statement that finds the order with which a window of the newest `size` orders ends, of those that the leading condition
 * of the filter covers. No row where there are fewer.
 */
export function windowStatement(owner: Owner, filter: OrderFilter, size: number): Statement {
  const { ids, values } = select(owner, leadOf(owner, filter), size);
  const text = `SELECT w.id FROM (${ids}) w ORDER BY w.id DESC OFFSET $${values.push(size - 1)} LIMIT 1`;
  return { text, values };
}

/** A statement that returns a row if the search is a whole value, of any order of the owner. */
export function wholeValueStatement(owner: Owner, search: string): Statement {
  return countStatement(owner, { search }, 1);
}

/** The orders that pass the filter: the newest, or all when the limit is null. */
interface Selected {
  /** The FROM clause for the `orders o`. */
  orders: string;
  /** A query of their ids. */
  ids: string;
  values: unknown[];
}

function select(owner: Owner, filter: OrderFilter, limit: number | null): Selected {
  const values: unknown[] = [];
  const add: AddValue = (value) => `$${values.push(value)}`;
  const all = conditionsOf(owner, filter, add);
  const most = add(limit);
  const [first, ...conditions] = all.conditions;
  const besides = { ...all, conditions };
  if (filter.search !== undefined) return { ...found(foundBy(filter.search, all, most, add)), values };
  if (first?.key === 'o.number')
    return { ...found(withNumber(first.values[0] ?? '', besides, most)), values };
  if (first?.key === 'product')
    return { ...found(withProduct(first.values[0] ?? '', besides, most)), values };
  if (first && first.values.length > 1) return { ...found(withAny(first, besides, most)), values };
  const orders = newest(first, besides, most);
  return { orders, ids: `SELECT o.id FROM ${orders}`, values };
}

function found(ids: string): Omit<Selected, 'values'> {
  return { orders: `(${ids}) found JOIN orders o ON o.id = found.id ORDER BY o.id DESC`, ids };
}

/** The FROM clause for the newest `orders o` of a condition on one value other than a product, or of all orders. */
function newest(first: Condition | undefined, besides: Conditions, most: string): string {
  const { bounds, conditions, checks } = besides;
  const others = [...bounds.map((bound) => `o.id ${bound}`), ...conditions.map(textOf), ...checks];
  // With "= $1" the planner may walk the primary key from the newest order on, past all orders that fail the
  // condition. Sorting by the constant key, in a form that the planner does not fold, leaves only the index on that
  // key.
  const all = first ? [`${first.key} = ANY (ARRAY[${first.values.join()}])`, ...others] : others;
  const sorting = first ? `${first.key} DESC, o.id DESC` : 'o.id DESC';
  return `orders o ${all.length > 0 ? `WHERE ${all.join(' AND ')}` : ''} ORDER BY ${sorting} LIMIT ${most}`;
}

function idsOf(first: Condition | undefined, besides: Conditions, most: string): string {
  return `SELECT o.id FROM ${newest(first, besides, most)}`;
}

/** A query of the newest orders of several values: the index has those of each value in order of age. */
function withAny(first: Condition, besides: Conditions, most: string): string {
  const queries = first.values.map((value) => idsOf({ ...first, values: [value] }, besides, most));
  return newestOf(queries, 'UNION ALL', most);
}

/** A query of the newest of the ids that several queries find. */
function newestOf(queries: readonly string[], union: 'UNION' | 'UNION ALL', most: string): string {
  const all = queries.map((query) => `(${query})`).join(` ${union} `);
  return `SELECT one.id FROM (${all}) one ORDER BY one.id DESC LIMIT ${most}`;
}

/**
 * A query of the newest orders that a text may mean. One query for each kind of text it may be, each limited and read
 * off an index from its newest end: one condition with OR would be planned as a walk through all orders.
 */
function foundBy(text: string, besides: Conditions, most: string, add: AddValue): string {
  const name = add(text.normalize('NFC'));
  const queries = [
    withNumber(name, besides, most),
    idsOf({ key: 'o.source_order_id', values: [name] }, besides, most),
    idsOf({ key: 'o.customer_id', values: [name] }, besides, most),
    withProduct(add(text), besides, most),
  ];
  if (text.includes('@'))
    queries.push(idsOf({ key: EMAIL_KEY, values: [add(emailKey(text))] }, besides, most));
  const ids = orderIdsFrom(text);
  if (ids) {
    const bounds = [...besides.bounds, `>= ${add(ids.first)}`, `<= ${add(ids.last)}`];
    queries.push(idsOf(undefined, { ...besides, bounds }, most));
  }
  return newestOf(queries, 'UNION', most);
}

/**
 * A query of the orders with a number: the one that has claimed it, and rejected and failed ones, which do not keep it. An index
 * on the numbers of all orders would cost each of them.
 */
function withNumber(number: string, { bounds, conditions, checks }: Conditions, most: string): string {
  const all = [...bounds.map((bound) => `o.id ${bound}`), ...conditions.map(textOf), ...checks];
  return `SELECT o.id FROM (
    SELECT c.order_id AS id FROM order_claims c WHERE c.kind = 'number' AND c.value = ${number}
    UNION SELECT r.id FROM orders r WHERE r.number = ${number} AND r.status IN ('rejected', 'failed')) numbered
    JOIN orders o ON o.id = numbered.id ${all.length > 0 ? `WHERE ${all.join(' AND ')}` : ''}
    ORDER BY o.id DESC LIMIT ${most}`;
}

/** A query of the newest orders with a line of a product, each once. */
function withProduct(product: string, { bounds, conditions, checks }: Conditions, most: string): string {
  const isAlone = conditions.length === 0 && checks.length === 0;
  const all = [
    // Beside a status, ordering by the id alone lets the planner merge both indexes from their newest ends. No other
    // index helps then.
    isAlone ? `f.product_id = ANY (ARRAY[${product}])` : `f.product_id = ${product}`,
    ...bounds.map((bound) => `f.order_id ${bound}`),
    ...conditions.map(textOf),
    ...checks,
  ];
  return `SELECT line.id FROM (
    SELECT DISTINCT f.product_id, f.order_id AS id
    FROM order_items f ${isAlone ? '' : 'JOIN orders o ON o.id = f.order_id'}
    WHERE ${all.join(' AND ')} ORDER BY f.product_id DESC, f.order_id DESC LIMIT ${most}) line`;
}
