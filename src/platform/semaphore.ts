import type { Deadline } from './deadline.js';

/** No place became free in time. */
export class BulkheadFullError extends Error {
  constructor() {
    super('no room');
    this.name = 'BulkheadFullError';
  }
}

/**
 * Makes a call when it is its turn.
 *
 * @throws {BulkheadFullError} when the deadline passes first; the call was not begun
 */
export type InTurn = <Result>(deadline: Deadline, call: () => Promise<Result>) => Promise<Result>;

/**
 * Limits concurrency; waiters are served first come, first served. For calls within the service; requests from
 * outside have shares for each caller: see http/load/caller-bulkhead.ts. Why no library: see docs/decisions/0043.
 */
export class Semaphore {
  private readonly waiting = new Set<() => void>();

  private free: number;

  constructor(private readonly permits: number) {
    this.free = permits;
  }

  /** True when no permit is taken and no caller waits. */
  get isIdle(): boolean {
    return this.free === this.permits && this.waiting.size === 0;
  }

  /**
   * @returns a function that releases the permit; call it once
   * @throws {BulkheadFullError} when the deadline passes first
   */
  async enter(deadline: Deadline): Promise<() => void> {
    if (this.free > 0) {
      this.free -= 1;
      return () => this.leave();
    }
    await new Promise<void>((resolve, reject) => {
      const admit = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.delete(admit);
        reject(new BulkheadFullError());
      }, deadline.remaining());
      this.waiting.add(admit);
    });
    return () => this.leave();
  }

  /**
   * Makes a call with a permit.
   *
   * @throws {BulkheadFullError} as `enter`, and the error of the call
   */
  readonly run: InTurn = async (deadline, call) => {
    const leave = await this.enter(deadline);
    try {
      return await call();
    } finally {
      leave();
    }
  };

  /** Passes the permit to the longest waiter. */
  private leave(): void {
    this.free += 1;
    this.admitNext();
  }

  private admitNext(): void {
    const [next] = this.waiting;
    if (!next) return;
    this.waiting.delete(next);
    this.free -= 1;
    next();
  }
}
