import { Logger } from '@nestjs/common';
import CircuitBreaker from 'opossum';
import { type AttemptOrigin, FailureSpread } from './failure-spread.js';

/** How long a service that fails is left alone before one call tries it again; more would delay its return. */
export const RESET_MS = 1_000;

/** Attempts older than this are ignored: longer than a few timeouts, shorter than a restart. */
const WINDOW_MS = 10_000;

/** Half of the attempts must fail; rarer failures are covered by retries. */
const FAILING_PERCENT = 50;

/** With fewer attempts than these in the window one bad moment would count as an outage. */
export const MIN_ATTEMPTS = 10;

/** `closed`: calls go through. `open`: none do. `half_open`: the next one tries whether the service is back. */
export type CircuitState = 'closed' | 'open' | 'half_open';

/** The newest circuit of each name: in a process of the service there is one. */
const circuits = new Map<string, UpstreamCircuit>();

/** How the latest attempt at a call ended: `failed` is a timeout, a lost connection or an answer such as 500. */
export type LastCall = 'succeeded' | 'failed';

export interface UpstreamState {
  upstream: string;
  state: CircuitState;
  /** Null before the first call. */
  lastCall: LastCall | null;
}

/** Every service that this process calls, by its name for people. */
export function upstreamStates(): UpstreamState[] {
  return [...circuits].map(([upstream, { state, lastCall }]) => ({ upstream, state, lastCall }));
}

/**
 * Stops calls to a failing service, so that callers fail fast and the service can recover. It opens once most of the
 * recent attempts have failed; after a short pause one attempt decides whether it closes.
 */
export class UpstreamCircuit {
  private readonly logger = new Logger(UpstreamCircuit.name);
  private readonly breaker: CircuitBreaker<[() => Promise<void>], void>;
  private readonly spread = new FailureSpread(WINDOW_MS);
  private isDown = false;
  private last: LastCall | null = null;

  /**
   * @param isFault whether a failed attempt points to a failing service
   * @param isListed false where the state is no matter of this service's own health
   */
  constructor(
    private readonly upstream: string,
    private readonly isFault: (failure: unknown) => boolean,
    isListed = true,
  ) {
    this.breaker = new CircuitBreaker(async (attempt: () => Promise<void>) => attempt(), {
      name: upstream,
      // Each attempt has its own limit of time.
      timeout: false,
      resetTimeout: RESET_MS,
      rollingCountTimeout: WINDOW_MS,
      errorThresholdPercentage: FAILING_PERCENT,
      volumeThreshold: MIN_ATTEMPTS,
      // Percentiles need a list of every call's duration, and are not used.
      rollingPercentilesEnabled: false,
    });
    this.breaker.on('open', () => this.tellOfFailure());
    this.breaker.on('close', () => this.tellOfReturn());
    if (isListed) circuits.set(upstream, this);
  }

  get lastCall(): LastCall | null {
    return this.last;
  }

  get state(): CircuitState {
    if (this.breaker.halfOpen) return 'half_open';
    return this.breaker.opened ? 'open' : 'closed';
  }

  /** Attempts that it lets through now: all, none, or the one that tries whether the service is back. */
  get room(): number {
    if (this.breaker.closed) return Infinity;
    return this.breaker.pendingClose ? 1 : 0;
  }

  /** Ends its timers. It is not used any more. */
  close(): void {
    this.breaker.shutdown();
  }

  /**
   * Makes an attempt. Its failure counts when it is a fault of the service, and such faults concern more than one
   * subject and one caller.
   *
   * @returns the result of the attempt, or undefined when the circuit refused it
   * @throws the error of the attempt
   */
  async run<T>(origin: AttemptOrigin, attempt: () => Promise<T>): Promise<{ value: T } | undefined> {
    // Checked here as well, because the library counts refused calls and would be slow to open a second time.
    if (!this.breaker.closed && !this.breaker.pendingClose) return undefined;
    let outcome: { value: T } | { failure: unknown } | undefined;
    try {
      await this.breaker.fire(async () => {
        try {
          outcome = { value: await attempt() };
          this.noteAnswer(origin);
        } catch (failure) {
          outcome = { failure };
          if (this.countsAgainstService(failure, origin)) throw failure;
        }
      });
    } catch (error) {
      // The outcome of the attempt counts, not the library's interpretation of it.
      if (outcome === undefined) throw error;
    }
    if (outcome !== undefined && 'failure' in outcome) throw outcome.failure;
    return outcome;
  }

  private noteAnswer(origin: AttemptOrigin): void {
    this.last = 'succeeded';
    this.spread.noteSuccess(origin);
  }

  private countsAgainstService(failure: unknown, origin: AttemptOrigin): boolean {
    if (!this.isFault(failure)) {
      this.noteAnswer(origin);
      return false;
    }
    this.last = 'failed';
    this.spread.noteFailure(origin);
    return this.spread.isWide();
  }

  /** Logged once per outage: a failed trial call opens the circuit again without a new line. */
  private tellOfFailure(): void {
    if (this.isDown) return;
    this.isDown = true;
    this.logger.warn(
      `The ${this.upstream} fails; its circuit is open, with a trial call every ${RESET_MS} ms`,
    );
  }

  private tellOfReturn(): void {
    if (!this.isDown) return;
    this.isDown = false;
    this.logger.log(`The ${this.upstream} works again`);
  }
}
