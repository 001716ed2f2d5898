import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { EXPIRED } from '../../src/platform/jobs/job-expiry.js';
import { JobTurns, TAKE } from '../../src/platform/jobs/job-turns.js';
import { openJobs, QUEUE, stepsOf, type TestJobs } from './job-database.js';

const BACKLOG = 100_000;

/** What a look at a short queue reads, for comparison, and how much more it may be where very many wait. */
const SHORT = 1_000;
const MORE = 2;

let jobs: TestJobs;

beforeEach(async () => {
  jobs = await openJobs();
});
afterEach(() => jobs.close());

/** Jobs by the number n: of which state, of which key. */
async function fill(count: number, key: string, state: string, since = '0'): Promise<void> {
  await jobs.query(
    `INSERT INTO pgboss.job (name, singleton_key, policy, data, state, created_on, retry_limit)
     SELECT $1, ${key}, 'key_strict_fifo', '{}', ${state}::pgboss.job_state,
       now() - interval '1 day' + (${since} + n) * interval '1 millisecond', 0
     FROM generate_series(1, $2::int) n`,
    [QUEUE, count],
  );
}

/** The pages of the database that a statement reads, however it is planned. */
async function pagesOf(
  statement: string,
  values: string,
  plan: 'force_custom_plan' | 'force_generic_plan',
): Promise<number> {
  const client = new Client(jobs.database.url);
  await client.connect();
  try {
    await client.query(`BEGIN; SET LOCAL plan_cache_mode = ${plan}`);
    await client.query(`PREPARE look AS ${statement}`);
    const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
      `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE look (${values})`,
    );
    const node = rows[0]?.['QUERY PLAN'][0].Plan;
    return (node?.['Shared Hit Blocks'] ?? NaN) + (node?.['Shared Read Blocks'] ?? NaN);
  } finally {
    await client.end();
  }
}

const pagesOfLook = (plan: Parameters<typeof pagesOf>[2]): Promise<number> =>
  pagesOf(TAKE, `'${QUEUE}', '-infinity', 256, '{}', 128`, plan);

describe('where very many jobs wait', () => {
  it.each([
    ['each of a key of its own', `'k' || n`, `'created'`],
    ['all of one key', `'k'`, `'created'`],
    [
      'each behind one that ran out of attempts',
      `'k' || (n + 1) / 2`,
      `CASE n % 2 WHEN 0 THEN 'failed' ELSE 'created' END`,
    ],
  ])(
    'a look reads as little as where few do: %s',
    async (_, key, state) => {
      await fill(SHORT, key, state);
      const few = await pagesOfLook('force_custom_plan');
      await fill(BACKLOG, `'more' || ${key}`, state, `${SHORT}`);
      // Before the database has counted what came, and after.
      for (const statement of ['SELECT 1', 'ANALYZE pgboss.job']) {
        await jobs.query(statement);
        expect(await pagesOfLook('force_custom_plan')).toBeLessThan(few * MORE);
        expect(await pagesOfLook('force_generic_plan')).toBeLessThan(few * MORE);
      }
    },
    60_000,
  );

  /** So many that a round takes several looks. */
  const BLOCKED = 20_000;
  const blocked = [`'b' || (n + 1) / 2`, `CASE n % 2 WHEN 0 THEN 'failed' ELSE 'created' END`] as const;

  it('one whose turn it is comes after a bounded number of looks, behind all those whose turn it is not', async () => {
    await fill(BLOCKED, ...blocked);
    await jobs.send('k', 1);
    const turns = new JobTurns(jobs.boss.getDb(), QUEUE);
    const sizes: number[] = [];
    for (let isUnfinished = true; isUnfinished;) {
      const look = await turns.take(10, []);
      isUnfinished = look.isUnfinished;
      sizes.push(look.jobs.length);
    }
    expect(sizes.at(-1)).toBe(1);
    expect(sizes.slice(0, -1).every((size) => size === 0)).toBe(true);
    expect(sizes.length).toBeGreaterThan(3);
    expect(sizes.length).toBeLessThan(20);
  });

  it('the next job of a key is found as soon as the one before it is done, without looking at the others', async () => {
    await jobs.send('k', 1, 2);
    await jobs.query(`UPDATE pgboss.job SET created_on = created_on - interval '2 days'`);
    await fill(BLOCKED, ...blocked);
    const turns = new JobTurns(jobs.boss.getDb(), QUEUE);
    const first = await turns.take(1, []);
    expect(stepsOf(first.jobs)).toEqual([1]);
    while ((await turns.take(10, [])).isUnfinished);
    await jobs.boss.complete(QUEUE, first.jobs);
    expect((await turns.take(10, [])).jobs).toEqual([]);
    const second = await turns.take(10, ['k']);
    expect([stepsOf(second.jobs), second.isUnfinished]).toEqual([[2], false]);
  });
});

it('where very many jobs are done, those that took too long are found without reading these', async () => {
  await fill(SHORT, `'k' || n`, `'completed'`);
  const few = await pagesOf(EXPIRED, `'${QUEUE}'`, 'force_custom_plan');
  await fill(BACKLOG, `'more' || n`, `'completed'`, `${SHORT}`);
  for (const statement of ['SELECT 1', 'ANALYZE pgboss.job']) {
    await jobs.query(statement);
    expect(await pagesOf(EXPIRED, `'${QUEUE}'`, 'force_custom_plan')).toBeLessThan(few * MORE);
    expect(await pagesOf(EXPIRED, `'${QUEUE}'`, 'force_generic_plan')).toBeLessThan(few * MORE);
  }
}, 60_000);
