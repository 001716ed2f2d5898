import { outOfPlace } from '../../telemetry/work.js';

/** An item, and whoever waits for what becomes of it. */
export interface Entry<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/**
 * Gathers what concurrent requests want done, and does it together: whatever comes while as many batches are at work
 * as may be goes with the next one. Nobody waits for others to come: who is alone is a batch of one. A batch begins
 * after all of its items have come, so nobody is told of what was before that.
 */
export class Batcher<Item, Result> {
  private waiting: Entry<Item, Result>[] = [];
  private atWork = 0;
  private isDue = false;

  /**
   * @param work does what is asked for and tells whoever waits; what it throws is told to all who were told nothing
   * @param size items that a batch has at most
   * @param lanes batches at work at a time
   */
  constructor(
    private readonly work: (entries: readonly Entry<Item, Result>[]) => Promise<unknown>,
    private readonly size: number,
    private readonly lanes: number,
  ) {}

  async add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.schedule();
    });
  }

  /** Begins once everything that came in at the same time has been looked at. */
  private schedule(): void {
    if (this.isDue || this.atWork >= this.lanes || this.waiting.length === 0) return;
    this.isDue = true;
    // What is done for many is done in the name of none of them.
    outOfPlace(() => setImmediate(() => void this.begin()));
  }

  private async begin(): Promise<void> {
    this.isDue = false;
    const entries = this.waiting.splice(0, this.size);
    this.atWork += 1;
    this.schedule();
    try {
      await this.work(entries);
    } catch (error) {
      for (const { reject } of entries) reject(error);
    } finally {
      this.atWork -= 1;
      this.schedule();
    }
  }
}
