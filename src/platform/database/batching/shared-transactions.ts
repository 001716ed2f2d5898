import type { DataSource } from 'typeorm';
import { withDeadline } from '../../telemetry/request-context.js';
import { traced } from '../../telemetry/tracer.js';
import type { Sql } from '../connection.js';
import { inUntracedTransaction, transact, TRANSACTION_SPAN } from '../transaction.js';
import { FINISH_MS } from '../session/statement-time.js';
import { Batcher, earliestDeadline, type Entry } from './batcher.js';
import { BEGIN_TOGETHER, concernsOne, halvesOf, isAboutOthers, LOCK_TIMEOUT_MS } from './group-commit.js';

/** Shared transactions of one kind at a time: while one waits for the disk, the statements of the other are done. */
const LANES = 2;

/** Changes that run alone at a time: requests of people wait for the same connections. */
const LANES_ALONE = 2;

/** An item with less time than this runs alone: a row that another item waits for must not use up its time. */
const URGENT_MS = LOCK_TIMEOUT_MS + FINISH_MS;

/**
 * Concurrent changes share a transaction, its round trips and its commit, as in `GroupCommit`, but their statements depend on
 * what the first of them return. If a shared transaction fails for a lock or a deadlock, each of its changes runs again in a
 * transaction of its own, outside of the lanes; after another error, which is about one of them, its halves do. So a change that
 * fails fails alone, and a locked row costs the others a second.
 */
export class SharedTransactions<Item, Result> {
  private readonly batches: Batcher<Item, Result>;
  private readonly singles: Batcher<Entry<Item, Result>, void>;

  /**
   * @param size items of a transaction at most
   * @param keyOf two items with the same key are never in one transaction
   * @param write writes all items and returns the result of each. An error rolls all of them back
   */
  constructor(
    private readonly dataSource: DataSource,
    size: number,
    private readonly keyOf: (item: Item) => string,
    private readonly write: (transaction: Sql, items: readonly Item[]) => Promise<readonly Result[]>,
  ) {
    this.batches = new Batcher((entries) => this.writeTogether(entries), size, LANES);
    this.singles = new Batcher((entries) => this.writeEach(entries), 1, LANES_ALONE);
  }

  /** @returns the result of an item, once it is committed */
  async add(item: Item): Promise<Result> {
    return traced(TRANSACTION_SPAN, () => this.batches.add(item));
  }

  private async writeTogether(entries: readonly Entry<Item, Result>[]): Promise<void> {
    const { urgent = [], others = [] } = Object.groupBy(entries, (entry) =>
      isUrgent(entry) ? 'urgent' : 'others',
    );
    this.putAside(urgent);
    const ofKeys = [...Map.groupBy(others, ({ item }) => this.keyOf(item)).values()];
    await this.commit(ofKeys.flatMap((sameKey) => sameKey.slice(0, 1)));
    // Behind the first of their key, which has asked before them.
    this.putAside(ofKeys.flatMap((sameKey) => sameKey.slice(1)));
  }

  private async commit(entries: readonly Entry<Item, Result>[]): Promise<void> {
    if (entries.length === 0) return;
    try {
      const results = await withDeadline(earliestDeadline(entries), () => this.transact(entries));
      for (const [at, { resolve }] of entries.entries()) resolve(results[at] as Result);
    } catch (error) {
      // Certainly rolled back in both cases.
      if (isAboutOthers(error)) this.putAside(entries);
      else if (entries.length > 1 && concernsOne(error))
        for (const half of halvesOf(entries)) await this.commit(half);
      else for (const { reject } of entries) reject(error);
    }
  }

  private async transact(entries: readonly Entry<Item, Result>[]): Promise<readonly Result[]> {
    const items = entries.map(({ item }) => item);
    return transact(this.dataSource, (transaction) => this.write(transaction, items), BEGIN_TOGETHER);
  }

  /** Items run alone outside of the lanes, where some may wait for long. */
  private putAside(entries: readonly Entry<Item, Result>[]): void {
    for (const entry of entries)
      void withDeadline(entry.deadline, () => this.singles.add(entry)).catch(entry.reject);
  }

  private async writeEach(asides: readonly Entry<Entry<Item, Result>, void>[]): Promise<void> {
    for (const { item: entry, deadline, resolve } of asides) {
      const write = () =>
        inUntracedTransaction(this.dataSource, (transaction) => this.write(transaction, [entry.item]));
      const [result] = await withDeadline(deadline, write);
      entry.resolve(result as Result);
      resolve();
    }
  }
}

function isUrgent({ deadline }: Pick<Entry<unknown, unknown>, 'deadline'>): boolean {
  return deadline !== undefined && deadline.remaining() < URGENT_MS;
}
