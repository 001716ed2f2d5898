import type { BackgroundLoop } from './background-loops.js';
import { runDetached } from './telemetry/request-context.js';

/** Pause after a pass that failed, where the usual pause is longer: an outage must not cost an hourly loop an hour. */
const RETRY_MS = 5_000;

/** Background work that repeats, with a pause between two passes, until it is stopped. */
export class PeriodicTask {
  private timer: NodeJS.Timeout | undefined;
  private underWay: Promise<void> = Promise.resolve();
  private stopped = false;

  /**
   * @param work one pass, which handles its errors. @returns whether it succeeded
   * @param pauseMs before each pass, the first included
   * @param loop reports the progress; a pass of several steps reports each by itself
   */
  constructor(
    private readonly work: () => Promise<boolean>,
    private readonly pauseMs: number,
    private readonly loop: BackgroundLoop,
  ) {}

  /** Whether it was stopped: a pass that lasts ends where it can. */
  get isStopped(): boolean {
    return this.stopped;
  }

  start(): void {
    if (this.stopped) return;
    this.loop.start();
    // A request may start it, whose deadline and log fields must not apply.
    runDetached(() => this.schedule(this.pauseMs));
  }

  /** Starts no more passes; the current one continues. */
  stop(): void {
    this.stopped = true;
    this.loop.stop();
    clearTimeout(this.timer);
  }

  /** Resolves when no pass runs any more. */
  async ended(): Promise<void> {
    await this.underWay;
  }

  private schedule(pauseMs: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.underWay = this.pass();
    }, pauseMs);
  }

  private async pass(): Promise<void> {
    let isSuccess = false;
    try {
      isSuccess = await this.work();
      if (isSuccess) this.loop.reportProgress();
    } finally {
      this.schedule(isSuccess ? this.pauseMs : Math.min(this.pauseMs, RETRY_MS));
    }
  }
}
