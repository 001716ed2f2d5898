import { outOfPlace } from '../../telemetry/work.js';

/**
 * Gathers what concurrent requests want done, and does it together: whatever comes while a batch is at work goes with
 * the next one. Nobody waits for others to come: who is alone is a batch of one.
 */
export class Batcher<Item> {
  private waiting: Item[] = [];
  private atWork = 0;
  private isDue = false;

  /**
   * @param work does what is asked for, and tells whoever asked; it must not throw
   * @param size items that a batch has at most
   * @param lanes batches at work at a time
   */
  constructor(
    private readonly work: (items: Item[]) => Promise<void>,
    private readonly size: number,
    private readonly lanes: number,
  ) {}

  add(item: Item): void {
    this.waiting.push(item);
    this.schedule();
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
    const items = this.waiting.splice(0, this.size);
    this.atWork += 1;
    this.schedule();
    await this.work(items);
    this.atWork -= 1;
    this.schedule();
  }
}
