import {
  type BeforeApplicationShutdown,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { BackgroundLoops } from '../platform/background-loops.js';
import type { Sql } from '../platform/database/connection.js';
import { DatabaseOutage } from '../platform/database/database-outage.js';
import type { Statement } from '../platform/database/statement-message.js';
import { CONNECTIONS_PER_ORIGIN } from '../platform/upstream/undici-transport.js';
import type { LeasedTask, NewTask, TaskHandler, TaskKind, TaskPolicy } from './task-kind.js';
import type { LeasableTask, LimitedTask } from './task-inserts.js';
import { OrderTasksRepository } from './order-tasks.repository.js';
import type { TaskState } from './task.entity.js';
import { type Lease, TaskRepository, type TasksOfOrder } from './task.repository.js';
import { TaskRunner } from './task-runner.js';
import { IDLE_POLL_MS, TaskWorker } from './task-worker.js';

/** One attempt, unless the kind sets another limit. */
export const ATTEMPT_TIMEOUT_MS = 10_000;

/** Pause after the first failed attempt, unless the kind sets another. */
const FIRST_PAUSE_MS = 1_000;

/** Tasks of a transaction that is about to be committed. */
export interface PreparedTasks {
  tasks: readonly LeasableTask[];
  /** To be called once the transaction is committed. */
  start(): void;
  /**
   * Call it after a rollback or an unknown commit. Tasks that were inserted after all are claimed when their leases
   * end.
   */
  abandon(): void;
}

/**
 * The durable task engine. A task is inserted by the transaction that makes it necessary, so it exists exactly when that
 * transaction has committed. It is repeated until it succeeds or is out of attempts; then it is dead and blocks its lane
 * until a person retries it or writes it off.
 */
@Injectable()
export class Tasks implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly runners = new Map<string, TaskRunner>();
  private worker: TaskWorker | undefined;
  private stopped: Promise<void> | undefined;

  constructor(
    private readonly repository: TaskRepository,
    private readonly ofOrder: OrderTasksRepository,
    private readonly settings: Settings,
    private readonly outage: DatabaseOutage,
    private readonly loops: BackgroundLoops,
  ) {}

  /** Registers the handler of a kind. */
  register<Payload extends object>(
    { name }: TaskKind<Payload>,
    handler: TaskHandler<Payload>,
    policy: Partial<TaskPolicy> = {},
  ): void {
    const defaults = {
      maxConcurrency: CONNECTIONS_PER_ORIGIN,
      attemptTimeoutMs: ATTEMPT_TIMEOUT_MS,
      maxAttempts: this.maxAttempts,
      firstPauseMs: FIRST_PAUSE_MS,
      maxPauseMs: this.settings.JOB_RETRY_MAX_SECONDS * 1_000,
      claimIntervalMs: 0,
      gate: () => Infinity,
      isKept: true,
    };
    this.runners.set(name, new TaskRunner(name, handler as TaskHandler<object>, { ...defaults, ...policy }));
    this.worker?.wake();
  }

  /** Leaves the tasks of a kind where they are; running attempts end first. A kind does not come back. */
  unregister({ name }: TaskKind): void {
    this.runners.get(name)?.close(() => this.runners.delete(name));
  }

  /** To be called when the gate of a kind opens. */
  wake(): void {
    this.worker?.wake();
  }

  /**
   * Prepares tasks whose lanes are certainly empty. Where there is room, this process takes the first lease with the insert
   * and runs the task from memory after the commit, without a claim. If it dies before, the lease ends and any instance
   * claims the task.
   */
  prepareFirst(tasks: readonly NewTask[]): PreparedTasks {
    return this.prepare(
      tasks.map((task) => this.reserve(task)),
      performance.now(),
    );
  }

  /** Prepares a task that the caller runs itself after the commit, under a lease of its own. */
  prepareLeased(task: NewTask, leaseMs: number): { task: LeasableTask; lease: LeasedTask } {
    const prepared = { ...this.withLimit(task), leaseMs };
    return { task: prepared, lease: firstLeaseOf(prepared) };
  }

  insertFirst(tasks: readonly LeasableTask[]): Statement[] {
    return this.repository.insertFirst(tasks);
  }

  /** Inserts tasks as part of a transaction that has locked their order. */
  async insert(transaction: Sql, tasks: readonly NewTask[]): Promise<void> {
    await this.repository.insertBehind(
      transaction,
      tasks.map((task) => ({ ...this.withLimit(task), leaseMs: undefined })),
    );
    this.worker?.wake();
  }

  /**
   * Inserts tasks as part of a transaction that lets no other one insert into their lanes. As with `prepareFirst`, this process
   * takes the first lease of those that are the first of their lanes.
   */
  async insertLeased(transaction: Sql, tasks: readonly NewTask[]): Promise<PreparedTasks> {
    const preparedAt = performance.now();
    const wanted = tasks.map((task) => this.reserve(task));
    let leased = new Set<string>();
    try {
      leased = await this.repository.insertBehind(transaction, wanted);
    } finally {
      this.release(wanted.filter(({ id }) => !leased.has(id)));
    }
    return this.prepare(
      wanted.map((task) => (leased.has(task.id) ? task : { ...task, leaseMs: undefined })),
      preparedAt,
    );
  }

  /** Inserts a task unless its lane has one that is not finished; within a transaction where there is one. */
  async insertUnlessOpen(task: NewTask, transaction?: Sql): Promise<void> {
    await this.ofOrder.insertIntoEmptyLane(this.withLimit(task), transaction);
    this.worker?.wake();
  }

  /** Deletes tasks that orders do not need any more. An attempt that is running finds its lease lost. */
  removals(tasks: readonly TasksOfOrder[]): Statement[] {
    return this.repository.removals(tasks);
  }

  /** The state of the first task in a lane of an order; undefined where it has none. */
  async stateOf(orderId: string, kind: TaskKind): Promise<TaskState | undefined> {
    return this.ofOrder.findState(orderId, kind);
  }

  async claim(kind: TaskKind, orderId: string, leaseMs: number): Promise<LeasedTask | undefined> {
    return this.repository.claimOne(kind, orderId, leaseMs);
  }

  complete(leases: readonly Lease[]): Statement[] {
    return this.repository.complete(leases);
  }

  async postpone(lease: Lease, pauseMs: number): Promise<void> {
    await this.repository.postpone(lease, pauseMs);
  }

  /** Ends the lease of a task that succeeded and runs again after a pause. @returns false if the lease was lost */
  async restart(transaction: Sql, lease: Lease, pauseMs: number): Promise<boolean> {
    return this.repository.restart(transaction, lease, pauseMs);
  }

  async lock(transaction: Sql, lease: Lease): Promise<boolean> {
    return this.repository.lock(transaction, [lease]);
  }

  /** @returns false if one of the leases was lost */
  async lockAll(transaction: Sql, leases: readonly Lease[]): Promise<boolean> {
    return this.repository.lock(transaction, leases);
  }

  /** Gives the dead tasks of orders as many attempts again. @returns how many there were */
  async retryDead(
    transaction: Sql,
    kind: TaskKind,
    orderIds: readonly string[],
    leaseVersion?: number,
  ): Promise<number> {
    this.worker?.wake();
    const moreAttempts = this.maxAttemptsOf(kind);
    return this.repository.retryDead(transaction, kind.name, orderIds, moreAttempts, leaseVersion);
  }

  /** Makes a task that waits for its next attempt due. @returns false when it does not wait for one */
  async hurry(orderId: string, id: string): Promise<boolean> {
    const isDue = await this.repository.hurry(orderId, id);
    if (isDue) this.worker?.wake();
    return isDue;
  }

  /** Makes the tasks of a kind due that wait for their next attempts, as when the service that they call is back. */
  async hurryAll({ name }: TaskKind): Promise<void> {
    await this.repository.hurryAll(name);
    this.worker?.wake();
  }

  /** Gives up the dead task of an order. @returns whether there was one */
  async writeOffDead(
    transaction: Sql,
    kind: TaskKind,
    orderId: string,
    leaseVersion?: number,
  ): Promise<boolean> {
    return this.repository.deleteDead(transaction, kind, orderId, leaseVersion);
  }

  onApplicationBootstrap(): void {
    const loop = this.loops.add('tasks', { pauseMs: IDLE_POLL_MS });
    this.worker = new TaskWorker(this.repository, this.runners, this.outage, loop);
  }

  /** Stops claiming tasks, while running ones and requests that insert new ones continue. */
  onModuleDestroy(): void {
    this.stopped = this.worker?.stop();
  }

  /** Before the connections that the running tasks need are closed. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.stopped;
  }

  private get maxAttempts(): number {
    return this.settings.JOB_RETRY_LIMIT + 1;
  }

  private maxAttemptsOf({ name }: TaskKind): number {
    return this.runners.get(name)?.policy.maxAttempts ?? this.maxAttempts;
  }

  /** Takes the first lease where there is room for an attempt. */
  private reserve(task: NewTask): LeasableTask {
    const runner = this.runners.get(task.kind.name);
    const isDue = task.delayMs === undefined;
    const isLeased = isDue && this.worker?.isStopping === false && runner?.tryReserve() === true;
    return { ...this.withLimit(task), leaseMs: isLeased ? runner.leaseMs : undefined };
  }

  private release(tasks: readonly LeasableTask[]): void {
    for (const { kind, leaseMs } of tasks) if (leaseMs !== undefined) this.runners.get(kind.name)?.release();
  }

  private prepare(tasks: readonly LeasableTask[], preparedAt: number): PreparedTasks {
    return {
      tasks,
      start: () => {
        for (const task of tasks)
          if (task.leaseMs === undefined) this.worker?.wake();
          else this.worker?.start(firstLeaseOf(task), preparedAt);
      },
      abandon: () => this.release(tasks),
    };
  }

  private withLimit(task: NewTask): LimitedTask {
    return { ...task, maxAttempts: this.maxAttemptsOf(task.kind) };
  }
}

/** The lease that the insert of a task took. */
function firstLeaseOf({ kind, payload, ...task }: LeasableTask): LeasedTask {
  const { name, lane } = kind;
  return { ...task, kind: name, lane, payload: { ...payload }, leaseVersion: 1, attempts: 1 };
}
