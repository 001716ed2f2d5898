import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import { inTransaction } from '../../src/platform/database/transaction.js';
import { OrderTasksRepository } from '../../src/tasks/order-tasks.repository.js';
import type { TaskHandler } from '../../src/tasks/task-kind.js';
import { TaskRepository } from '../../src/tasks/task.repository.js';
import { eventually } from '../support/service.js';
import {
  ANY,
  insert,
  type Instance,
  KIND,
  kept,
  newOrderId,
  openTaskDatabase,
  seqsOf,
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

/** Lets every lease expire now. */
const endLeases = () =>
  tasks.query(`UPDATE tasks SET run_at = now(), lease_until = now() WHERE lease_until IS NOT NULL`);

describe('tasks of a lane', () => {
  it('run one after another across instances, and each retry runs before the next task', async () => {
    const [orders, seqs] = [Array.from({ length: 20 }, newOrderId), [0, 1, 2, 3, 4, 5]];
    await Promise.all(orders.map((orderId) => insert(instance, orderId, ...seqs)));
    const [histories, running, overlaps] = [new Map<string, string[]>(), new Set<string>(), [] as string[]];
    const handler: TaskHandler<object> = async ({ orderId, seq }) => {
      if (running.has(orderId)) overlaps.push(orderId);
      running.add(orderId);
      const history = histories.get(orderId) ?? [];
      histories.set(orderId, history);
      await sleep(1);
      const fails = seq % 3 === 1 && !history.includes(`${seq} failed`);
      history.push(fails ? `${seq} failed` : `${seq}`);
      running.delete(orderId);
      if (fails) throw new Error('on purpose');
    };
    for (const each of [instance, await tasks.start(), await tasks.start()]) each.work(handler);
    await eventually(async () => (await tasks.countFinished()) === orders.length * seqs.length, 60_000);
    expect(overlaps).toEqual([]);
    const expected = ['0', '1 failed', '1', '2', '3', '4 failed', '4', '5'];
    expect([...histories.values()]).toEqual(orders.map(() => expected));
    expect(await tasks.query('SELECT 1 FROM tasks')).toEqual([]);
  });

  it('wait behind a dead task until it is retried, while other lanes continue', async () => {
    const [broken, other] = [newOrderId(), newOrderId()];
    await insert(instance, broken, 1, 2);
    await insert(instance, other, 3);
    let isBroken = true;
    const done: number[] = [];
    instance.work(async ({ orderId, seq }) => {
      if (isBroken && orderId === broken) throw new Error('broken');
      done.push(seq);
    });
    await eventually(async () => (await tasks.countIn('dead')) === 1 && done.includes(3));
    isBroken = false;
    await sleep(700);
    expect(done).toEqual([3]);
    const dead = `SELECT attempts, max_attempts AS max, last_error AS error, dead_at IS NOT NULL AS dated
      FROM tasks WHERE state = 'dead'`;
    expect(await tasks.query(dead)).toEqual([{ attempts: 2, max: 2, error: 'broken', dated: true }]);
    expect(await instance.repository.retryDead(instance.dataSource, KIND.name, [broken, other], 2)).toBe(1);
    await eventually(() => done.length === 3);
    expect(done).toEqual([3, 1, 2]);
  });

  it('continue when the dead task is written off', async () => {
    const orderId = newOrderId();
    await insert(instance, orderId, 1, 2);
    const done: number[] = [];
    instance.work(async ({ seq }) => {
      if (seq === 1) throw new Error('broken');
      done.push(seq);
    });
    await eventually(async () => (await tasks.countIn('dead')) === 1);
    const writeOff = () =>
      inTransaction(instance.dataSource, (sql) => instance.repository.deleteDead(sql, KIND, orderId));
    expect(await writeOff()).toBe(true);
    await eventually(() => done.length === 1);
    expect(done).toEqual([2]);
    expect(await writeOff()).toBe(false);
  });

  it('are neither retried nor written off under the lease version of an earlier attempt', async () => {
    const orderId = newOrderId();
    await insert(instance, orderId, 1);
    instance.work(async () => {
      throw new Error('broken');
    });
    await eventually(async () => (await tasks.countIn('dead')) === 1);
    const { dataSource, repository } = instance;
    expect(await repository.retryDead(dataSource, KIND.name, [orderId], 2, 1)).toBe(0);
    expect(await repository.deleteDead(dataSource, KIND, orderId, 1)).toBe(false);
    expect(await repository.deleteDead(dataSource, KIND, orderId, 2)).toBe(true);
  });

  it('wait behind a task that is retried later', async () => {
    const orderId = newOrderId();
    await insert(instance, orderId, 1, 2);
    const [first] = await instance.repository.claim([ANY]);
    if (!first) throw new Error('nothing was claimed');
    const failure = { lease: first, isDead: false, pauseMs: 3_600_000, error: 'no' };
    await instance.repository.fail([failure]);
    expect(await instance.repository.claim([ANY])).toEqual([]);
    expect(await instance.repository.hurry(orderId, first.id)).toBe(true);
    expect(await instance.repository.claim([ANY])).toMatchObject([{ id: first.id, attempts: 2 }]);
    expect(await instance.repository.hurry(orderId, first.id)).toBe(false);
  });

  it.each(['insert commits first', 'finish commits first'])(
    'are promoted although the task before finishes during the insert: %s',
    async (order) => {
      const orderId = newOrderId();
      await insert(instance, orderId, 1);
      const claimed = await instance.repository.claim([ANY]);
      const client = new Client(tasks.database.url);
      await client.connect();
      try {
        let finishing: Promise<void>;
        await client.query('BEGIN');
        if (order === 'insert commits first') {
          const sql = {
            query: async (text: string, values?: unknown[]) => client.query(text, values) as never,
          };
          await instance.repository.insertBehind(sql, [{ ...taskOf(orderId, 2), leaseMs: undefined }]);
          finishing = instance.repository.finish(kept(claimed));
          await sleep(100);
          await client.query('COMMIT');
        } else {
          // Holds the row back from the insert until the delete has committed.
          await client.query('DELETE FROM tasks WHERE order_id = $1', [orderId]);
          finishing = insert(instance, orderId, 2);
          await sleep(100);
          await client.query('COMMIT');
        }
        await finishing;
      } finally {
        await client.end();
      }
      expect(seqsOf(await instance.repository.claim([ANY]))).toEqual([2]);
    },
  );

  it('are inserted once when two callers insert unless one is open', async () => {
    const orderId = newOrderId();
    const repository = new OrderTasksRepository(instance.dataSource);
    const ask = () => repository.insertIntoEmptyLane(taskOf(orderId, 2));
    await Promise.all([ask(), ask(), ask()]);
    await repository.insertIntoEmptyLane(taskOf(orderId, 3));
    expect(seqsOf(await instance.repository.claim([ANY]))).toEqual([2]);
    expect(await tasks.query('SELECT seq FROM tasks')).toEqual([{ seq: 2 }]);
  });
});

describe('task lease', () => {
  it('is given to one of many instances that claim at the same time', async () => {
    const all = Array.from({ length: 400 }, newOrderId);
    await tasks.query(
      `INSERT INTO tasks (order_id, lane, seq, id, kind, payload, state, run_at, lease_version, attempts, max_attempts, created_at)
       SELECT unnest($1::uuid[]), 'lane', 1, gen_random_uuid(), 'test', '{}', 'ready', now(), 0, 0, 2, now()`,
      [all],
    );
    const instances = await Promise.all([1, 2, 3, 4].map(() => tasks.start()));
    const claimed: string[] = [];
    await eventually(async () => {
      const found = await Promise.all(
        instances.map(({ repository }) => repository.claim([{ ...ANY, limit: 20 }])),
      );
      claimed.push(...found.flat().map(({ orderId }) => orderId));
      return claimed.length >= 400;
    }, 30_000);
    expect(claimed.toSorted()).toEqual(all.toSorted());
  });

  it('of a process that died expires, and the attempt counts', async () => {
    await insert(instance, newOrderId(), 1, 2);
    expect(await instance.repository.claim([ANY])).toMatchObject([{ attempts: 1, leaseVersion: 1 }]);
    expect(await instance.repository.claim([ANY])).toEqual([]);
    await endLeases();
    const done: number[] = [];
    instance.work(async ({ seq }) => void done.push(seq));
    await eventually(async () => (await tasks.countFinished()) === 2);
    expect(done).toEqual([1, 2]);
    const attempts = 'SELECT attempts FROM deliveries ORDER BY event_seq';
    expect(await tasks.query(attempts)).toEqual([{ attempts: 2 }, { attempts: 1 }]);
  });

  it('that expires in the last attempt makes the task dead without another one', async () => {
    await insert(instance, newOrderId(), 1);
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      expect(await instance.repository.claim([ANY])).toHaveLength(1);
      await endLeases();
    }
    const started: number[] = [];
    instance.work(async ({ seq }) => void started.push(seq));
    await eventually(async () => (await tasks.countIn('dead')) === 1);
    expect(started).toEqual([]);
    expect(await tasks.query('SELECT attempts, last_error AS error FROM tasks')).toEqual([
      { attempts: 2, error: 'the process ended during the last attempt' },
    ]);
  });

  it('that was lost prevents writes', async () => {
    await insert(instance, newOrderId(), 1, 2);
    const [lost] = await instance.repository.claim([ANY]);
    await endLeases();
    const [held] = await instance.repository.claim([ANY]);
    if (!lost || !held) throw new Error('nothing was claimed');
    await instance.repository.finish(kept([lost]));
    await instance.repository.fail([{ lease: lost, isDead: true, pauseMs: 0, error: 'late' }]);
    await instance.repository.returnUnstarted([lost]);
    expect(await tasks.query('SELECT seq, state, lease_version AS version FROM tasks ORDER BY seq')).toEqual([
      { seq: 1, state: 'ready', version: 2 },
      { seq: 2, state: 'blocked', version: 0 },
    ]);
    await instance.repository.finish(kept([held]));
    expect(seqsOf(await instance.repository.claim([ANY]))).toEqual([2]);
  });

  it('with too little time for an attempt is returned without counting one', async () => {
    const started: number[] = [];
    await insert(instance, newOrderId(), 1, 2);
    const client = new Client(tasks.database.url);
    await client.connect();
    try {
      await client.query('BEGIN; LOCK TABLE tasks IN EXCLUSIVE MODE');
      instance.work(async ({ seq }) => void started.push(seq));
      await sleep(5_500);
      const returned = jest.spyOn(TaskRepository.prototype, 'returnUnstarted');
      await client.query('COMMIT');
      await eventually(() => returned.mock.calls[0]);
      expect(returned.mock.calls[0]?.[0]).toMatchObject([{ seq: 1, leaseVersion: 1 }]);
      expect(started).toEqual([]);
      await eventually(async () => (await tasks.countFinished()) === 2);
    } finally {
      await client.end();
    }
    expect(started).toEqual([1, 2]);
    expect(await tasks.query('SELECT DISTINCT attempts FROM deliveries')).toEqual([{ attempts: 1 }]);
  }, 20_000);
});

describe('worker that stops', () => {
  it('writes the results of running attempts and claims no more', async () => {
    await insert(instance, newOrderId(), 1, 2);
    let end: (() => void) | undefined;
    const worker = instance.work(() => new Promise<void>((resolve) => (end = resolve)));
    await eventually(() => end);
    let isStopped = false;
    const stopped = worker.stop().then(() => (isStopped = true));
    await sleep(100);
    expect(isStopped).toBe(false);
    end?.();
    await stopped;
    expect([await tasks.countFinished(), await tasks.countIn('ready')]).toEqual([1, 1]);
  });

  it('does not wait for an attempt that never ends', async () => {
    await insert(instance, newOrderId(), 1);
    let hasStarted = false;
    const worker = instance.work(
      () => {
        hasStarted = true;
        return new Promise(() => undefined);
      },
      { attemptTimeoutMs: 1_000 },
    );
    await eventually(() => hasStarted);
    await worker.stop();
    expect(await tasks.query('SELECT last_error AS error FROM tasks')).toEqual([
      { error: 'took longer than 6 s' },
    ]);
  }, 20_000);
});
