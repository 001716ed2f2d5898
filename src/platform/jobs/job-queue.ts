import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common';
import { PgBoss } from 'pg-boss';
import { Settings } from '../../config/settings.js';
import { BackgroundLoops } from '../background-loops.js';
import { DatabaseOutage } from '../database/database-outage.js';
import { runAll, type Sql } from '../database/connection.js';
import type { Statement } from '../database/statement-message.js';
import type { Deadline } from '../deadline.js';
import { RepeatedWork } from '../repeated-work.js';
import { CONNECTIONS_PER_ORIGIN } from '../upstream/undici-transport.js';
import { jobDatabaseOptions } from './job-schema.js';
import { withCause } from './job-telemetry.js';
import { ATTEMPT_TIMEOUT_MS, EXPIRE_SECONDS, type Handler, JobWorker, POLL_MS } from './job-worker.js';
import { JobRepository } from './job.repository.js';

/** One kind of background work. */
export interface Queue<Payload extends object> {
  name: string;
  /** Never set: it carries the payload's type from whoever sends to whoever handles. */
  readonly payload?: Payload;
}

/** How the jobs of one queue run. */
interface QueueHandler {
  handler: Handler;
  maxConcurrency: number;
}

/** Work to be done once the transaction that sends it has committed. */
export interface QueuedJob {
  queue: Queue<object>;
  /** Jobs of one queue with the same key are done one after another, in the order in which they were sent. */
  key: string;
  /** The payload, with the request that the job is sent for. */
  data: object;
}

/** A job on behalf of the request that is under way, where there is one. */
export function jobFor<Payload extends object>(
  queue: Queue<Payload>,
  key: string,
  payload: Payload,
): QueuedJob {
  return { queue, key, data: withCause(payload) };
}

/**
 * How often pg-boss looks after its tables, such as for indexes that have become too large. It reads all jobs then, which
 * takes a second for a few million that are done.
 */
const SUPERVISE_SECONDS = 3_600;

/** First wait after a failed attempt; it doubles up to `JOB_RETRY_MAX_SECONDS`. */
const RETRY_SECONDS = 1;

/** Twenty years: jobs that wait behind one that ran out of attempts wait until a person has settled that one. */
const RETENTION_SECONDS = 20 * 366 * 24 * 3_600;

/**
 * Never: to the queue a job that ran out of attempts is finished too, and must be kept until a person has settled it.
 * Those that succeeded are deleted by src/orders/retention.ts.
 */
const DELETE_FINISHED_NEVER = 0;

/**
 * Background work on the database itself: a job is sent in the transaction that makes it necessary, so that it exists
 * exactly when that transaction has committed, and is repeated until it succeeds or has run out of attempts. Then it
 * stays as it is, holding back the later jobs of its key, until a person has settled it.
 */
@Injectable()
export class JobQueue
  implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown
{
  private readonly logger = new Logger(JobQueue.name);
  private readonly handlers = new Map<string, QueueHandler>();
  private readonly workers = new Map<string, JobWorker>();
  private readonly boss: PgBoss;
  private readonly supervision: RepeatedWork;
  private jobsUnderWay: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly settings: Settings,
    private readonly repository: JobRepository,
    private readonly outage: DatabaseOutage,
    private readonly loops: BackgroundLoops,
  ) {
    this.boss = new PgBoss({
      ...jobDatabaseOptions(settings),
      migrate: false,
      supervise: false,
      superviseIntervalSeconds: SUPERVISE_SECONDS,
      monitorIntervalSeconds: SUPERVISE_SECONDS,
    });
    const pauseMs = SUPERVISE_SECONDS * 1_000;
    this.supervision = new RepeatedWork(
      () => this.supervise(),
      pauseMs,
      loops.add('job_upkeep', { pauseMs }),
    );
    this.boss.on('error', (error) => {
      if (!outage.noticed(error)) this.logger.error({ err: error }, 'job queue');
    });
    // Without its data, which may hold a statement with its values.
    this.boss.on('warning', (warning) => this.logger.warn(`job queue: ${warning.message}`));
  }

  /**
   * Registers the handler of a queue, before the application starts.
   *
   * @param maxConcurrency the adaptive limit of jobs at a time never exceeds it; by default the connections to one service
   */
  handle<Payload extends object>(
    queue: Queue<Payload>,
    handler: (payload: Payload, deadline: Deadline) => Promise<void>,
    maxConcurrency = CONNECTIONS_PER_ORIGIN,
  ): void {
    this.handlers.set(queue.name, { handler: handler as Handler, maxConcurrency });
  }

  /**
   * Gives jobs that ran out of attempts as many again, as part of a transaction.
   *
   * @returns how many there were; fewer than asked for when somebody else was first
   */
  async redrive(transaction: Sql, queue: Queue<object>, jobIds: readonly string[]): Promise<number> {
    return this.repository.redrive(transaction, queue.name, jobIds, this.settings.JOB_RETRY_LIMIT + 1);
  }

  /** Sends jobs as part of a transaction. */
  async send(transaction: Sql, jobs: readonly QueuedJob[]): Promise<void> {
    await runAll(transaction, await this.inserts(jobs));
  }

  /** Sends a job unless one with its key waits, is being done, or ran out of attempts. Two callers may both send it. */
  async sendUnlessOpen(job: QueuedJob): Promise<void> {
    const { key } = job;
    const { name } = job.queue;
    const [open, dead] = await Promise.all([
      this.repository.findOpenKeys(name, [key]),
      this.repository.findDeadByKey(name, [key]),
    ]);
    if (open.has(key) || dead.has(key)) return;
    await this.repository.insert(await this.inserts([job]));
  }

  /** What sends jobs as soon as it is committed. */
  async inserts(jobs: readonly QueuedJob[]): Promise<Statement[]> {
    const statements: Statement[] = [];
    const db = {
      executeSql: async (text: string, values: unknown[] = []) => {
        statements.push({ text, values });
        return { rows: [] };
      },
    };
    for (const [queue, queued] of Map.groupBy(jobs, (job) => job.queue.name)) {
      const inserts = queued.map((job) => ({ data: job.data, singletonKey: job.key }));
      await this.boss.insert(queue, inserts, { db });
      this.workers.get(queue)?.wake();
    }
    return statements;
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.boss.start();
    for (const [queue, { handler, maxConcurrency }] of this.handlers) {
      await this.createQueue(queue);
      const loop = this.loops.add(`jobs_${queue}`, { pauseMs: POLL_MS });
      const worker = new JobWorker(queue, handler, this.boss, this.outage, loop, maxConcurrency);
      this.workers.set(queue, worker);
    }
    this.supervision.start();
  }

  /** Takes no more jobs, while those under way and the requests that send new ones go on. */
  onModuleDestroy(): void {
    this.supervision.stop();
    const workers = [...this.workers.values()].map((worker) => worker.stop());
    this.jobsUnderWay = Promise.all([...workers, this.supervision.ended()]);
  }

  /** Before the connections are closed, to the database and to other services, that the jobs need. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.jobsUnderWay;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.boss.stop({ graceful: true, timeout: ATTEMPT_TIMEOUT_MS });
  }

  /** By this service rather than by a timer of pg-boss, which does not report whether it succeeded. */
  private async supervise(): Promise<boolean> {
    try {
      await this.boss.supervise();
      return true;
    } catch (error) {
      if (!this.outage.noticed(error)) this.logger.error({ err: error }, 'job queue');
      return false;
    }
  }

  private async createQueue(name: string): Promise<void> {
    const options = {
      expireInSeconds: EXPIRE_SECONDS,
      retryLimit: this.settings.JOB_RETRY_LIMIT,
      retryDelay: RETRY_SECONDS,
      retryBackoff: true,
      retryDelayMax: this.settings.JOB_RETRY_MAX_SECONDS,
      retentionSeconds: RETENTION_SECONDS,
      deleteAfterSeconds: DELETE_FINISHED_NEVER,
    };
    await this.boss.createQueue(name, { policy: 'key_strict_fifo', ...options });
    // A queue that exists keeps the options of the release that created it unless it is told otherwise.
    await this.boss.updateQueue(name, options);
  }
}
