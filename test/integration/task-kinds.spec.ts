import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import { BackgroundLoop } from '../../src/platform/background-loops.js';
import { DatabaseOutage } from '../../src/platform/database/database-outage.js';
import { inTransaction } from '../../src/platform/database/transaction.js';
import { AttemptError } from '../../src/tasks/task-kind.js';
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
