import type { DataSource } from 'typeorm';
import { traced } from '../../telemetry/tracer.js';
import type { Statement } from '../statement-message.js';
import { databaseErrorCode, isCutOff, isDatabaseUnavailable } from '../session/database-errors.js';
import { withDeadline } from '../../telemetry/request-context.js';
import {
  BEGIN,
  BEGIN_BY_INDEX,
  commitAtOnce,
  TRANSACTION_SPAN,
  withTransactionRetry,
  type Write,
} from '../transaction.js';
import { Batcher, earliestDeadline, type Entry } from './batcher.js';

/** Transactions of one kind at a time: while one waits for the disk, the statements of the other are done. */
const LANES = 2;

/** A lock that takes longer is that of a long transaction, or a deadlock, which PostgreSQL looks for after the same time. */
export const LOCK_TIMEOUT_MS = 1_000;

/**
 * The shared transaction waits only briefly for locks. After a lock timeout each write retries in a transaction of
 * its own, so that only the blocked one waits. Rows are found by index: a plan cached while the table was nearly
 * empty would keep using a sequential scan.
 */
export const BEGIN_TOGETHER: readonly Statement[] = [
  ...BEGIN_BY_INDEX,
  { text: `SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`, values: [] },
];

/** SQLSTATE class of transactions rolled back by concurrency: deadlocks, serialization failures. */
const ROLLED_BACK = '40';

/** The one of that class whose outcome is unknown: statement_completion_unknown. */
const UNKNOWN = '40003';

/**
 * Group commit: concurrent writes share one transaction, its cost and its one round trip. Each promise resolves after
 * the commit, or rejects if its own write is refused while the others commit.
 */
export class GroupCommit<Item, Refusal extends string> {
  private readonly batches: Batcher<Item, 'written' | Refusal>;

  /**
   * @param size items that are written together at most
   * @param write makes the statements for all items. One of them must fail if any item can't be written: then nothing
   *   is, and it is called again for some of them
   */
  constructor(
    private readonly dataSource: DataSource,
    size: number,
    private readonly write: (items: readonly Item[]) => Promise<readonly Write<Refusal>[]>,
  ) {
    this.batches = new Batcher((entries) => this.commit(entries), size, LANES);
  }

  /** @returns once the item is committed, or certainly will not be */
  async add(item: Item): Promise<'written' | Refusal> {
    return traced(TRANSACTION_SPAN, () => this.batches.add(item));
  }

  private async commit(entries: readonly Entry<Item, 'written' | Refusal>[]): Promise<void> {
    try {
      const items = entries.map(({ item }) => item);
      const verdict = await withDeadline(earliestDeadline(entries), () => this.attempt(items));
      // The conflict may be with a neighbour that is not committed in the end: a refusal is certain only alone.
      if (verdict !== 'written' && entries.length > 1) return await this.commitEach(halvesOf(entries));
      for (const { resolve } of entries) resolve(verdict);
    } catch (error) {
      if (entries.length > 1 && concernsOne(error)) {
        // Half of them would wait for the same lock again.
        await this.commitEach(isAboutOthers(error) ? entries.map((entry) => [entry]) : halvesOf(entries));
      } else {
        for (const { reject } of entries) reject(error);
      }
    }
  }

  private async commitEach(groups: readonly (readonly Entry<Item, 'written' | Refusal>[])[]): Promise<void> {
    await Promise.all(groups.map(async (entries) => this.commit(entries)));
  }

  private async attempt(items: readonly Item[]): Promise<'written' | Refusal> {
    const writes = await this.write(items);
    const begin = items.length > 1 ? BEGIN_TOGETHER : BEGIN;
    return withTransactionRetry(async () => commitAtOnce(this.dataSource, begin, writes));
  }
}

/** So that one among many that can't be written is found in few steps. */
export function halvesOf<Waiting>(entries: readonly Waiting[]): Waiting[][] {
  const middle = Math.ceil(entries.length / 2);
  return [entries.slice(0, middle), entries.slice(middle)];
}

/** Whether a transaction failed because of concurrent transactions, or of the deadline of one item. */
export function isAboutOthers(error: unknown): boolean {
  const code = databaseErrorCode(error) ?? '';
  return isCutOff(error) || (code.startsWith(ROLLED_BACK) && code !== UNKNOWN);
}

/** Whether a transaction was certainly undone, for something that may well be about one of its parts only. */
export function concernsOne(error: unknown): boolean {
  return !isDatabaseUnavailable(error) || isAboutOthers(error);
}
