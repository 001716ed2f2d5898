import type { DataSource } from 'typeorm';
import { withDeadline } from '../../telemetry/request-context.js';
import { traced } from '../../telemetry/tracer.js';
import type { Sql } from '../connection.js';
import { inUntracedTransaction, transact, TRANSACTION_SPAN } from '../transaction.js';
import { Batcher, type Entry } from './batcher.js';
import { BEGIN_TOGETHER, concernsOne, isAboutOthers } from './group-commit.js';

/** Shared transactions of one kind at a time: while one waits for the disk, the statements of the other are done. */
const LANES = 2;

/**
 * Concurrent changes share a transaction, its round trips and its commit, as in `GroupCommit`, but their statements depend on
 * what the first of them return. If a shared transaction fails, each of its changes runs again in a transaction of its own,
 * outside of the lanes. So one change that fails, or that waits for a lock, costs the others a second at most.
 */
export class SharedTransactions<Item, Result> {
  private readonly batches: Batcher<Item, Result>;

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
  }

  /** @returns the result of an item, once it is committed */
  async add(item: Item): Promise<Result> {
    return traced(TRANSACTION_SPAN, () => this.batches.add(item));
  }

  private async writeTogether(entries: readonly Entry<Item, Result>[]): Promise<void> {
    const ofKeys = [...Map.groupBy(entries, ({ item }) => this.keyOf(item)).values()];
    const together = ofKeys.flatMap((sameKey) => sameKey.slice(0, 1));
    const alone = ofKeys.flatMap((sameKey) => sameKey.slice(1));
    try {
      const results = await this.transact(together);
      for (const [at, { resolve }] of together.entries()) resolve(results[at] as Result);
    } catch (error) {
      const isRepeated = together.length > 1 ? concernsOne(error) : isAboutOthers(error);
      if (isRepeated) alone.push(...together);
      else for (const { reject } of together) reject(error);
    }
    // Outside of the lanes: some may wait for long.
    for (const entry of alone) void this.writeAlone(entry);
  }

  private async transact(entries: readonly Entry<Item, Result>[]): Promise<readonly Result[]> {
    const items = entries.map(({ item }) => item);
    return transact(this.dataSource, (transaction) => this.write(transaction, items), BEGIN_TOGETHER);
  }

  private async writeAlone({ item, deadline, resolve, reject }: Entry<Item, Result>): Promise<void> {
    try {
      const [result] = await withDeadline(deadline, () =>
        inUntracedTransaction(this.dataSource, (transaction) => this.write(transaction, [item])),
      );
      resolve(result as Result);
    } catch (error) {
      reject(error);
    }
  }
}
