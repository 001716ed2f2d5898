import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Settings } from '../../src/config/settings.js';
import { BackgroundLoops } from '../../src/platform/background-loops.js';
import { DatabaseOutage } from '../../src/platform/database/database-outage.js';
import { runAll } from '../../src/platform/database/connection.js';
import { Metrics } from '../../src/platform/metrics/metrics.js';
import { OrderTasksRepository } from '../../src/tasks/order-tasks.repository.js';
import { newTask } from '../../src/tasks/task-kind.js';
import { Tasks } from '../../src/tasks/tasks.service.js';
import { eventually } from '../support/service.js';
import {
  ANY,
  type Instance,
  KIND,
  newOrderId,
  openTaskDatabase,
  seqsOf,
  type TaskDatabase,
} from './task-database.js';

let database: TaskDatabase;
let instance: Instance;
let tasks: Tasks;
/** Orders whose task has started, with a function that ends the task. */
let running: Map<string, () => void>;

beforeEach(async () => {
  database = await openTaskDatabase();
  instance = await database.start();
  running = new Map();
  tasks = new Tasks(
    instance.repository,
    new OrderTasksRepository(instance.dataSource),
    new Settings(),
    new DatabaseOutage(),
    new BackgroundLoops(new Metrics()),
  );
  tasks.register(KIND, ({ orderId }) => new Promise((resolve) => running.set(orderId, resolve)), {
    maxConcurrency: 2,
  });
  tasks.onApplicationBootstrap();
});

afterEach(async () => {
  tasks.onModuleDestroy();
  for (const end of running.values()) end();
  await tasks.beforeApplicationShutdown();
  await database.close();
});

/** Prepares and inserts the first task of an order, as the transaction that completes a placement does. */
async function prepare(orderId: string): Promise<ReturnType<Tasks['prepareFirst']>> {
  const prepared = tasks.prepareFirst([newTask(KIND, orderId, 2, {})]);
  await runAll(instance.dataSource, tasks.insertFirst(prepared.tasks));
  return prepared;
}

const stateOf = async (orderId: string): Promise<unknown> =>
  (
    await database.query(
      `SELECT attempts, lease_version AS version, lease_until > now() AS leased FROM tasks WHERE order_id = $1`,
      [orderId],
    )
  )[0];

describe('first lease of a task', () => {
  it('is acquired by the insert, and the task runs after the commit without a claim', async () => {
    const orderId = newOrderId();
    const prepared = await prepare(orderId);
    expect(await stateOf(orderId)).toEqual({ attempts: 1, version: 1, leased: true });
    expect(running.has(orderId)).toBe(false);
    prepared.start();
    await eventually(() => running.has(orderId));
    expect(await stateOf(orderId)).toEqual({ attempts: 1, version: 1, leased: true });
    running.get(orderId)?.();
    await eventually(async () => (await database.countFinished()) === 1);
  });

  it('expires when the process dies after the commit', async () => {
    const orderId = newOrderId();
    const prepared = await prepare(orderId);
    expect(await instance.repository.claim([ANY])).toEqual([]);
    // Connected before the lease ends: the worker of this process looks for due tasks too.
    const other = await database.start();
    await other.dataSource.query('SELECT 1');
    await other.dataSource.query('UPDATE tasks SET run_at = now(), lease_until = now()');
    expect(await other.repository.claim([ANY])).toMatchObject([{ orderId, attempts: 2, leaseVersion: 2 }]);
    // Returns the permit in this process, which does not really die.
    prepared.abandon();
  });

  it('is not acquired without a free permit, and its permit is returned when the commit fails', async () => {
    const [first, second, third] = [newOrderId(), newOrderId(), newOrderId()];
    for (const orderId of [first, second]) (await prepare(orderId)).start();
    const waiting = await prepare(third);
    expect(await stateOf(third)).toEqual({ attempts: 0, version: 0, leased: null });
    waiting.start();
    running.get(first)?.();
    await eventually(() => running.has(third));
    expect(await stateOf(third)).toEqual({ attempts: 1, version: 1, leased: true });

    running.get(second)?.();
    running.get(third)?.();
    await eventually(async () => (await database.countFinished()) === 3);
    for (let n = 0; n < 5; n += 1) tasks.prepareFirst([newTask(KIND, newOrderId(), 2, {})]).abandon();
    const last = newOrderId();
    (await prepare(last)).start();
    expect(await stateOf(last)).toEqual({ attempts: 1, version: 1, leased: true });
  });

  it('is not acquired while the process stops', async () => {
    tasks.onModuleDestroy();
    const orderId = newOrderId();
    (await prepare(orderId)).start();
    expect(seqsOf(await instance.repository.claim([ANY]))).toEqual([2]);
  });
});
