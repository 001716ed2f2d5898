/**
 * Background work that is done again and again, with a pause between the end of one time and the beginning of the next,
 * until it is told to stop.
 */
export class RepeatedWork {
  private timer: NodeJS.Timeout | undefined;
  private underWay: Promise<void> = Promise.resolve();
  private stopped = false;

  /**
   * @param work must not fail: there is nobody who could be told
   * @param pauseMs before each time, the first included
   */
  constructor(
    private readonly work: () => Promise<void>,
    private readonly pauseMs: number,
  ) {}

  /** Whether it was told to stop: work that goes on for longer ends where it can. */
  get isStopped(): boolean {
    return this.stopped;
  }

  start(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.underWay = this.work().finally(() => this.start());
    }, this.pauseMs);
  }

  /** Begins no more; what is under way goes on. */
  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /** Settles when nothing is under way any more. */
  async ended(): Promise<void> {
    await this.underWay;
  }
}
