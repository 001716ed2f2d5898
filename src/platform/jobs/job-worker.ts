import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { PgBoss } from 'pg-boss';
import type { BackgroundLoop } from '../background-loops.js';
import type { DatabaseOutage } from '../database/database-outage.js';
import { isDatabaseUnavailable } from '../database/session/database-errors.js';
import { Deadline } from '../deadline.js';
import { withDeadline } from '../telemetry/work.js';
import { AdaptiveLimit } from './adaptive-limit.js';
import { Alarm } from './alarm.js';
import { repeatExpired } from './job-expiry.js';
import { observeJob, observeLimit } from './job-telemetry.js';
import { JobTurns, type TakenJob } from './job-turns.js';

export type Handler = (payload: object, deadline: Deadline) => Promise<void>;

/** One attempt at a job; well within its expiry, so that a slow attempt never overlaps the next. */
export const ATTEMPT_TIMEOUT_MS = 10_000;

/** After this a job whose process died is given to another one. */
export const EXPIRE_SECONDS = 15;

/** An attempt that begins later than this after the job was asked for could still be under way when the job expires. */
const LATEST_BEGIN_MS = EXPIRE_SECONDS * 1_000 - ATTEMPT_TIMEOUT_MS;

/** How often jobs of dead processes are looked for. */
const EXPIRY_MS = 5_000;

/** How often jobs of other instances are looked for, and those to be repeated. */
export const POLL_MS = 500;

/**
 * New jobs of this instance are looked for this long after they were sent: their transaction is over by then, unless it
 * waited for something, and others have come along, which are then taken together. Those done are settled likewise.
 */
const GATHER_MS = 50;

/** A job that has been tried. */
interface Tried {
  job: TakenJob;
  /** Why it failed; nothing when it succeeded. */
  failure: string | undefined;
}

/**
 * Does the jobs of one queue: settles those that are done, then takes others for them, as many as there is room for. Everything
 * on the database happens one after the other, the jobs themselves meanwhile, so that a slow one holds up its key only.
 */
export class JobWorker {
  private readonly logger = new Logger(JobWorker.name);
  private readonly alarm = new Alarm();
  private readonly turns: JobTurns;
  private readonly limit: AdaptiveLimit;
  /** Taken and not yet settled. */
  private underWay = 0;
  private tried: Tried[] = [];
  /** Whose next jobs are free since the last look. */
  private readonly freedKeys = new Set<string>();
  private nextExpiryAt = performance.now();
  private isStopping = false;
  private readonly ended: Promise<void>;

  constructor(
    private readonly queue: string,
    private readonly handler: Handler,
    private readonly boss: PgBoss,
    private readonly outage: DatabaseOutage,
    private readonly loop: BackgroundLoop,
    maxAtOnce: number,
  ) {
    this.limit = new AdaptiveLimit(maxAtOnce);
    observeLimit(queue, this.limit.current);
    this.turns = new JobTurns(boss.getDb(), queue);
    this.ended = this.run();
  }

  /** To be called when jobs have been sent: they are looked for soon. */
  wake(): void {
    this.alarm.ringIn(GATHER_MS);
  }

  /** Takes no more jobs. @returns when those under way are settled */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.alarm.ringIn(0);
    await this.ended;
  }

  private async run(): Promise<void> {
    this.loop.start();
    while (!this.isStopping || this.underWay > 0) {
      const isWell =
        (await this.settle()) &&
        (await this.attend(() => this.expire())) &&
        (await this.attend(() => this.look()));
      // Whatever rings: a database in trouble is left alone for a while.
      if (isWell) this.loop.reportProgress();
      else await sleep(POLL_MS);
      this.alarm.ringIn(POLL_MS);
      if (!this.isStopping || this.underWay > 0) await this.alarm.ring();
    }
    this.loop.stop();
  }

  /** @returns whether it went well; if not, it has been told */
  private async attend(step: () => Promise<void>): Promise<boolean> {
    try {
      await step();
      return true;
    } catch (error) {
      if (!this.outage.noticed(error)) this.logger.error({ err: error, queue: this.queue }, 'job queue');
      return false;
    }
  }

  private async settle(): Promise<boolean> {
    const groups = Map.groupBy(this.tried.splice(0), ({ failure }) => failure);
    let isWell = true;
    for (const [failure, tried] of groups)
      isWell = (await this.attend(() => this.settleAlike(failure, tried))) && isWell;
    return isWell;
  }

  /**
   * Tells the queue what became of jobs. An attempt whose job was given to another process meanwhile, as it took too
   * long, changes nothing: the queue compares the number of the attempt.
   */
  private async settleAlike(failure: string | undefined, tried: readonly Tried[]): Promise<void> {
    const attempts = tried.map(({ job: { id, retryCount } }) => ({ id, retryCount }));
    try {
      if (failure === undefined) await this.boss.complete(this.queue, attempts);
      else await this.boss.fail(this.queue, attempts, { message: failure });
    } catch (error) {
      // What cannot be told while the database is away can be told later. All else is repeated when it has expired.
      if (isDatabaseUnavailable(error) && !this.isStopping) this.tried.push(...tried);
      else this.underWay -= tried.length;
      throw error;
    }
    this.underWay -= tried.length;
    if (failure === undefined) for (const { job } of tried) this.freedKeys.add(job.key);
  }

  private async expire(): Promise<void> {
    if (this.isStopping || performance.now() < this.nextExpiryAt) return;
    this.nextExpiryAt = performance.now() + EXPIRY_MS;
    const jobs = await repeatExpired(this.boss, this.queue);
    if (jobs > 0)
      this.logger.warn(
        { queue: this.queue, jobs },
        'jobs took too long, or their process died: they are repeated',
      );
  }

  private async look(): Promise<void> {
    const room = this.limit.current - this.underWay;
    if (this.isStopping || room <= 0) return;
    const askedAt = performance.now();
    const { jobs, isUnfinished } = await this.turns.take(room, [...this.freedKeys]);
    this.freedKeys.clear();
    // As after a process stood still: others may soon take the jobs for those of a dead one.
    if (performance.now() - askedAt > LATEST_BEGIN_MS) return this.turns.putBack(jobs);
    for (const job of jobs) void this.do(job, askedAt);
    if (isUnfinished && jobs.length < room) this.alarm.ringIn(0);
  }

  private async do(job: TakenJob, askedAt: number): Promise<void> {
    this.underWay += 1;
    const begunAt = performance.now();
    const failure = await observeJob(job, () => this.attempt(job, askedAt)).catch(reasonOf);
    this.limit.record(performance.now() - begunAt, failure !== undefined, this.underWay);
    observeLimit(this.queue, this.limit.current);
    this.tried.push({ job, failure });
    // Half of the limit is a batch worth a statement; waiting for more would leave the service idle.
    this.alarm.ringIn(this.tried.length * 2 >= this.limit.current ? 0 : GATHER_MS);
  }

  /** @returns why it failed; nothing when it succeeded */
  private async attempt(job: TakenJob, askedAt: number): Promise<string | undefined> {
    let expiry: NodeJS.Timeout | undefined;
    try {
      const deadline = Deadline.in(ATTEMPT_TIMEOUT_MS);
      const work = withDeadline(deadline, () => this.handler(job.data, deadline));
      // A handler keeps to its deadline. One that does not must not keep its place for ever.
      const isTooLate = new Promise<never>((_resolve, reject) => {
        const giveUp = (): void => reject(new Error(`took longer than ${EXPIRE_SECONDS} s`));
        // Cleared at the end: a timer that is aborted makes two errors for every job.
        expiry = setTimeout(giveUp, askedAt + EXPIRE_SECONDS * 1_000 - performance.now());
      });
      await Promise.race([work, isTooLate]);
      return undefined;
    } catch (error) {
      const reason = reasonOf(error);
      const attempt = job.retryCount + 1;
      this.logger.warn({ queue: job.name, jobId: job.id, attempt, reason }, 'a job failed');
      return reason;
    } finally {
      clearTimeout(expiry);
    }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
