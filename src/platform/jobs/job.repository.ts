import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { runAll, type Sql } from '../database/connection.js';
import type { Statement } from '../database/statement-message.js';

/** A job that ran out of attempts. */
export interface DeadJob {
  id: string;
  key: string;
  payload: Record<string, unknown>;
  /** Why the last attempt failed. */
  reason: string | null;
  failedAt: Date;
}

/** What waits in a queue: jobs that were sent and are not done, those that will be repeated among them. */
export interface QueueBacklog {
  queue: string;
  waiting: number;
  /** When the oldest of them was sent; null where there is none. */
  oldest: Date | null;
}

/** How many things there are, and since when the oldest has been there. */
export interface Tally {
  count: number;
  oldest: Date | null;
}

/**
 * The statements on the tables of pg-boss that pg-boss itself has no call for: about jobs that ran out of attempts, and
 * about what waits. They were written for the release that package.json pins; test/e2e/operations.spec.ts would notice a change.
 */
@Injectable()
export class JobRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Sends jobs outside of any transaction. */
  async insert(statements: readonly Statement[]): Promise<void> {
    await runAll(this.dataSource, statements);
  }

  /** Jobs that ran out of attempts, by key. At most one a key, since it holds back those behind it. */
  async findDead(queue: string, fromKey: string, limit: number): Promise<DeadJob[]> {
    return this.dataSource.query<DeadJob[]>(
      `SELECT id, singleton_key AS key, data AS payload,
         coalesce(output->>'message', output->'value'->>'message') AS reason, completed_on AS "failedAt"
       FROM pgboss.job WHERE name = $1 AND state = 'failed' AND singleton_key >= $2
       ORDER BY singleton_key LIMIT $3`,
      [queue, fromKey, limit],
    );
  }

  async countDead(queue: string): Promise<Tally> {
    const [row] = await this.dataSource.query<Tally[]>(
      `SELECT count(*)::int AS count, min(completed_on) AS oldest
       FROM pgboss.job WHERE name = $1 AND state = 'failed'`,
      [queue],
    );
    return row ?? { count: 0, oldest: null };
  }

  /** The jobs that ran out of attempts among those of some keys. @returns their ids by key */
  async findDeadByKey(
    queue: string,
    keys: readonly string[],
    sql: Sql = this.dataSource,
  ): Promise<Map<string, string>> {
    const rows = await sql.query<{ key: string; id: string }[]>(
      `SELECT singleton_key AS key, id FROM pgboss.job
       WHERE name = $1 AND state = 'failed' AND singleton_key = ANY ($2)`,
      [queue, keys],
    );
    return new Map(rows.map((row) => [row.key, row.id]));
  }

  /** Which of the keys have a job that is being done or will be. Two halves, each served by an index of pg-boss. */
  async findOpenKeys(queue: string, keys: readonly string[]): Promise<Set<string>> {
    const rows = await this.dataSource.query<{ key: string }[]>(
      `SELECT singleton_key AS key FROM pgboss.job
       WHERE name = $1 AND singleton_key = ANY ($2) AND state < 'active' AND NOT blocked
         AND policy = 'key_strict_fifo'
       UNION
       SELECT singleton_key FROM pgboss.job
       WHERE name = $1 AND singleton_key = ANY ($2) AND state IN ('active', 'retry', 'failed')
         AND state <> 'failed' AND policy = 'key_strict_fifo'`,
      [queue, keys],
    );
    return new Set(rows.map((row) => row.key));
  }

  /** Makes jobs that ran out of attempts be tried again, at once. @returns how many still were such */
  async redrive(sql: Sql, queue: string, jobIds: readonly string[], attempts: number): Promise<number> {
    // The attempts are counted on, so that the count still says how often the job was tried in all.
    const [, affected] = await sql.query<[unknown, number]>(
      `UPDATE pgboss.job SET state = 'retry', retry_limit = retry_count + $3, start_after = now(), completed_on = NULL
       WHERE name = $1 AND state = 'failed' AND id = ANY ($2)`,
      [queue, jobIds, attempts],
    );
    return affected;
  }

  /** Gives up jobs that ran out of attempts; those behind them are free. @returns how many still were such */
  async deleteDead(sql: Sql, queue: string, jobIds: readonly string[]): Promise<number> {
    const [, affected] = await sql.query<[unknown, number]>(
      `DELETE FROM pgboss.job WHERE name = $1 AND state = 'failed' AND id = ANY ($2)`,
      [queue, jobIds],
    );
    return affected;
  }

  /** What waits in each queue: entries of the index by which pg-boss fetches, of which the oldest is the first. */
  async measureBacklogs(): Promise<QueueBacklog[]> {
    return this.dataSource.query<QueueBacklog[]>(
      `SELECT q.name AS queue,
         (SELECT count(*)::int FROM pgboss.job j WHERE j.name = q.name AND j.state < 'active' AND NOT j.blocked) AS waiting,
         (SELECT j.created_on FROM pgboss.job j WHERE j.name = q.name AND j.state < 'active' AND NOT j.blocked
          ORDER BY j.priority DESC, j.created_on LIMIT 1) AS oldest
       FROM pgboss.queue q WHERE q.policy = 'key_strict_fifo' ORDER BY q.name`,
    );
  }
}
