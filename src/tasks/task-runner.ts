import { Logger } from '@nestjs/common';
import { Deadline } from '../platform/deadline.js';
import { withDeadline } from '../platform/telemetry/request-context.js';
import { AdaptiveLimit } from '../platform/adaptive-limit.js';
import {
  AttemptError,
  AttemptNotMade,
  type LeasedTask,
  type TaskHandler,
  type TaskPolicy,
} from './task-kind.js';
import { observeAttempt, observeLimit } from './task-telemetry.js';

/** A lease outlasts the attempt by this, for the statements before and after it. */
export const LEASE_MARGIN_MS = 5_000;

/** Longest error that is stored; the log has it too. */
const MAX_ERROR_LENGTH = 500;

/** Why an attempt failed, and what that means for the next one. */
export interface AttemptFailure {
  reason: string;
  /** Shortest pause before the next attempt, in milliseconds. */
  pauseMs: number;
  /** Whether there is no next attempt. */
  isFinal: boolean;
  /** False when it was not made, so that it does not count. */
  isMade: boolean;
}

/** Runs attempts at the tasks of one kind, as many at a time as the service that they call bears. */
export class TaskRunner {
  private readonly logger = new Logger('Tasks');
  private readonly limit: AdaptiveLimit;
  /** Attempts that are reserved, running, or whose results are not stored yet. */
  private running = 0;
  /** Whether the last claim found as many tasks as it could take, so that more of them may wait. */
  private hasBacklog = false;
  private nextClaimAt = 0;
  /** Set once the kind is not registered any more. */
  private onIdle: (() => void) | undefined;

  constructor(
    readonly kind: string,
    private readonly handler: TaskHandler<object>,
    readonly policy: TaskPolicy,
  ) {
    this.limit = new AdaptiveLimit(policy.maxConcurrency);
    this.observeLimit();
  }

  get leaseMs(): number {
    return this.policy.attemptTimeoutMs + LEASE_MARGIN_MS;
  }

  /** Whether tasks may be claimed now. */
  isClaimDue(): boolean {
    return performance.now() >= this.nextClaimAt;
  }

  /** Attempts that may begin now. */
  get room(): number {
    if (this.onIdle) return 0;
    return Math.max(0, Math.min(this.limit.current, this.policy.gate()) - this.running);
  }

  /** Results that are worth a transaction of their own: waiting for more would leave the service idle. */
  get batchSize(): number {
    return Math.ceil(this.limit.current / 2);
  }

  get isIdle(): boolean {
    return this.running === 0;
  }

  /** Records the result of a claim. */
  noteClaim(limit: number, claimed: number): void {
    this.hasBacklog = claimed >= limit;
    this.running += claimed;
    this.nextClaimAt = performance.now() + this.policy.claimIntervalMs;
  }

  /** Reserves an attempt for a task that is about to be inserted. @returns false where others have waited for longer */
  tryReserve(): boolean {
    if (this.hasBacklog || this.room === 0) return false;
    this.running += 1;
    return true;
  }

  /** Whether an attempt that begins now ends well before its lease. */
  mayStart(claimedAt: number): boolean {
    return performance.now() - claimedAt <= LEASE_MARGIN_MS;
  }

  /**
   * Runs one attempt, which was claimed or reserved. Until `release` is called it counts as running.
   *
   * @param claimedAt when the lease was asked for, by the monotonic clock
   * @returns why it failed; undefined when it succeeded
   */
  async run(task: LeasedTask, claimedAt: number): Promise<AttemptFailure | undefined> {
    const startedAt = performance.now();
    const label = this.policy.label ?? this.kind;
    const failure = await observeAttempt(label, task, () => this.attempt(task, claimedAt));
    if (failure?.isMade !== false) {
      this.limit.record(performance.now() - startedAt, failure !== undefined, this.running);
      this.observeLimit();
    }
    return failure;
  }

  /** An attempt is over, its result included, or will not begin. */
  release(): void {
    this.running -= 1;
    if (this.isIdle) this.onIdle?.();
  }

  /** Begins no more attempts. @param onIdle called when the running ones are over */
  close(onIdle: () => void): void {
    this.onIdle = onIdle;
    if (this.isIdle) onIdle();
  }

  /** Kinds that share a label have limits of their own, which one figure can not show. */
  private observeLimit(): void {
    if (this.policy.label === undefined) observeLimit(this.kind, this.limit.current);
  }

  private async attempt(task: LeasedTask, claimedAt: number): Promise<AttemptFailure | undefined> {
    // The process died during the last attempt that the task was allowed.
    if (task.attempts > task.maxAttempts)
      return { reason: 'the process ended during the last attempt', pauseMs: 0, isFinal: true, isMade: true };
    let timer: NodeJS.Timeout | undefined;
    try {
      const deadline = Deadline.in(this.policy.attemptTimeoutMs);
      const work = withDeadline(deadline, () => this.handler(task, deadline));
      // A handler keeps to its deadline. One that does not must not keep its permit for ever.
      const timeout = new Promise<never>((_resolve, reject) => {
        const giveUp = (): void => reject(new Error(`took longer than ${this.leaseMs / 1_000} s`));
        // Cleared at the end: a timer that is aborted makes two errors for every task.
        timer = setTimeout(giveUp, claimedAt + this.leaseMs - performance.now());
      });
      await Promise.race([work, timeout]);
      return undefined;
    } catch (error) {
      if (error instanceof AttemptNotMade)
        return { reason: error.message, pauseMs: 0, isFinal: false, isMade: false };
      const reason = (error instanceof Error ? error.message : String(error)).slice(0, MAX_ERROR_LENGTH);
      const { kind, id, attempts } = task;
      this.logger.warn({ kind, taskId: id, attempt: attempts, reason }, 'An attempt at a task failed');
      const { pauseMs, isFinal } = error instanceof AttemptError ? error : { pauseMs: 0, isFinal: false };
      // PostgreSQL stores no NUL character.
      return { reason: reason.replaceAll('\0', ''), pauseMs, isFinal, isMade: true };
    } finally {
      clearTimeout(timer);
    }
  }
}
