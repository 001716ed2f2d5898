import type { Deadline } from '../../deadline.js';
import { currentDeadline, runDetached, withDeadline } from '../../telemetry/request-context.js';
import { isCutOff } from '../session/database-errors.js';
import { StatementTimeOver, statementTimeMs } from '../session/statement-time.js';

/** An item, and the callbacks of its caller. */
export interface Entry<Item, Result> {
  item: Item;
  /** Of the request that the item belongs to. */
  deadline: Deadline | undefined;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/** An entry, and the timer that limits its wait. */
interface Waiting<Item, Result> extends Entry<Item, Result> {
  timer?: NodeJS.Timeout;
}

/** The earliest deadline of a batch: its statements are cancelled then. */
export function earliestDeadline(
  entries: readonly { deadline: Deadline | undefined }[],
): Deadline | undefined {
  let earliest: Deadline | undefined;
  for (const { deadline } of entries) {
    if (deadline && (!earliest || deadline.isBefore(earliest))) earliest = deadline;
  }
  return earliest;
}

/**
 * Batches concurrent requests. Items that arrive while all lanes are busy go with the next batch. An item never waits
 * for others to come: alone, it is a batch of one. A batch starts after all of its items have arrived, so a read
 * returns no data from before its request. Why not dataloader: see docs/decisions/0043.
 */
export class Batcher<Item, Result> {
  private waiting: Waiting<Item, Result>[] = [];
  private atWork = 0;
  private isDue = false;

  /**
   * @param work processes a batch and settles each entry; if it throws, the entries that are not settled get the
   *   error
   * @param size items in a batch at most
   * @param lanes concurrent batches
   */
  constructor(
    private readonly work: (entries: readonly Entry<Item, Result>[]) => Promise<unknown>,
    private readonly size: number,
    private readonly lanes: number,
  ) {}

  /** @throws {StatementTimeOver} when the deadline passes before a batch takes the item */
  async add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      const entry: Waiting<Item, Result> = { item, deadline: currentDeadline(), resolve, reject };
      // Free lanes take it at once, so that it needs no timer.
      const limitMs =
        this.atWork < this.lanes && this.waiting.length < this.size ? undefined : statementTimeMs();
      if (limitMs !== undefined) entry.timer = setTimeout(() => this.giveUp(entry), limitMs);
      this.waiting.push(entry);
      this.schedule();
    });
  }

  private giveUp(entry: Waiting<Item, Result>): void {
    this.waiting.splice(this.waiting.indexOf(entry), 1);
    entry.reject(new StatementTimeOver());
  }

  /** An item with time left, whose batch was cancelled at another item's deadline, goes into another batch. */
  private withRetry(entry: Entry<Item, Result>): Entry<Item, Result> {
    const { item, deadline, resolve } = entry;
    const reject = (error: unknown): void => {
      const isTimeLeft = deadline !== undefined && deadline.remaining() > 0;
      if (isTimeLeft && isCutOff(error)) void this.retry(entry);
      else entry.reject(error);
    };
    return { item, deadline, resolve, reject };
  }

  private async retry({ item, deadline, resolve, reject }: Entry<Item, Result>): Promise<void> {
    try {
      resolve(await withDeadline(deadline, () => this.add(item)));
    } catch (error) {
      reject(error);
    }
  }

  /** Begins once everything that came in at the same time has been looked at. */
  private schedule(): void {
    if (this.isDue || this.atWork >= this.lanes || this.waiting.length === 0) return;
    this.isDue = true;
    // A batch runs outside any request context, because it serves several requests.
    runDetached(() => setImmediate(() => void this.begin()));
  }

  private async begin(): Promise<void> {
    this.isDue = false;
    const entries = this.waiting.splice(0, this.size);
    for (const { timer } of entries) clearTimeout(timer);
    const batch = entries.length > 1 ? entries.map((entry) => this.withRetry(entry)) : entries;
    this.atWork += 1;
    this.schedule();
    try {
      await withDeadline(earliestDeadline(entries), () => this.work(batch));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.atWork -= 1;
      this.schedule();
    }
  }
}
