import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import type { PgBoss } from 'pg-boss';
import { BackgroundLoop } from '../../src/platform/background-loops.js';
import { DatabaseOutage } from '../../src/platform/database/database-outage.js';
import { repeatExpired } from '../../src/platform/jobs/job-expiry.js';
import { JobTurns } from '../../src/platform/jobs/job-turns.js';
import { type Handler, JobWorker } from '../../src/platform/jobs/job-worker.js';
import { eventually } from '../support/service.js';
import { openJobs, QUEUE, stepOf, stepsOf, type TestJobs } from './job-database.js';

/** Jobs of a worker at a time, at most. */
const MAX_CONCURRENCY = 128;

let jobs: TestJobs;
let workers: JobWorker[];

beforeAll(() => {
  jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
});
afterAll(() => {
  jest.restoreAllMocks();
});

beforeEach(async () => {
  jobs = await openJobs();
  workers = [];
});

afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  await jobs.close();
});

function work(by: PgBoss, handler: Handler): JobWorker {
  const loop = new BackgroundLoop(QUEUE, { pauseMs: 0 });
  const worker = new JobWorker(QUEUE, handler, by, new DatabaseOutage(), loop, MAX_CONCURRENCY);
  workers.push(worker);
  return worker;
}

/** Lets the jobs that are under way expire, and those that expired be repeated. */
async function expire(): Promise<void> {
  await jobs.query(`UPDATE pgboss.job SET started_on = now() - interval '1 hour' WHERE state = 'active'`);
  await repeatExpired(jobs.boss, QUEUE);
}

describe('jobs of a key', () => {
  it('are done one after another by several instances, each repetition before what comes after it', async () => {
    const [keys, steps] = [20, 6];
    const all = Array.from({ length: keys }, (_, key) => `k${key}`);
    for (let step = 0; step < steps; step += 1)
      await jobs.boss.insert(
        QUEUE,
        all.map((key) => ({ singletonKey: key, data: { key, step } })),
      );
    const [told, busy, overlaps] = [new Map<string, string[]>(), new Set<string>(), [] as string[]];
    const handler: Handler = async (payload) => {
      const { key, step } = stepOf(payload);
      if (busy.has(key)) overlaps.push(key);
      busy.add(key);
      const history = told.get(key) ?? [];
      told.set(key, history);
      await setTimeout(1);
      const fails = step % 3 === 1 && !history.includes(`${step} failed`);
      history.push(fails ? `${step} failed` : `${step}`);
      busy.delete(key);
      if (fails) throw new Error('on purpose');
    };
    for (let instance = 0; instance < 3; instance += 1) work(await jobs.startBoss(), handler);
    await eventually(async () => (await jobs.countIn('completed')) === keys * steps, 60_000);
    expect(overlaps).toEqual([]);
    const right = ['0', '1 failed', '1', '2', '3', '4 failed', '4', '5'];
    expect([...told.values()]).toEqual(all.map(() => right));
  });

  it('wait behind one that ran out of attempts until it is tried again', async () => {
    await jobs.send('k', 1, 2);
    await jobs.send('other', 3);
    let isBroken = true;
    const done: number[] = [];
    const worker = work(jobs.boss, async (payload) => {
      const { key, step } = stepOf(payload);
      if (isBroken && key === 'k') throw new Error('broken');
      done.push(step);
    });
    await eventually(async () => (await jobs.countIn('failed')) === 1 && done.includes(3));
    isBroken = false;
    worker.wake();
    await jobs.send('other', 4);
    await eventually(() => done.includes(4));
    expect(done).toEqual([3, 4]);
    await jobs.query(`UPDATE pgboss.job SET state = 'retry', completed_on = NULL WHERE state = 'failed'`);
    await eventually(async () => (await jobs.countIn('completed')) === 4);
    expect(done).toEqual([3, 4, 1, 2]);
  });

  it('wait behind one that will be repeated later', async () => {
    await jobs.send('k', 1, 2);
    const turns = new JobTurns(jobs.boss.getDb(), QUEUE);
    const first = await turns.take(10, []);
    expect(stepsOf(first.jobs)).toEqual([1]);
    await jobs.boss.fail(QUEUE, first.jobs, { message: 'no' });
    await jobs.query(`UPDATE pgboss.job SET start_after = now() + interval '1 hour' WHERE state = 'retry'`);
    expect((await turns.take(10, ['k'])).jobs).toEqual([]);
    await jobs.query(`UPDATE pgboss.job SET start_after = now() WHERE state = 'retry'`);
    const again = await turns.take(10, ['k']);
    expect(again.jobs).toMatchObject([{ id: first.jobs[0]?.id, retryCount: 1, data: { step: 1 } }]);
  });

  it('of which two were taken for the next one are taken by nobody that time', async () => {
    // The one that was sent first is seen last.
    const [late, taker] = [new Client(jobs.database.url), new JobTurns(jobs.boss.getDb(), QUEUE)];
    await late.connect();
    try {
      await late.query('BEGIN');
      const db = { executeSql: (text: string, values?: unknown[]) => late.query(text, values) };
      await jobs.boss.insert(QUEUE, [{ singletonKey: 'k', data: { step: 1 } }], { db });
      await jobs.send('k', 2);
      await late.query('COMMIT');
      await late.query('BEGIN');
      // Another instance, which does not see the first one yet, has taken the second and not yet committed.
      await late.query(
        `UPDATE pgboss.job SET state = 'active', started_on = now() WHERE data->>'step' = '2'`,
      );
      const look = taker.take(10, []);
      await setTimeout(100);
      await late.query('COMMIT');
      expect((await look).jobs).toEqual([]);
      expect(await jobs.countIn('created')).toBe(1);
    } finally {
      await late.end();
    }
  });
});

describe('an attempt', () => {
  it('is taken by one of many that look at the same time', async () => {
    await jobs.query(
      `INSERT INTO pgboss.job (name, singleton_key, policy, data)
       SELECT $1, 'k' || n, 'key_strict_fifo', '{}' FROM generate_series(1, 400) n`,
      [QUEUE],
    );
    const looks = Array.from({ length: 4 }, () => new JobTurns(jobs.boss.getDb(), QUEUE));
    const taken: string[] = [];
    await eventually(async () => {
      const found = await Promise.all(looks.map((turns) => turns.take(20, [])));
      taken.push(...found.flatMap((look) => look.jobs.map(({ id }) => id)));
      return taken.length >= 400;
    }, 30_000);
    expect(taken).toHaveLength(400);
    expect(new Set(taken).size).toBe(400);
  });

  it('of a process that died are repeated by another one, and count', async () => {
    await jobs.send('k', 1, 2);
    expect((await new JobTurns(jobs.boss.getDb(), QUEUE).take(1, [])).jobs).toMatchObject([
      { retryCount: 0 },
    ]);
    await jobs.query(`UPDATE pgboss.job SET started_on = now() - interval '1 hour' WHERE state = 'active'`);
    const done: number[] = [];
    work(jobs.boss, async (payload) => void done.push(stepOf(payload).step));
    await eventually(() => done.length === 2);
    expect(done).toEqual([1, 2]);
    const counts = `SELECT retry_count AS count FROM pgboss.job WHERE state = 'completed' ORDER BY created_on`;
    await eventually(async () => (await jobs.countIn('completed')) === 2);
    expect(await jobs.query(counts)).toEqual([{ count: 1 }, { count: 0 }]);
  });

  it('that took so long that its job was given to another process settles nothing', async () => {
    await jobs.send('k', 1);
    const ends: (() => void)[] = [];
    const handler: Handler = () => new Promise<void>((resolve) => ends.push(resolve));
    const first = work(jobs.boss, handler);
    await eventually(() => ends.length === 1);
    await expire();
    work(await jobs.startBoss(), handler);
    await eventually(() => ends.length === 2);
    const completed = jest.spyOn(jobs.boss, 'complete');
    ends[0]?.();
    await eventually(() => completed.mock.results[0]);
    expect(await completed.mock.results[0]?.value).toMatchObject({ requested: 1, affected: 0 });
    expect(await jobs.countIn('active')).toBe(1);
    ends[1]?.();
    await eventually(async () => (await jobs.countIn('completed')) === 1);
    await first.stop();
    expect(ends).toHaveLength(2);
  });

  it('that could begin only shortly before the job expires is put back and not counted', async () => {
    const client = new Client(jobs.database.url);
    await client.connect();
    const begun: number[] = [];
    await jobs.send('k', 1, 2);
    try {
      await client.query('BEGIN; LOCK TABLE pgboss.job_common IN EXCLUSIVE MODE');
      work(jobs.boss, async (payload) => void begun.push(stepOf(payload).step));
      await setTimeout(5_500);
      const putBack = jest.spyOn(JobTurns.prototype, 'putBack');
      await client.query('COMMIT');
      await eventually(() => putBack.mock.calls[0]);
      expect(putBack.mock.calls[0]?.[0]).toMatchObject([{ data: { step: 1 }, retryCount: 0 }]);
      expect(begun).toEqual([]);
      await eventually(async () => (await jobs.countIn('completed')) === 2);
    } finally {
      await client.end();
    }
    expect(begun).toEqual([1, 2]);
    expect(await jobs.query('SELECT retry_count FROM pgboss.job')).toEqual([
      { retry_count: 0 },
      { retry_count: 0 },
    ]);
  }, 20_000);

  it('is waited for when a worker stops, which then takes no more', async () => {
    await jobs.send('k', 1, 2);
    let end: (() => void) | undefined;
    const worker = work(jobs.boss, () => new Promise<void>((resolve) => (end = resolve)));
    await eventually(() => end);
    let isStopped = false;
    const stopped = worker.stop().then(() => (isStopped = true));
    await setTimeout(100);
    expect(isStopped).toBe(false);
    end?.();
    await stopped;
    expect([await jobs.countIn('completed'), await jobs.countIn('created')]).toEqual([1, 1]);
  });

  it('is given up when it never ends, so that it keeps neither its place nor a worker that stops', async () => {
    await jobs.send('k', 1);
    let hasBegun = false;
    const worker = work(jobs.boss, () => {
      hasBegun = true;
      return new Promise(() => undefined);
    });
    await eventually(() => hasBegun);
    await worker.stop();
    expect(await jobs.countIn('completed')).toBe(0);
  }, 40_000);
});
