import { CUSTOMER_PART, MOST_PART } from './caller-bulkhead.js';
import type { PermitHolder } from './permit-holder.js';

/**
 * The part of the processor time for a caller known by its address only: enough for a backend, and two of them leave a third
 * for the others.
 */
export const ANONYMOUS_PART = 1 / 3;

/**
 * Processor time that a caller may use at once, in milliseconds of its share: the requests of one page of a browser. More
 * would stop the others for as long.
 */
const BURST_MS = 200;

/** How long a request waits at most for the share of its caller, in milliseconds. */
export const MAX_WAIT_MS = 1_000;

/** Requests of one caller that wait at a time. Each keeps up to 64 kB of its body in memory. */
export const MAX_WAITING = 128;

/** Weight of the latest request in the expected cost of the next one. */
const LEARNING_RATE = 0.25;

/** The caller has used its share of the processor time, and the request has waited for the maximum. */
export class ProcessorShareError extends Error {
  /** @param retryAfterS seconds until the share suffices for the waiting requests */
  constructor(readonly retryAfterS: number) {
    super('the caller has used its share of the processor time');
    this.name = 'ProcessorShareError';
  }
}

interface Waiter {
  /** Whether the client has left. */
  readonly isGone: () => boolean;
  readonly costMs: number;
  readonly until: number;
  readonly resolve: () => void;
  readonly reject: (error: ProcessorShareError) => void;
}

function partOf({ isCustomer, isAnonymous }: PermitHolder): number {
  if (isCustomer) return CUSTOMER_PART;
  return isAnonymous === true ? ANONYMOUS_PART : MOST_PART;
}

/**
 * The processor time of one caller: a token bucket, whose requests wait in their order while it is empty. While no
 * other caller needs the processor, time is free: it uses up the burst, and leaves no debt.
 */
export class ProcessorAccount {
  /** Requests that wait or are processed. */
  inProgress = 0;
  private readonly part: number;
  private balanceMs: number;
  private filledAt = performance.now();
  private waiting: Waiter[] = [];
  private timer: NodeJS.Timeout | undefined;
  private readonly expected = new Map<string, number>();

  /** @param hasOthers whether other callers need the processor, by the requests of this one in progress */
  constructor(
    holder: PermitHolder,
    private readonly hasOthers: (inProgress: number) => boolean,
  ) {
    this.part = partOf(holder);
    this.balanceMs = BURST_MS * this.part;
  }

  /** Expected cost of a request of a kind, learned from earlier ones. */
  expectedCostOf(kind: string): number {
    return this.expected.get(kind) ?? 0;
  }

  learn(kind: string, costMs: number): void {
    const before = this.expected.get(kind) ?? costMs;
    this.expected.set(kind, before + (costMs - before) * LEARNING_RATE);
  }

  /**
   * Takes the cost of a request from the share.
   *
   * @param isGone whether the client of the request has left, so that it need not wait
   * @returns undefined when the request may go on at once
   * @throws {ProcessorShareError} also as a rejection, when the share does not suffice in time
   */
  take(costMs: number, isGone: () => boolean): Promise<void> | undefined {
    if (this.waiting.length === 0 && this.isOpen()) {
      this.charge(costMs);
      return undefined;
    }
    if (this.waiting.length >= MAX_WAITING) this.dropGone();
    if (this.waiting.length >= MAX_WAITING) throw this.refusal();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.waiting.push({ isGone, costMs, until: performance.now() + MAX_WAIT_MS, resolve, reject });
    this.schedule();
    return promise;
  }

  /** @param costMs cost beyond the charge in advance; negative when it was less */
  charge(costMs: number): void {
    this.fill();
    const least = this.hasOthers(this.inProgress) ? -MAX_WAIT_MS * this.part : Math.min(0, this.balanceMs);
    this.balanceMs = Math.max(least, this.balanceMs - costMs);
  }

  private isOpen(): boolean {
    if (!this.hasOthers(this.inProgress)) return true;
    this.fill();
    return this.balanceMs >= 0;
  }

  private fill(): void {
    const now = performance.now();
    this.balanceMs = Math.min(BURST_MS * this.part, this.balanceMs + (now - this.filledAt) * this.part);
    this.filledAt = now;
  }

  private schedule(): void {
    const [first] = this.waiting;
    if (!first || this.timer) return;
    const openIn = -this.balanceMs / this.part;
    const leftMs = first.until - performance.now();
    this.timer = setTimeout(() => this.admit(), Math.max(1, Math.ceil(Math.min(openIn, leftMs))));
  }

  private admit(): void {
    this.timer = undefined;
    for (let [first] = this.waiting; first; [first] = this.waiting) {
      if (this.isOpen()) {
        this.charge(first.costMs);
        first.resolve();
      } else if (first.until <= performance.now()) {
        first.reject(this.refusal());
      } else {
        break;
      }
      this.waiting.shift();
    }
    this.schedule();
  }

  /** Abandoned requests would fill the queue, and the caller's other requests would be refused at once. */
  private dropGone(): void {
    const gone = this.waiting.filter(({ isGone }) => isGone());
    this.waiting = this.waiting.filter((waiter) => !gone.includes(waiter));
    for (const { reject } of gone) reject(this.refusal());
  }

  private refusal(): ProcessorShareError {
    const owedMs = this.waiting.reduce((sum, { costMs }) => sum + costMs, -this.balanceMs);
    return new ProcessorShareError(Math.max(1, Math.ceil(owedMs / this.part / 1_000)));
  }
}
