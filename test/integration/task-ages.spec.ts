import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { TaskReportsRepository } from '../../src/operations/task-reports.repository.js';
import {
  ANY,
  insert,
  type Instance,
  KIND,
  newOrderId,
  openTaskDatabase,
  type TaskDatabase,
} from './task-database.js';

let tasks: TaskDatabase;
let instance: Instance;

beforeAll(async () => {
  tasks = await openTaskDatabase();
  instance = await tasks.start();
});
afterAll(() => tasks.close());
beforeEach(() => tasks.query('DELETE FROM tasks'));

/** Number of waiting tasks, and seconds since the oldest began to wait. */
async function measure(): Promise<{ waiting: number; seconds: number }> {
  const [backlog] = await new TaskReportsRepository(instance.dataSource).measureBacklogs([KIND.name]);
  const seconds = backlog?.oldest ? (Date.now() - backlog.oldest.getTime()) / 1_000 : 0;
  return { waiting: backlog?.waiting ?? 0, seconds };
}

/** A task that was inserted an hour ago and is due so many seconds from now. */
async function insertDueIn(seconds: number): Promise<void> {
  await insert(instance, newOrderId(), 1);
  await tasks.query(
    `UPDATE tasks SET created_at = now() - interval '1 hour', run_at = now() + $1::integer * interval '1 second'`,
    [seconds],
  );
}

describe('the age of a task that waits for a time', () => {
  it('does not count before that time', async () => {
    await insertDueIn(60);
    expect(await measure()).toEqual({ waiting: 0, seconds: 0 });
  });

  it('is how long it is overdue', async () => {
    await insertDueIn(-60);
    const { waiting, seconds } = await measure();
    expect(waiting).toBe(1);
    expect(seconds).toBeGreaterThan(55);
    expect(seconds).toBeLessThan(600);
  });

  it('is nothing while its first attempt runs', async () => {
    await insertDueIn(-60);
    await instance.repository.claim([ANY]);
    const { waiting, seconds } = await measure();
    expect(waiting).toBe(1);
    expect(seconds).toBeLessThan(50);
  });

  it('is that of the task once an attempt has failed', async () => {
    await insertDueIn(-60);
    const [lease] = await instance.repository.claim([ANY]);
    if (!lease) throw new Error('the task was not claimed');
    await instance.repository.fail([{ lease, isDead: false, pauseMs: 60_000, error: 'down' }]);
    expect((await measure()).seconds).toBeGreaterThan(3_500);
  });
});
