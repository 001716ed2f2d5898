/** How often the busy time is read, in milliseconds. */
const READ_EVERY_MS = 100;

/** The longest time between two requests that says how busy requests keep the event loop, in milliseconds. */
const MAX_READ_MS = 1_000;

/** What a reading keeps of those before: the average follows a change within about a second. */
const KEPT = 0.9;

/** A process that is started, or collects garbage, is busy with little to estimate. */
const MAX_RATIO = 10;

/**
 * Corrects estimates of processor time by the time that the event loop was really busy, which all callers together are
 * charged for. Only the proportions of the estimates matter then: a slow or crowded machine needs no others, and an event
 * loop that is mostly idle makes no caller wait.
 */
export class BusyTime {
  private readAt = performance.now();
  private readBusyMs: number;
  private busyMs = 0;
  private estimatedMs = 0;
  private ratio = 1;

  /** @param read the milliseconds that the event loop has been busy so far */
  constructor(private readonly read = () => performance.eventLoopUtilization().active) {
    this.readBusyMs = read();
  }

  /** @returns the part of the busy time that an estimate stands for, in milliseconds */
  correct(estimateMs: number): number {
    return estimateMs * this.ratio;
  }

  /** Counts an estimate of work that was done. */
  add(estimateMs: number): void {
    this.estimatedMs += estimateMs;
    const now = performance.now();
    const elapsedMs = now - this.readAt;
    if (elapsedMs < READ_EVERY_MS) return;
    const busyMs = this.read();
    if (elapsedMs <= MAX_READ_MS) this.busyMs += busyMs - this.readBusyMs;
    else this.estimatedMs -= estimateMs;
    this.readAt = now;
    this.readBusyMs = busyMs;
    if (this.estimatedMs > 0) this.ratio = Math.min(MAX_RATIO, this.busyMs / this.estimatedMs);
    this.busyMs *= KEPT;
    this.estimatedMs *= KEPT;
  }
}
