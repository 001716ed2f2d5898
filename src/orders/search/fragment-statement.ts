import type { Owner } from '../ownership.js';
import { type AddValue, conditionsOf, type OrderFilter, textOf } from './order-conditions.js';
import { SIZE, type Statement } from './list-statement.js';
import { containing } from './search-text.js';

/** One row at least: `matches` of the fragment, which may be more than pass the filter, and an order of the page or null. */
export interface FoundByIndex {
  matches: number;
  id: string | null;
  lines: number | null;
}

/** The orders of the owner that pass a filter with a fragment, found by the trigram index. */
interface Matching {
  /** Of at most a number of orders that contain the fragment. The index does not know their age. */
  matching: string;
  orders: string;
  add: AddValue;
  values: unknown[];
}

function match(owner: Owner, { fragment = '', ...filter }: OrderFilter, maxMatches: number | null): Matching {
  const values: unknown[] = [];
  const add: AddValue = (value) => `$${values.push(value)}`;
  const matching = `SELECT s.order_id FROM order_search s WHERE s.text LIKE ${add(containing(fragment))} LIMIT ${add(maxMatches)}`;
  const { conditions, bounds, checks } = conditionsOf(owner, filter, add);
  const all = [...bounds.map((bound) => `m.order_id ${bound}`), ...conditions.map(textOf), ...checks];
  const where = all.length > 0 ? `WHERE ${all.join(' AND ')}` : '';
  return { matching, orders: `matching m JOIN orders o ON o.id = m.order_id ${where}`, add, values };
}

/** A statement that finds the newest orders, complete if there are fewer than `maxMatches` matches. */
export function fragmentStatement(
  owner: Owner,
  filter: OrderFilter,
  maxMatches: number,
  limit: number,
): Statement {
  const { matching, orders, add, values } = match(owner, filter, maxMatches);
  const text = `WITH matching AS MATERIALIZED (${matching})
    SELECT (SELECT count(*)::int FROM matching) AS matches, page.id, page.lines
    FROM (SELECT 1) one
    LEFT JOIN (SELECT ${SIZE} FROM ${orders} ORDER BY m.order_id DESC LIMIT ${add(limit)}) page ON true
    ORDER BY page.id DESC`;
  return { text, values };
}

/** A statement that counts the orders, up to a limit. Without a limit of matches it reads all texts if it has to. */
export function fragmentCountStatement(
  owner: Owner,
  filter: OrderFilter,
  maxMatches: number | null,
  limit: number | null,
): Statement {
  const { matching, orders, add, values } = match(owner, filter, maxMatches);
  const text = `WITH matching AS MATERIALIZED (${matching})
    SELECT (SELECT count(*)::int FROM matching) AS matches,
      (SELECT count(*)::int FROM (SELECT 1 FROM ${orders} LIMIT ${add(limit)}) counted) AS count`;
  return { text, values };
}
