import type { DataSource } from 'typeorm';
import { databaseErrorCode, STATEMENT_CANCELLED } from '../../platform/database/session/database-errors.js';
import { BEGIN_BY_INDEX, queryAtOnce } from '../../platform/database/transaction.js';
import type { Owner } from '../ownership.js';
import { type FoundByIndex, fragmentCountStatement, fragmentStatement } from './fragment-statement.js';
import {
  countStatement,
  listStatement,
  type Statement,
  wholeValueStatement,
  windowStatement,
} from './list-statement.js';
import { hasChecks, type OrderFilter } from './order-conditions.js';
import { readSearchProgress } from './order-search.repository.js';
import { foldText, hasTrigram } from './search-text.js';

/** Bounds of the work of one request. */
export interface SearchLimits {
  /** Orders on which a condition without an index is checked: a look-up by primary key for each. */
  windowSize: number;
  /** The same where the trigram index finds what few orders have, so that only a frequent fragment needs a window. */
  indexedWindowSize: number;
  /** Orders that the trigram index may find for a fragment: which are the newest is known only when all are read. */
  maxMatches: number;
  /** Bounds the reading of frequent trigrams, which takes time even where few orders have all of them. */
  indexTimeoutMs: number;
}

export const SEARCH_LIMITS: SearchLimits = {
  windowSize: 10_000,
  indexedWindowSize: 2_000,
  maxMatches: 20_000,
  indexTimeoutMs: 50,
};

export interface OrderSize {
  id: string;
  lines: number;
}

/** The newest orders that pass a filter. */
export interface FoundOrders {
  sizes: OrderSize[];
  /** The oldest order that was searched, where older ones were not. */
  searchedTo?: string;
  /** Whether the next page begins behind it; otherwise older orders are not indexed yet. */
  continues?: boolean;
}

export interface OrderCount {
  count: number;
  /** Otherwise there may be more. */
  isExact: boolean;
}

/** What a filter means once its search is known to be a fragment. */
interface Plan {
  filter: OrderFilter;
  canUseIndex: boolean;
  /** Older orders are not indexed yet. */
  indexedTo?: string;
}

/**
 * Finds and counts orders with bounded work at any size of the tables. Conditions that no index serves are checked on
 * the newest orders only: those of a window. A fragment that few orders contain is found by the trigram index.
 */
export class OrderFinder {
  constructor(
    private readonly dataSource: DataSource,
    private readonly limits: SearchLimits = SEARCH_LIMITS,
  ) {}

  /** The newest `most` orders of the owner that pass the filter; fewer where a window ends before. */
  async find(owner: Owner, filter: OrderFilter, most: number): Promise<FoundOrders> {
    const plan = await this.planFor(owner, filter);
    const start = await this.findWindow(owner, plan);
    const sizes = await this.query<OrderSize>(
      listStatement(owner, { ...plan.filter, fromId: start ?? plan.filter.fromId }, most),
    );
    if (sizes.length >= most) return { sizes };
    if (start === undefined) return withIndexedEnd({ sizes }, plan);
    const all = plan.canUseIndex ? await this.findByIndex(owner, plan.filter, most) : undefined;
    return all ? withIndexedEnd({ sizes: all }, plan) : { sizes, searchedTo: start, continues: true };
  }

  /** Counts up to `most` orders. */
  async count(owner: Owner, filter: OrderFilter, most: number): Promise<OrderCount> {
    const plan = await this.planFor(owner, filter);
    const isIndexed = plan.indexedTo === undefined;
    const start = await this.findWindow(owner, plan);
    if (start !== undefined && plan.canUseIndex) {
      const counted = await this.countByIndex(owner, plan.filter, most);
      if (counted !== undefined) return { count: counted, isExact: isIndexed };
    }
    const window = { ...plan.filter, fromId: start ?? plan.filter.fromId };
    const [row] = await this.query<{ count: number }>(countStatement(owner, window, most));
    return { count: row?.count ?? 0, isExact: start === undefined && isIndexed };
  }

  /** Counts all. Reads all of them. */
  async countAll(owner: Owner, filter: OrderFilter): Promise<number> {
    const { filter: planned } = await this.planFor(owner, filter);
    const statement =
      planned.fragment === undefined
        ? countStatement(owner, planned, null)
        : fragmentCountStatement(owner, planned, null, null);
    const [row] = await this.query<{ count: number }>(statement);
    return row?.count ?? 0;
  }

  /**
   * The filter with a search that is known to be a whole value or a fragment, so that it means the same on all pages; and
   * whether all orders can be searched.
   */
  async resolve(owner: Owner, filter: OrderFilter): Promise<{ filter: OrderFilter; isComplete: boolean }> {
    const resolved = await this.resolveSearch(owner, filter);
    const { indexedTo } = await this.planFor(owner, resolved);
    return { filter: resolved, isComplete: indexedTo === undefined };
  }

  /** A search for a whole value stays one; any other text is a fragment. */
  private async resolveSearch(owner: Owner, filter: OrderFilter): Promise<OrderFilter> {
    const { findsFragments, ...whole } = filter;
    const { search, ...others } = whole;
    if (search === undefined || findsFragments !== true) return whole;
    const [found] = await this.query<{ count: number }>(wholeValueStatement(owner, search));
    if (found && found.count > 0) return whole;
    const fragment = foldText(search);
    // Nothing but marks: no value is like that, and every text contains the empty one.
    return fragment === '' ? whole : { ...others, fragment };
  }

  private async planFor(owner: Owner, given: OrderFilter): Promise<Plan> {
    const filter = await this.resolveSearch(owner, given);
    const { fragment, fromId } = filter;
    if (fragment === undefined) return { filter, canUseIndex: false };
    const { backfillOrderId, hasTrigramIndex, isUnicode } = await readSearchProgress(this.dataSource);
    const plan = { filter, canUseIndex: hasTrigramIndex && hasTrigram(fragment, isUnicode) };
    if (backfillOrderId === null || (fromId !== undefined && fromId > backfillOrderId)) return plan;
    return { ...plan, filter: { ...filter, fromId: backfillOrderId }, indexedTo: backfillOrderId };
  }

  /** The order with which the window ends; undefined where all orders are searched. */
  private async findWindow(owner: Owner, { filter, canUseIndex }: Plan): Promise<string | undefined> {
    if (!hasChecks(filter)) return undefined;
    const size = canUseIndex ? this.limits.indexedWindowSize : this.limits.windowSize;
    const [last] = await this.query<{ id: string }>(windowStatement(owner, filter, size));
    return last?.id;
  }

  /** @returns undefined where too many orders contain the fragment */
  private async findByIndex(
    owner: Owner,
    filter: OrderFilter,
    most: number,
  ): Promise<OrderSize[] | undefined> {
    const { maxMatches } = this.limits;
    const rows = await this.queryInTime<FoundByIndex>(fragmentStatement(owner, filter, maxMatches + 1, most));
    if (!rows || (rows[0]?.matches ?? 0) > maxMatches) return undefined;
    return rows.flatMap(({ id, lines }) => (id === null ? [] : [{ id, lines: lines ?? 0 }]));
  }

  private async countByIndex(owner: Owner, filter: OrderFilter, most: number): Promise<number | undefined> {
    const { maxMatches } = this.limits;
    const rows = await this.queryInTime<{ matches: number; count: number }>(
      fragmentCountStatement(owner, filter, maxMatches + 1, most),
    );
    const [row] = rows ?? [];
    return row && row.matches <= maxMatches ? row.count : undefined;
  }

  /** Not prepared: a generic plan is wrong for many values, and planning takes 0.1 to 0.3 ms. */
  private async query<Row>({ text, values }: Statement): Promise<Row[]> {
    return this.dataSource.query<Row[]>(text, values);
  }

  /** @returns undefined when the time was over */
  private async queryInTime<Row>(statement: Statement): Promise<Row[] | undefined> {
    const limit = { text: `SET LOCAL statement_timeout = ${this.limits.indexTimeoutMs}`, values: [] };
    try {
      const [result] = await queryAtOnce(this.dataSource, [...BEGIN_BY_INDEX, limit], [statement]);
      return (result?.rows ?? []) as Row[];
    } catch (error) {
      if (databaseErrorCode(error) === STATEMENT_CANCELLED) return undefined;
      throw error;
    }
  }
}

function withIndexedEnd(found: FoundOrders, { indexedTo }: Plan): FoundOrders {
  return indexedTo === undefined ? found : { ...found, searchedTo: indexedTo };
}
