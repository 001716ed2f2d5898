import { PgBoss } from 'pg-boss';
import { jobDatabaseOptions } from '../../src/platform/jobs/job-schema.js';
import type { TakenJob } from '../../src/platform/jobs/job-turns.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { queryDatabase } from '../support/invariants.js';

/** The queue of a test; its jobs are tried twice, the second time at once. */
export const QUEUE = 'q';

/** A database with a queue, and what tests do with it. */
export interface TestJobs {
  database: TestDatabase;
  boss: PgBoss;
  /** Another instance on the same database. */
  startBoss(): Promise<PgBoss>;
  query<Row>(text: string, values?: unknown[]): Promise<Row[]>;
  /** Sends the steps of a key, each in a transaction of its own, as the jobs of one are of one time. */
  send(key: string, ...steps: number[]): Promise<void>;
  countIn(state: string): Promise<number>;
  close(): Promise<void>;
}

/** What a job of a test holds. */
export const stepOf = (payload: object) => payload as { key: string; step: number };
export const stepsOf = (jobs: readonly TakenJob[]) => jobs.map(({ data }) => stepOf(data).step);

export async function openJobs(): Promise<TestJobs> {
  const database = await createTestDatabase();
  const bosses: PgBoss[] = [];
  const startBoss = async (): Promise<PgBoss> => {
    const settings = { DATABASE_URL: database.url, DATABASE_TLS: 'off', DATABASE_POOL_SIZE: 1 } as const;
    const boss = new PgBoss({ ...jobDatabaseOptions(settings), migrate: false, supervise: false });
    bosses.push(boss);
    return boss.start();
  };
  const boss = await startBoss();
  const retries = { retryLimit: 1, retryDelay: 0, retryBackoff: false };
  await boss.createQueue(QUEUE, { policy: 'key_strict_fifo', expireInSeconds: 15, ...retries });
  const query = <Row>(text: string, values?: unknown[]) => queryDatabase<Row>(database.url, text, values);
  return {
    database,
    boss,
    startBoss,
    query,
    send: async (key, ...steps) => {
      for (const step of steps) await boss.insert(QUEUE, [{ singletonKey: key, data: { key, step } }]);
    },
    countIn: async (state) => {
      const text = 'SELECT count(*)::int AS count FROM pgboss.job WHERE state::text = $1';
      return (await query<{ count: number }>(text, [state]))[0]?.count ?? 0;
    },
    close: async () => {
      await Promise.all(bosses.map((started) => started.stop({ graceful: true, timeout: 1_000 })));
      await database.drop();
    },
  };
}
