import { BusyTime } from './busy-time.js';
import type { PermitHolder } from './permit-holder.js';
import { ProcessorAccount } from './processor-account.js';

/** For how long after its last request or response a caller counts as one that needs the processor, in milliseconds. */
const CONTENTION_MS = 1_000;

/** Accounts of one generation, at some 300 bytes each. There are at most two generations. */
export const MAX_ACCOUNTS = 10_000;

/** After how long accounts without requests are dropped, at the latest at twice this time, in milliseconds. */
const IDLE_MS = 60_000;

/** The charge of one request. */
export interface Turn {
  readonly name: string;
  readonly account: ProcessorAccount;
  readonly kind: string;
  readonly takenMs: number;
  /** Estimate of work that the size of the request and its response does not show. */
  furtherMs: number;
}

/**
 * Shares the processor time of the event loop among callers: during contention, a caller beyond its share waits.
 * Permits can't do this, since they count requests and not their cost.
 */
export class ProcessorShares {
  private recent = new Map<string, ProcessorAccount>();
  /** The previous generation. Two generations make an LRU cache with constant-time steps. */
  private older = new Map<string, ProcessorAccount>();
  private renewedAt = performance.now();
  private inProgress = 0;
  private latest = { name: '', at: -Infinity };
  /** The latest request of a caller other than that of `latest`. */
  private latestOther = { name: '', at: -Infinity };

  constructor(private readonly busyTime = new BusyTime()) {}

  get accounts(): number {
    return this.recent.size + this.older.size;
  }

  /**
   * Waits while the caller has used its share.
   *
   * @param kind requests of one kind cost about the same
   * @param leastMs what the request costs at least, as far as can be seen before it is processed
   * @param isGone whether the client has left
   * @returns without a promise when the request may go on at once
   * @throws {ProcessorShareError} also as a rejection, when the share does not suffice in time
   */
  begin(
    holder: PermitHolder,
    kind: string,
    leastMs: number,
    isGone: () => boolean = () => false,
  ): Turn | Promise<Turn> {
    const { name } = holder;
    const account = this.accountOf(holder);
    const takenMs = Math.max(this.busyTime.correct(leastMs), account.expectedCostOf(kind));
    this.count(name, account, 1);
    const turn: Turn = { name, account, kind, takenMs, furtherMs: 0 };
    const giveUp = (error: unknown): never => {
      this.count(name, account, -1);
      throw error;
    };
    try {
      return account.take(takenMs, isGone)?.then(() => turn, giveUp) ?? turn;
    } catch (error) {
      return giveUp(error);
    }
  }

  /**
   * Charges the caller for the measured cost of the request.
   *
   * @param estimateMs by its size
   */
  end({ name, account, kind, takenMs }: Turn, estimateMs: number): void {
    const costMs = this.busyTime.correct(estimateMs);
    this.busyTime.add(estimateMs);
    account.learn(kind, costMs);
    account.charge(costMs - takenMs);
    this.count(name, account, -1);
  }

  private accountOf(holder: PermitHolder): ProcessorAccount {
    const { name } = holder;
    const account =
      this.recent.get(name) ??
      this.older.get(name) ??
      new ProcessorAccount(holder, (inProgress) => this.isContended(name, inProgress));
    const now = performance.now();
    if (this.recent.size >= MAX_ACCOUNTS || now - this.renewedAt >= IDLE_MS) {
      this.older = this.recent;
      this.recent = new Map();
      this.renewedAt = now;
    }
    this.recent.set(name, account);
    return account;
  }

  private count(name: string, account: ProcessorAccount, change: 1 | -1): void {
    this.inProgress += change;
    account.inProgress += change;
    if (this.latest.name !== name) this.latestOther = this.latest;
    this.latest = { name, at: performance.now() };
  }

  /** Whether another caller has requests in progress, or had some within the last second. */
  private isContended(name: string, inProgress: number): boolean {
    if (this.inProgress > inProgress) return true;
    const { at } = this.latest.name === name ? this.latestOther : this.latest;
    return performance.now() - at < CONTENTION_MS;
  }
}
