/** Attempts at a time before anything is known about the service that they call. Small services have as many threads. */
const INITIAL_LIMIT = 16;

/** A window shorter than this says little about the mean of durations that differ by a factor of two. */
const MIN_SAMPLES = 10;

/** Attempts queue inside the service when they take this much longer than the fastest window. */
const SLOW_FACTOR = 1.5;

/** Differences below this come from this process and the network, and no customer notices them. */
const SLOW_SLACK_MS = 100;

/** More failures than this are a service in trouble rather than single bad tasks. */
const MAX_FAILED_SHARE = 0.1;

const GROW_FACTOR = 1.1;
const SHRINK_FACTOR = 0.9;
const FAILURE_FACTOR = 0.7;
const BASELINE_FACTOR = 0.5;

/**
 * After this many windows that reached the limit, the limit is halved and the service measured again, because the
 * fastest window may belong to a service that no longer exists in that form. Windows below the limit do not count:
 * halving it would leave a quiet kind with a limit of 1 when a burst comes.
 */
const WINDOWS_PER_BASELINE = 100;

/**
 * The number of attempts that may run at a time, adapted to the service that they call: it grows while attempts stay quick
 * and use the limit, and shrinks when they slow down or fail. The idea is TCP Vegas (RFC 6297, section 3.1): a duration
 * above the shortest one seen means that a queue has built up on the other side.
 */
export class AdaptiveLimit {
  private limit: number;
  private samples = 0;
  private failures = 0;
  private totalMs = 0;
  private wasReached = false;
  /** Windows that reached the limit since the service was measured. */
  private fullWindows = 0;
  /** Mean duration of the fastest window, in milliseconds. */
  private baselineMs = Infinity;

  /** @param max the limit is never above it */
  constructor(private readonly max: number) {
    this.limit = Math.min(INITIAL_LIMIT, max);
  }

  get current(): number {
    return this.limit;
  }

  /**
   * Records one attempt.
   *
   * @param durationMs from its start to its end
   * @param running attempts that ran at its end, itself included
   */
  record(durationMs: number, hasFailed: boolean, running: number): void {
    this.samples += 1;
    this.totalMs += durationMs;
    if (hasFailed) this.failures += 1;
    if (running >= this.limit) this.wasReached = true;
    if (this.samples >= Math.max(MIN_SAMPLES, this.limit)) this.closeWindow();
  }

  private closeWindow(): void {
    const isFailing = this.failures > this.samples * MAX_FAILED_SHARE;
    this.limit = Math.min(this.max, Math.max(1, isFailing ? this.shrunk(FAILURE_FACTOR) : this.adapted()));
    this.samples = 0;
    this.failures = 0;
    this.totalMs = 0;
    this.wasReached = false;
  }

  private adapted(): number {
    const meanMs = this.totalMs / this.samples;
    if (this.wasReached) this.fullWindows += 1;
    if (this.fullWindows === WINDOWS_PER_BASELINE) {
      this.fullWindows = 0;
      this.baselineMs = Infinity;
      return this.shrunk(BASELINE_FACTOR);
    }
    this.baselineMs = Math.min(this.baselineMs, meanMs);
    const isSlow = meanMs > Math.max(this.baselineMs * SLOW_FACTOR, this.baselineMs + SLOW_SLACK_MS);
    if (isSlow && this.limit > 1) return this.shrunk(SHRINK_FACTOR);
    // One attempt at a time waits for no other: the service, or this machine, is slower now. Without this the limit of a
    // machine that got busy stayed at 1, and a backlog of 100,000 drained at 2 a second.
    if (isSlow) this.baselineMs = meanMs;
    return this.wasReached ? Math.ceil(this.limit * GROW_FACTOR) : this.limit;
  }

  private shrunk(factor: number): number {
    return Math.floor(this.limit * factor);
  }
}
