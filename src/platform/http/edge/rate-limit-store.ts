/** What the limiter asks its store for: how many requests there were, and how many milliseconds their window still has. */
type Answer = (error: Error | null, result: { current: number; ttl: number }) => void;

/** A minute: the window of every limit. */
export const WINDOW_MS = 60_000;

/** Callers that are told apart within one window, at some 100 bytes each; those that come later share one count. */
export const MAX_CALLERS = 50_000;

/** A name that no caller has: theirs are addresses or begin with what they are. */
const ALL_OTHERS = '(all others)';

/**
 * Counts the requests of each caller in this process. All windows begin at the same time, so that a new one forgets
 * everything at once: the counts need no timers, no order of use, and never more memory than `MAX_CALLERS` take. Time is
 * read from the clock that only goes forward, as a window must not last for hours because the other was set back.
 */
export class RateLimitStore {
  private counts = new Map<string, number>();
  private endsAt = 0;

  /** How many callers are known at this moment. */
  get size(): number {
    return this.counts.size;
  }

  incr(caller: string, done: Answer): void {
    const ttl = this.beginWindow();
    const isKnown = this.counts.has(caller) || this.counts.size < MAX_CALLERS;
    const name = isKnown ? caller : ALL_OTHERS;
    const current = (this.counts.get(name) ?? 0) + 1;
    this.counts.set(name, current);
    done(null, { current, ttl });
  }

  /** For limits of single routes, which there are none of. */
  child(): RateLimitStore {
    return this;
  }

  /** @returns how long the window still lasts, in milliseconds */
  private beginWindow(): number {
    const now = performance.now();
    if (now >= this.endsAt) {
      this.counts = new Map();
      this.endsAt = now + WINDOW_MS;
    }
    return this.endsAt - now;
  }
}
