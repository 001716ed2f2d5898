/** The subject of an attempt, and the caller that it serves. */
export interface AttemptOrigin {
  /** The product, order or customer that the call names. */
  subject: string;
  /** Absent for background work. */
  caller: string | undefined;
}

/** Values remembered of each kind: two decide, and the rest survives that some of them expire. */
const MAX_VALUES = 8;

/** The latest distinct values, each for a limited time. */
class RecentValues {
  private readonly times = new Map<string, number>();

  constructor(private readonly windowMs: number) {}

  add(value: string): void {
    this.times.delete(value);
    this.times.set(value, performance.now());
    const [oldest] = this.times.keys();
    if (this.times.size > MAX_VALUES && oldest !== undefined) this.times.delete(oldest);
  }

  list(): string[] {
    const since = performance.now() - this.windowMs;
    return [...this.times].filter(([, time]) => time >= since).map(([value]) => value);
  }
}

/**
 * Decides whether failures are evidence against the service as a whole. A product for which the service answers 500 fails
 * for each request that names it, and one caller can send such requests all day; neither may stop the calls of others.
 */
export class FailureSpread {
  private readonly failedSubjects: RecentValues;
  private readonly failedCallers: RecentValues;
  private readonly servedCallers: RecentValues;

  /** @param windowMs how long an outcome counts */
  constructor(windowMs: number) {
    this.failedSubjects = new RecentValues(windowMs);
    this.failedCallers = new RecentValues(windowMs);
    this.servedCallers = new RecentValues(windowMs);
  }

  noteSuccess({ caller }: AttemptOrigin): void {
    if (caller !== undefined) this.servedCallers.add(caller);
  }

  noteFailure({ subject, caller }: AttemptOrigin): void {
    this.failedSubjects.add(subject);
    if (caller !== undefined) this.failedCallers.add(caller);
  }

  /**
   * Whether the failures concern several subjects, and not one caller alone. A shop with one frontend has one caller, so its
   * failures count unless other callers were served in the same time.
   */
  isWide(): boolean {
    if (this.failedSubjects.list().length < 2) return false;
    const failed = this.failedCallers.list();
    return failed.length >= 2 || !this.servedCallers.list().some((caller) => !failed.includes(caller));
  }
}
