import type { DataSource } from 'typeorm';
import { traced } from '../../telemetry/tracer.js';
import type { Sql } from '../connection.js';
import { databaseErrorCode, isDatabaseUnavailable, repeatedly, transact, Undo } from '../transaction.js';
import { Batcher, type Entry } from './batcher.js';

/** Transactions of one kind at a time: while one waits for the disk, the statements of the other are done. */
const LANES = 2;

/**
 * The statements of several requests wait only so long for somebody else's lock. Then each goes on in a transaction of
 * its own, so that only the one that has to wait does. They find their rows by index: a plan that was made while the
 * table was nearly empty would go on reading all of it.
 */
const TOGETHER = `BEGIN; SET LOCAL lock_timeout = '1s'; SET LOCAL enable_seqscan = off`;
const ALONE = 'BEGIN';

/** The class of what is rolled back for having met others: deadlocks, serialization failures. */
const ROLLED_BACK = '40';

/** A lock was not to be had in time. */
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Writes what concurrent requests have to write in one transaction, whose cost they share. Each learns what became of
 * its own part: once the transaction is committed, or, if its part can't be written, while the others' still is.
 */
export class GroupCommit<Item, Refusal extends string> {
  private readonly batches: Batcher<Item, 'written' | Refusal>;

  /**
   * @param size items that are written together at most
   * @param write sends the statements for all items before it waits for the first, and tells of each item whether it
   *   was written; if any was not, nothing is, and it is called again for the others
   */
  constructor(
    private readonly dataSource: DataSource,
    size: number,
    private readonly write: (
      transaction: Sql,
      items: readonly Item[],
    ) => Promise<readonly ('written' | Refusal)[]>,
  ) {
    this.batches = new Batcher((entries) => this.commit(entries), size, LANES);
  }

  /** @returns once the item is committed, or certainly will not be */
  async add(item: Item): Promise<'written' | Refusal> {
    const span = {
      name: 'transaction',
      kind: 'client',
      attributes: { 'db.system.name': 'postgresql' },
    } as const;
    return traced(span, () => this.batches.add(item));
  }

  private async commit(entries: readonly Entry<Item, 'written' | Refusal>[]): Promise<void> {
    let open = entries;
    const refused: Entry<Item, 'written' | Refusal>[] = [];
    try {
      while (open.length > 0) {
        const verdicts = await this.attempt(open.map(({ item }) => item));
        if (open.length === 1 || isCommitted(verdicts)) {
          for (const [at, verdict] of verdicts.entries()) open[at]?.resolve(verdict);
          break;
        }
        refused.push(...open.filter((_, at) => verdicts[at] !== 'written'));
        open = open.filter((_, at) => verdicts[at] === 'written');
      }
    } catch (error) {
      if (open.length > 1 && concernsOne(error)) {
        await Promise.all(open.map(async (entry) => this.commit([entry])));
      } else {
        for (const { reject } of open) reject(error);
      }
    }
    // What stood in the way may be a neighbour that was not committed in the end: only alone is a refusal certain.
    await Promise.all(refused.map(async (entry) => this.commit([entry])));
  }

  /** Commits all items or none: none if one of them can't be written. */
  private async attempt(items: readonly Item[]): Promise<readonly ('written' | Refusal)[]> {
    const begin = items.length > 1 ? TOGETHER : ALONE;
    try {
      return await repeatedly(async () =>
        transact(this.dataSource, begin, async (transaction) => {
          const verdicts = await this.write(transaction, items);
          if (!isCommitted(verdicts)) throw new Undo(verdicts);
          return verdicts;
        }),
      );
    } catch (error) {
      if (error instanceof Undo) return error.result as readonly ('written' | Refusal)[];
      throw error;
    }
  }
}

function isCommitted(verdicts: readonly string[]): boolean {
  return verdicts.every((verdict) => verdict === 'written');
}

/** Whether a transaction was certainly undone, for something that may well be about one of its parts only. */
function concernsOne(error: unknown): boolean {
  const code = databaseErrorCode(error) ?? '';
  return !isDatabaseUnavailable(error) || code === LOCK_NOT_AVAILABLE || code.startsWith(ROLLED_BACK);
}
