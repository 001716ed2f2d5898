import { randomUUID } from 'node:crypto';
import { DataSource } from 'typeorm';
import { BackgroundLoop } from '../../src/platform/background-loops.js';
import { dataSourceOptions } from '../../src/platform/database/data-source.js';
import { DatabaseOutage } from '../../src/platform/database/database-outage.js';
import { inTransaction } from '../../src/platform/database/transaction.js';
import type { LeasedTask, TaskHandler, TaskPolicy } from '../../src/tasks/task-kind.js';
import type { LimitedTask } from '../../src/tasks/task-inserts.js';
import { type FinishedTask, TaskRepository } from '../../src/tasks/task.repository.js';
import { TaskRunner } from '../../src/tasks/task-runner.js';
import { TaskWorker } from '../../src/tasks/task-worker.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { queryDatabase } from '../support/invariants.js';

export const KIND = { name: 'test', lane: 'lane' };

/** Two attempts, without backoff. */
export const POLICY: TaskPolicy = {
  maxConcurrency: 128,
  attemptTimeoutMs: 10_000,
  maxAttempts: 2,
  firstPauseMs: 0,
  maxPauseMs: 0,
  claimIntervalMs: 0,
  gate: () => Infinity,
  isKept: true,
};

/** The limit of a claim that takes every due task. */
export const ANY = { kind: KIND.name, limit: 100, leaseMs: 15_000 };

/** The task engine of one service instance. */
export interface Instance {
  dataSource: DataSource;
  repository: TaskRepository;
  /** Starts a worker, which `close` stops. */
  work(handler: TaskHandler<object>, policy?: Partial<TaskPolicy>): TaskWorker;
}

export interface TaskDatabase {
  database: TestDatabase;
  start(): Promise<Instance>;
  query<Row>(text: string, values?: unknown[]): Promise<Row[]>;
  countIn(state: 'ready' | 'blocked' | 'dead'): Promise<number>;
  countFinished(): Promise<number>;
  close(): Promise<void>;
}

export function taskOf(orderId: string, seq: number): LimitedTask {
  return {
    id: randomUUID(),
    kind: KIND,
    orderId,
    seq,
    payload: {},
    context: {},
    maxAttempts: POLICY.maxAttempts,
  };
}

/** Inserts tasks of a lane, each in a separate transaction. */
export async function insert(
  { dataSource, repository }: Instance,
  orderId: string,
  ...seqs: number[]
): Promise<void> {
  for (const seq of seqs)
    await inTransaction(dataSource, (transaction) =>
      repository.insertBehind(transaction, [{ ...taskOf(orderId, seq), leaseMs: undefined }]),
    );
}

export const newOrderId = (): string => randomUUID();
/** Tasks that succeeded, for the delivery history. */
export const kept = (tasks: readonly LeasedTask[]): FinishedTask[] =>
  tasks.map((task) => ({ ...task, isKept: true }));
export const seqsOf = (tasks: readonly LeasedTask[]): number[] => tasks.map(({ seq }) => seq);

export async function openTaskDatabase(): Promise<TaskDatabase> {
  const database = await createTestDatabase();
  const sources: DataSource[] = [];
  const workers: TaskWorker[] = [];
  const query = <Row>(text: string, values?: unknown[]) => queryDatabase<Row>(database.url, text, values);
  const count = async (text: string, ...values: unknown[]): Promise<number> =>
    (await query<{ count: number }>(`SELECT count(*)::int AS count FROM ${text}`, values))[0]?.count ?? 0;
  return {
    database,
    query,
    countIn: (state) => count('tasks WHERE state = $1', state),
    countFinished: () => count('deliveries'),
    start: async () => {
      const settings = { DATABASE_URL: database.url, DATABASE_TLS: 'off', DATABASE_POOL_SIZE: 4 } as const;
      const dataSource = await new DataSource(await dataSourceOptions(settings)).initialize();
      sources.push(dataSource);
      const repository = new TaskRepository(dataSource);
      return {
        dataSource,
        repository,
        work: (handler, policy = {}) => {
          const runner = new TaskRunner(KIND.name, handler, { ...POLICY, ...policy });
          const loop = new BackgroundLoop('tasks', { pauseMs: 0 });
          const runners = new Map([[KIND.name, runner]]);
          const worker = new TaskWorker(repository, runners, new DatabaseOutage(), loop);
          workers.push(worker);
          return worker;
        },
      };
    },
    close: async () => {
      await Promise.all(workers.map((worker) => worker.stop()));
      await Promise.all(sources.map((source) => source.destroy()));
      await database.drop();
    },
  };
}
