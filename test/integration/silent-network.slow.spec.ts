import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.js';
import { orderBody, setStock, statusesTold } from '../support/builders.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { countOpenTasks } from '../support/invariants.js';
import { eventually, startTestService, type TestService } from '../support/service.js';
import { SilentProxy } from '../support/silent-proxy.js';

/** Duration of the network fault. */
const SILENCE_MS = 20_000;

/** Upper bound for the recovery of orders and background work after it. */
const RECOVERY_MS = 30_000;

let service: TestService;
let proxy: SilentProxy;
let database: TestDatabase;
let sandbox: Sandbox;

beforeAll(async () => {
  database = await createTestDatabase();
  sandbox = await startSandbox({ ports: { inventory: 0, notification: 0, catalog: 0, carts: 0 } });
  // More than all tests here place while they wait.
  setStock(sandbox, 'PROD001', 1_000_000);
  proxy = new SilentProxy(database.url);
  await proxy.start();
  jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  const settings = { DATABASE_URL: proxy.url };
  service = await startTestService({ settings, beside: { sandbox, database } });
});

afterAll(async () => {
  jest.restoreAllMocks();
  await service.stop();
  await proxy.stop();
  await sandbox.close();
  await database.drop();
});

const place = async (headers: Record<string, string> = {}) =>
  service.request('POST', '/orders', orderBody(), headers);

const isPlaced = async () => (await place()).status === 201;

/** Five orders with an open notification, and one that is pending. @returns the ids of the six orders */
async function placeSix(): Promise<string[]> {
  const answers = await Promise.all([
    ...Array.from({ length: 5 }, () => place()),
    place({ prefer: 'respond-async' }),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201, 202]);
  return answers.map(({ body }) => body.order_id as string);
}

const isDone = (id: string) => statusesTold(sandbox, id).includes('confirmed');

/** Orders can be placed, every customer is notified and every order is complete, within the time. */
async function expectRecovery(sinceMs: number): Promise<void> {
  await eventually(isPlaced, RECOVERY_MS);
  const ids = await placeSix();
  await eventually(() => ids.every(isDone), RECOVERY_MS);
  await eventually(async () => (await countOpenTasks(database.url)) === 0, RECOVERY_MS);
  await eventually(async () => (await service.request('GET', '/health/ready')).status === 200, RECOVERY_MS);
  expect(performance.now() - sinceMs).toBeLessThan(RECOVERY_MS);
}

describe('network that drops every byte for 20 s', () => {
  it('does not stop orders and background work for more than 30 s after it recovers', async () => {
    expect(await isPlaced()).toBe(true);
    proxy.silence();
    // Enough to occupy every connection of the pool.
    const stuck = Array.from({ length: 20 }, () => place());
    await sleep(SILENCE_MS);
    proxy.heal();
    await expectRecovery(performance.now());
    const statuses = (await Promise.all(stuck)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([503]));
  }, 120_000);

  it('does not stop them either without a request during the fault', async () => {
    expect(await isPlaced()).toBe(true);
    proxy.silence();
    await sleep(SILENCE_MS);
    proxy.heal();
    await expectRecovery(performance.now());
  }, 120_000);
});

describe('failover that moves the host name of the database', () => {
  it('does not stop orders and background work for more than 30 s', async () => {
    await Promise.all(Array.from({ length: 20 }, () => place()));
    proxy.moveTo(database.url);
    await expectRecovery(performance.now());
  }, 120_000);

  it('does not stop them when every idle connection is dead', async () => {
    await Promise.all(Array.from({ length: 20 }, () => place()));
    proxy.moveTo(database.url);
    await sleep(SILENCE_MS);
    await expectRecovery(performance.now());
  }, 120_000);
});
