import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import { BackgroundLoop } from '../../src/platform/background-loops.js';
import { DatabaseOutage } from '../../src/platform/database/database-outage.js';
import { inTransaction } from '../../src/platform/database/transaction.js';
import { AttemptError, AttemptNotMade } from '../../src/tasks/task-kind.js';
import { TaskRunner } from '../../src/tasks/task-runner.js';
import { TaskWorker } from '../../src/tasks/task-worker.js';
import { eventually } from '../support/service.js';
import {
  insert,
  type Instance,
  KIND,
  newOrderId,
  openTaskDatabase,
  POLICY,
  type TaskDatabase,
  taskOf,
} from './task-database.js';

let tasks: TaskDatabase;
let instance: Instance;

beforeAll(() => {
  jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
});
afterAll(() => {
  jest.restoreAllMocks();
});

beforeEach(async () => {
  tasks = await openTaskDatabase();
  instance = await tasks.start();
});
afterEach(() => tasks.close());

const orders = (count: number): string[] => Array.from({ length: count }, newOrderId);

const readTask = async () =>
  (
    await tasks.query<{ state: string; attempts: number; waits: number; error: string }>(
      `SELECT state, attempts, last_error AS error, extract(epoch FROM run_at - now())::int AS waits FROM tasks`,
    )
  )[0];

const runnerOf = (name: string) => new TaskRunner(name, async () => undefined, POLICY);

describe('the gate of a kind', () => {
  it('lets as many attempts begin as it says, and none while it is closed', async () => {
    for (const orderId of orders(5)) await insert(instance, orderId, 1);
    let open = 0;
    let done = 0;
    instance.work(async () => void (done += 1), { gate: () => open });
    await sleep(700);
    expect(done).toBe(0);
    open = 2;
    await eventually(() => done === 2);
    open = 0;
    await sleep(700);
    expect(done).toBeLessThanOrEqual(4);
    open = Infinity;
    await eventually(() => done === 5);
  });

  it('counts the attempts that run already', async () => {
    for (const orderId of orders(3)) await insert(instance, orderId, 1);
    let running = 0;
    const ends: (() => void)[] = [];
    const handler = () =>
      new Promise<void>((resolve) => {
        running += 1;
        ends.push(resolve);
      });
    instance.work(handler, { gate: () => 1 });
    await eventually(() => running === 1);
    await sleep(1_200);
    expect(running).toBe(1);
    for (const count of [2, 3]) {
      ends.shift()?.();
      await eventually(() => running === count);
    }
    ends.shift()?.();
  });
});

describe('an attempt that is not made', () => {
  it('leaves the task due, and counts neither against its attempts nor for its pause', async () => {
    await insert(instance, newOrderId(), 1);
    let refused = 0;
    const handler = async (): Promise<void> => {
      if ((refused += 1) < 5) throw new AttemptNotMade();
      throw new AttemptError('made');
    };
    instance.work(handler, { firstPauseMs: 3_600_000, maxPauseMs: 3_600_000 });
    await eventually(async () => (await readTask())?.error === 'made');
    expect(await readTask()).toMatchObject({ state: 'ready', attempts: 1 });
  });
});

it('tasks of a kind that wait for their next attempts are made due together, in several transactions', async () => {
  const [first = '', second = '', leased = ''] = orders(3);
  for (const orderId of [first, second, leased]) await insert(instance, orderId, 1, 2);
  await tasks.query(
    `INSERT INTO tasks (order_id, lane, seq, id, kind, payload, run_at, created_at, lease_version, attempts, max_attempts, state)
     SELECT gen_random_uuid(), 'lane', 1, gen_random_uuid(), $1, '{}', now(), now(), 1, 1, 2, 'ready' FROM generate_series(1, 2500)`,
    [KIND.name],
  );
  await tasks.query(`UPDATE tasks SET run_at = now() + interval '1 hour'`);
  await tasks.query(`UPDATE tasks SET lease_until = run_at WHERE order_id = $1`, [leased]);
  await instance.repository.hurryAll('other');
  const countDue = () => tasks.query(`SELECT 1 FROM tasks WHERE run_at <= now()`);
  expect(await countDue()).toHaveLength(0);
  await instance.repository.hurryAll(KIND.name);
  expect(await countDue()).toHaveLength(2_502);
});

it('the statements of a kind about dead tasks are part of the transaction that declares them dead', async () => {
  const [dying = '', other = ''] = orders(2);
  await insert(instance, dying, 1);
  await insert(instance, other, 1);
  await tasks.query('UPDATE tasks SET max_attempts = 1 WHERE order_id = $1', [dying]);
  const text = `UPDATE tasks SET payload = '{"isDead": true}' WHERE order_id = $1 AND state = 'dead'`;
  instance.work(
    async () => {
      throw new AttemptError('down', 3_600_000);
    },
    { onDead: (dead) => dead.map(({ orderId }) => ({ text, values: [orderId] })) },
  );
  const failed = () =>
    tasks.query(`SELECT order_id AS "orderId", payload FROM tasks WHERE last_error = 'down' ORDER BY state`);
  await eventually(async () => (await failed()).length === 2);
  expect(await failed()).toEqual([
    { orderId: dying, payload: { isDead: true } },
    { orderId: other, payload: {} },
  ]);
});

describe('a handler that knows more about the next attempt', () => {
  it('ends all attempts at once', async () => {
    await insert(instance, newOrderId(), 1);
    instance.work(async () => {
      throw new AttemptError('gone', 0, true);
    });
    await eventually(async () => (await readTask())?.state === 'dead');
    expect(await readTask()).toMatchObject({ attempts: 1, error: 'gone' });
  });

  it('names a longer pause', async () => {
    await insert(instance, newOrderId(), 1);
    instance.work(async () => {
      throw new AttemptError('busy', 3_600_000);
    });
    await eventually(async () => (await readTask())?.error === 'busy');
    const task = await readTask();
    expect(task?.state).toBe('ready');
    expect(task?.waits).toBeGreaterThan(3_500);
  });

  it('does not shorten the pause of the policy', async () => {
    await insert(instance, newOrderId(), 1);
    const policy = { firstPauseMs: 3_600_000, maxPauseMs: 3_600_000 };
    instance.work(async () => {
      throw new AttemptError('busy', 1_000);
    }, policy);
    await eventually(async () => (await readTask())?.error === 'busy');
    expect((await readTask())?.waits).toBeGreaterThan(2_800);
  });
});

it('a kind that is unregistered during a claim leaves its tasks, and those of other kinds run', async () => {
  const [left, taken] = orders(2);
  const other = { name: 'other', lane: 'other' };
  await insert(instance, left ?? '', 1);
  await inTransaction(instance.dataSource, (transaction) =>
    instance.repository.insertBehind(transaction, [
      { ...taskOf(taken ?? '', 1), kind: other, leaseMs: undefined },
    ]),
  );
  const holder = new Client(tasks.database.url);
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query('SELECT 1 FROM tasks FOR UPDATE');
  const runners = new Map([KIND.name, other.name].map((name) => [name, runnerOf(name)]));
  const loop = new BackgroundLoop('tasks', { pauseMs: 0 });
  const worker = new TaskWorker(instance.repository, runners, new DatabaseOutage(), loop);
  await sleep(300);
  runners.get(KIND.name)?.close(() => runners.delete(KIND.name));
  await holder.query('COMMIT');
  await holder.end();
  await eventually(async () => (await tasks.query('SELECT 1 FROM tasks')).length === 1);
  await eventually(() => runners.get(other.name)?.isIdle);
  await worker.stop();
  const rest = await tasks.query('SELECT kind, attempts, lease_until AS "leaseUntil" FROM tasks');
  expect(rest).toEqual([{ kind: KIND.name, attempts: 0, leaseUntil: null }]);
  expect(runners.size).toBe(1);
});

it('tasks of a kind with a history of its own leave no delivery', async () => {
  await insert(instance, newOrderId(), 1);
  instance.work(async () => undefined, { isKept: false });
  await eventually(async () => (await tasks.query('SELECT 1 FROM tasks')).length === 0);
  expect(await tasks.countFinished()).toBe(0);
});

it('a task that exists is not inserted again', async () => {
  const orderId = newOrderId();
  await insert(instance, orderId, 1, 2);
  const [before, again] = [await tasks.query('SELECT * FROM tasks ORDER BY seq'), [1, 2, 3]];
  await insert(instance, orderId, ...again);
  const after = await tasks.query('SELECT * FROM tasks ORDER BY seq');
  expect(after.slice(0, 2)).toEqual(before);
  expect(after[2]).toMatchObject({ seq: 3, state: 'blocked' });
});
