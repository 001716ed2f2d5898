import type { PgBoss } from 'pg-boss';

/**
 * Attempts that took too long: mostly those of processes that died. Read off the index of pg-boss that allows a key one job
 * that is under way, is to be repeated or ran out of attempts.
 *
 * $1 queue
 */
export const EXPIRED = `
SELECT id, retry_count AS "retryCount" FROM pgboss.job
WHERE name = $1 AND state = 'active' AND policy = 'key_strict_fifo'
  AND started_on + expire_seconds * interval '1 second' < pgboss.job_now()`;

/**
 * Lets the jobs of a queue be repeated whose attempt took too long. pg-boss does so too, but reads all jobs for it, those that
 * were done long ago as well. One that ends in this moment is left alone: an attempt is settled once.
 *
 * @returns how many there were
 */
export async function repeatExpired(boss: PgBoss, queue: string): Promise<number> {
  const { rows } = await boss.getDb().executeSql(EXPIRED, [queue]);
  const attempts = rows as { id: string; retryCount: number }[];
  if (attempts.length > 0)
    await boss.fail(queue, attempts, { message: 'took too long, or its process died' });
  return attempts.length;
}
