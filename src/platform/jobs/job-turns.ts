import type { PgBoss } from 'pg-boss';

/** A job that this process has taken, for one attempt. */
export interface TakenJob {
  id: string;
  /** Its queue. */
  name: string;
  key: string;
  data: object;
  /** How many attempts there were before; with the id it names this one. */
  retryCount: number;
}

/** What a look at a queue gave. */
export interface Look {
  jobs: TakenJob[];
  /** Whether the look was a part of a longer one, which the next look goes on with. */
  isUnfinished: boolean;
}

/**
 * How many waiting jobs a look reads at first, for each one that it wants: another instance may just be taking as many. One
 * that found fewer than it wanted lets the next one read twice as many as it did itself.
 */
const READ_FOR_EACH = 2;
const LEAST_READ = 64;

/** Some 20 ms of the database's time. */
const MOST_READ = 4_096;

/** A whole round begins again after this many times the time that the last one took: it may take a tenth of a processor. */
const ROUND_PAUSE_FACTOR = 10;

/** The pause at most, so that a round which the database made wait is not made up for by minutes without one. */
const ROUND_PAUSE_MAX_MS = 10_000;

const FROM_THE_BEGINNING = '-infinity';

/**
 * Codes of a look that met another one's: two jobs of a key seemed to be next, to each one of them, because the transaction
 * that sent one of them was not over when the other was taken. The index that allows one a key decides who was first.
 */
const MET_ANOTHER = new Set(['23505', '40P01']);

/**
 * Takes jobs whose turn it is: of all waiting jobs from a time on, a number; then, of their keys and of the keys given,
 * the one job whose turn it is. That is the one that is under way, is to be repeated or ran out of attempts, of which an
 * index of pg-boss allows one a key (and if it does not wait for anything, it is taken), else the first of those that
 * wait, in the order that pg-boss gives them too. Both are found by an index, and as subqueries that the planner cannot
 * turn into a join that would read all there are. The service sends all jobs with the same priority.
 *
 * What was taken, done or deleted since the statement began is skipped when it is locked, where its state is read again:
 * as text, since otherwise, as long as the database has not counted them, the index of all that wait would seem to fit.
 *
 * $1 queue, $2 from when on, $3 how many to read, $4 keys, $5 how many to take. At least one row, with a look's results.
 */
export const TAKE = `
WITH read AS MATERIALIZED (
  SELECT j.singleton_key, j.created_on FROM pgboss.job j
  WHERE j.name = $1 AND j.state < 'active' AND NOT j.blocked AND j.policy = 'key_strict_fifo'
    AND j.priority = 0 AND j.created_on >= $2::timestamptz AND j.start_after <= pgboss.job_now()
  ORDER BY j.created_on LIMIT $3
), keys AS MATERIALIZED (
  SELECT singleton_key AS key FROM read UNION SELECT unnest($4::text[])
), turns AS MATERIALIZED (
  SELECT coalesce(
    (SELECT b.id FROM pgboss.job b
     WHERE b.name = $1 AND b.singleton_key = keys.key AND b.state IN ('active', 'retry', 'failed')
       AND b.policy = 'key_strict_fifo' LIMIT 1),
    (SELECT h.id FROM pgboss.job h
     WHERE h.name = $1 AND h.singleton_key = keys.key AND h.state < 'active' AND NOT h.blocked
       AND h.policy = 'key_strict_fifo' AND h.start_after <= pgboss.job_now()
     ORDER BY h.state DESC, h.created_on, h.id LIMIT 1)) AS id
  FROM keys
), next AS MATERIALIZED (
  SELECT j.id FROM pgboss.job j
  WHERE j.name = $1 AND j.id = ANY (ARRAY(SELECT id FROM turns))
    AND j.state::text IN ('created', 'retry') AND NOT j.blocked AND j.start_after <= pgboss.job_now()
  ORDER BY j.created_on LIMIT $5
  FOR UPDATE SKIP LOCKED
), taken AS (
  UPDATE pgboss.job j SET state = 'active', started_on = pgboss.job_now(), heartbeat_on = pgboss.job_now(),
    retry_count = CASE WHEN started_on IS NOT NULL THEN retry_count + 1 ELSE retry_count END
  WHERE j.name = $1 AND j.id = ANY (ARRAY(SELECT id FROM next))
  RETURNING j.id, j.name, j.singleton_key AS key, j.data, j.retry_count AS "retryCount"
)
SELECT seen.*, taken.*
FROM (SELECT count(*)::int AS "countRead", max(created_on)::text AS "lastRead",
        (pgboss.job_now() - interval '2 seconds')::text AS recently FROM read) seen
  LEFT JOIN taken ON true`;

/**
 * Puts attempts that were not begun back, as if they had not been taken: the claim after it does not count them. Until
 * then each keeps its key, in the state of a job that is to be repeated, so that no other one can come before it.
 *
 * $1 queue, $2 ids, $3 attempts as `id:retry_count`
 */
const PUT_BACK = `
UPDATE pgboss.job SET state = 'retry', started_on = NULL, heartbeat_on = NULL
WHERE name = $1 AND id = ANY ($2::uuid[]) AND state = 'active' AND (id::text || ':' || retry_count) = ANY ($3::text[])`;

/** A row of TAKE; its job is null when nothing was taken. */
type TakeRow = { countRead: number; lastRead: string | null; recently: string } & (
  TakenJob | { [Member in keyof TakenJob]: null }
);

/**
 * Finds the jobs of a queue whose turn it is, in time that depends on how many are wanted, not on how many wait.
 *
 * Many may wait whose turn it is not: behind one that ran out of attempts, or will be repeated later. So a look reads a
 * bounded number of jobs, and the next one goes on from there until the end of the queue is reached: a round. After it, looks
 * read what was sent lately, until enough time has passed for the next round. What a round would find late is the next
 * job of a key whose last one has just been done; the caller says which keys these are, and they are looked at by name.
 */
export class JobTurns {
  private from = FROM_THE_BEGINNING;
  private toRead = LEAST_READ;
  /** Of fruitless looks of this round; nothing while there is no round. */
  private roundMs: number | undefined = 0;
  private nextRoundAt = 0;

  constructor(
    private readonly database: ReturnType<PgBoss['getDb']>,
    private readonly queue: string,
  ) {}

  /** @param freedKeys those whose last job this process has done since the last look */
  async take(limit: number, freedKeys: readonly string[]): Promise<Look> {
    const startedAt = performance.now();
    if (this.roundMs === undefined && startedAt >= this.nextRoundAt) {
      this.from = FROM_THE_BEGINNING;
      this.roundMs = 0;
    }
    this.toRead = Math.max(this.toRead, limit * READ_FOR_EACH);
    const rows = await this.query(limit, freedKeys);
    const jobs = rows.filter((row) => row.id !== null);
    const seen = rows[0];
    if (!seen) return { jobs: [], isUnfinished: false };
    const isUnfinished = this.goOn(seen, jobs.length === limit, performance.now() - startedAt);
    return {
      jobs: jobs.map(({ id, name, key, data, retryCount }) => ({ id, name, key, data, retryCount })),
      isUnfinished,
    };
  }

  /** Gives up attempts that have not begun. */
  async putBack(jobs: readonly TakenJob[]): Promise<void> {
    const attempts = jobs.map(({ id, retryCount }) => `${id}:${retryCount}`);
    await this.database.executeSql(PUT_BACK, [this.queue, jobs.map(({ id }) => id), attempts]);
  }

  private async query(limit: number, keys: readonly string[]): Promise<TakeRow[]> {
    try {
      const { rows } = await this.database.executeSql(TAKE, [
        this.queue,
        this.from,
        this.toRead,
        keys,
        limit,
      ]);
      return rows as TakeRow[];
    } catch (error) {
      if (error instanceof Error && 'code' in error && MET_ANOTHER.has(String(error.code))) return [];
      throw error;
    }
  }

  /** @returns whether the next look goes on with what this one began */
  private goOn({ countRead, lastRead, recently }: TakeRow, isFull: boolean, tookMs: number): boolean {
    // What was taken is gone, so that the same look finds the next ones.
    if (isFull) {
      this.toRead = LEAST_READ;
      return true;
    }
    if (this.roundMs !== undefined) this.roundMs += tookMs;
    if (countRead < this.toRead || lastRead === null) {
      if (this.roundMs !== undefined)
        this.nextRoundAt =
          performance.now() + Math.min(ROUND_PAUSE_FACTOR * this.roundMs, ROUND_PAUSE_MAX_MS);
      this.roundMs = undefined;
      // Jobs bear the time at which their transaction began. What one that takes longer sends is found by the next round.
      this.from = recently;
      this.toRead = LEAST_READ;
      return false;
    }
    // Jobs of one time, of which there may be more than one look reads, are passed by reading more.
    const isStuck = lastRead === this.from;
    this.toRead = isStuck ? this.toRead * 2 : Math.min(this.toRead * 2, MOST_READ);
    this.from = lastRead;
    return true;
  }
}
