import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

/** How a job stands: `waiting` for its first or its next attempt. */
export type JobStanding = 'waiting' | 'under_way' | 'done' | 'failed';

/** One job, for people. */
export interface JobReport {
  id: string;
  queue: string;
  payload: Record<string, unknown>;
  standing: JobStanding;
  attempts: number;
  /** Why the last attempt failed; null where none did or a later one succeeded. */
  lastError: string | null;
  createdAt: Date;
  /** When it was done, or ran out of attempts. */
  completedAt: Date | null;
  /** When it is tried again; null where it is not waiting for that. */
  nextAttemptAt: Date | null;
}

const REPORT = `id, name AS queue, data AS payload,
  CASE state WHEN 'active' THEN 'under_way' WHEN 'completed' THEN 'done' WHEN 'failed' THEN 'failed' ELSE 'waiting' END
    AS standing,
  CASE WHEN started_on IS NULL THEN 0 ELSE retry_count + 1 END AS attempts,
  CASE WHEN state IN ('retry', 'failed') THEN coalesce(output->>'message', output->'value'->>'message') END AS "lastError",
  created_on AS "createdAt", completed_on AS "completedAt",
  CASE WHEN state = 'retry' THEN start_after END AS "nextAttemptAt"`;

/** What people are told of jobs, in the tables of pg-boss: see job.repository.ts. */
@Injectable()
export class JobReportsRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** The jobs of a key, oldest first; those that were done as long as they are kept. Each part is read off an index. */
  async findByKey(queues: readonly string[], key: string, limit: number): Promise<JobReport[]> {
    return this.dataSource.query<JobReport[]>(
      `SELECT ${REPORT} FROM (
         SELECT * FROM pgboss.job WHERE name = ANY ($1) AND singleton_key = $2 AND state < 'active' AND NOT blocked
           AND policy = 'key_strict_fifo'
         UNION ALL
         SELECT * FROM pgboss.job WHERE name = ANY ($1) AND singleton_key = $2 AND state IN ('active', 'retry', 'failed')
           AND state <> 'retry' AND policy = 'key_strict_fifo'
         UNION ALL
         SELECT * FROM pgboss.job WHERE name = ANY ($1) AND singleton_key = $2 AND state = 'completed'
       ) jobs ORDER BY created_on, id LIMIT $3`,
      [queues, key, limit],
    );
  }

  /** Makes a job that waits to be repeated be tried at once. @returns whether it did */
  async hurry(queue: string, id: string): Promise<boolean> {
    const [, affected] = await this.dataSource.query<[unknown, number]>(
      `UPDATE pgboss.job SET start_after = now() WHERE name = $1 AND id = $2 AND state = 'retry'`,
      [queue, id],
    );
    return affected === 1;
  }
}
