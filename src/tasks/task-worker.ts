import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { BackgroundLoop } from '../platform/background-loops.js';
import type { DatabaseOutage } from '../platform/database/database-outage.js';
import { isDatabaseUnavailable } from '../platform/database/session/database-errors.js';
import { runDetached } from '../platform/telemetry/request-context.js';
import { type LeasedTask, retryPauseMs } from './task-kind.js';
import type { FailedAttempt, TaskRepository } from './task.repository.js';
import type { AttemptFailure, TaskRunner } from './task-runner.js';
import { WakeUp } from '../platform/wake-up.js';

/** How often tasks of other instances, of dead processes and due retries are looked for. */
export const POLL_MS = 500;

/** The same while this instance has run no task for `BUSY_MS`. */
export const IDLE_POLL_MS = 1_000;

/** Longer than the first pauses between two attempts. */
const BUSY_MS = 10_000;

/**
 * Delay between an insert on this instance and the claim: by then the transaction has usually committed, and other
 * tasks have come that the same claim takes. Results are batched likewise.
 */
const GATHER_MS = 50;

/** An attempt that has ended. */
interface Result {
  task: LeasedTask;
  /** Why it failed; undefined when it succeeded. */
  failure: AttemptFailure | undefined;
}

/**
 * Runs the tasks of all kinds: writes the results of attempts, then claims as many tasks as there is room for. The statements
 * follow one another in one loop; the attempts run beside it, so that a slow one holds up its lane only.
 */
export class TaskWorker {
  private readonly logger = new Logger('Tasks');
  private readonly wakeUp = new WakeUp();
  private results: Result[] = [];
  private busyUntil = 0;
  isStopping = false;
  private readonly ended: Promise<void>;

  constructor(
    private readonly repository: TaskRepository,
    private readonly runners: ReadonlyMap<string, TaskRunner>,
    private readonly outage: DatabaseOutage,
    private readonly loop: BackgroundLoop,
  ) {
    this.ended = this.run();
  }

  /** To be called when tasks have been inserted or made due. */
  wake(): void {
    this.wakeUp.in(GATHER_MS);
  }

  /** Claims no more tasks. @returns when the results of the running ones are written */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.wakeUp.in(0);
    await this.ended;
  }

  private async run(): Promise<void> {
    this.loop.start();
    while (!this.isFinished()) {
      const isWell = (await this.writeResults()) && (await this.attend(() => this.claim()));
      // After a database error the loop backs off, even when a notification wakes it.
      if (isWell) this.loop.reportProgress();
      else await sleep(POLL_MS);
      this.wakeUp.in(performance.now() < this.busyUntil ? POLL_MS : IDLE_POLL_MS);
      if (!this.isFinished()) await this.wakeUp.sleep();
    }
    this.loop.stop();
  }

  private isFinished(): boolean {
    return this.isStopping && [...this.runners.values()].every(({ isIdle }) => isIdle);
  }

  /** @returns whether the step succeeded; its error is logged */
  private async attend(step: () => Promise<void>): Promise<boolean> {
    try {
      await step();
      this.outage.isOver();
      return true;
    } catch (error) {
      if (!this.outage.noticed(error)) this.logger.error({ err: error }, 'The task engine met an error');
      return false;
    }
  }

  private async writeResults(): Promise<boolean> {
    const [failed, succeeded, notMade] = [[] as Result[], [] as Result[], [] as Result[]];
    for (const result of this.results.splice(0)) {
      const { failure } = result;
      (failure === undefined ? succeeded : failure.isMade ? failed : notMade).push(result);
    }
    const written = [
      await this.write(succeeded, () =>
        this.repository.finish(
          succeeded.map(({ task }) => ({ ...task, isKept: this.runnerOf(task).policy.isKept })),
        ),
      ),
      await this.write(failed, () => this.fail(failed.map((one) => this.toFailure(one)))),
      await this.write(notMade, () => this.repository.returnUnstarted(notMade.map(({ task }) => task))),
    ];
    return written.every(Boolean);
  }

  private async fail(failures: readonly FailedAttempt<LeasedTask>[]): Promise<void> {
    const dead = failures.flatMap(({ isDead, lease }) => (isDead ? [lease] : []));
    const ofKinds = [...Map.groupBy(dead, (task) => this.runnerOf(task))];
    const statements = ofKinds.flatMap(([{ policy }, tasks]) => policy.onDead?.(tasks) ?? []);
    await this.repository.fail(failures, statements);
  }

  private async write(results: readonly Result[], statement: () => Promise<void>): Promise<boolean> {
    if (results.length === 0) return true;
    let isKept = false;
    const isWritten = await this.attend(async () => {
      try {
        await statement();
      } catch (error) {
        // During a database outage the results are kept. After another error the leases lapse and the tasks are
        // retried.
        isKept = isDatabaseUnavailable(error) && !this.isStopping;
        throw error;
      }
    });
    if (isKept) this.results.push(...results);
    else for (const { task } of results) this.runnerOf(task).release();
    return isWritten;
  }

  private toFailure({ task, failure }: Result): FailedAttempt<LeasedTask> {
    const { policy } = this.runnerOf(task);
    return {
      lease: task,
      isDead: failure?.isFinal === true || task.attempts >= task.maxAttempts,
      pauseMs: Math.max(retryPauseMs(task.attempts, policy), failure?.pauseMs ?? 0),
      error: failure?.reason ?? '',
    };
  }

  private async claim(): Promise<void> {
    const requests = [...this.runners.values()]
      .filter((runner) => runner.room > 0 && runner.isClaimDue())
      .map(({ kind, room, leaseMs }) => ({ kind, limit: room, leaseMs }));
    if (this.isStopping || requests.length === 0) return;
    const claimedAt = performance.now();
    const tasks = await this.repository.claim(requests);
    for (const { kind, limit } of requests) {
      const claimed = tasks.filter((task) => task.kind === kind).length;
      this.runners.get(kind)?.noteClaim(limit, claimed);
    }
    const late = tasks.filter((task) => !this.start(task, claimedAt));
    if (late.length > 0) await this.repository.returnUnstarted(late);
  }

  /**
   * Starts an attempt that was claimed or reserved, outside of the request that may have led to it.
   *
   * @returns false when it does not begin. When it is too late, as after the process stood still, another instance may soon
   *   take the task
   */
  start(task: LeasedTask, claimedAt: number): boolean {
    const runner = this.runners.get(task.kind);
    // The kind was unregistered while its tasks were claimed.
    if (!runner) return false;
    const isInTime = runner.mayStart(claimedAt);
    if (isInTime) void runDetached(() => this.runTask(task, claimedAt));
    else runner.release();
    return isInTime;
  }

  private async runTask(task: LeasedTask, claimedAt: number): Promise<void> {
    const runner = this.runnerOf(task);
    const failure = await runner.run(task, claimedAt);
    this.results.push({ task, failure });
    this.busyUntil = performance.now() + BUSY_MS;
    this.wakeUp.in(this.results.length >= runner.batchSize ? 0 : GATHER_MS);
  }

  private runnerOf({ kind }: LeasedTask): TaskRunner {
    const runner = this.runners.get(kind);
    if (!runner) throw new Error(`no handler is registered for tasks of kind ${kind}`);
    return runner;
  }
}
