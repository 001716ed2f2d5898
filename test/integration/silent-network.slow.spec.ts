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

const TEST_MS = 120_000;

/** A service that reaches its database through a proxy. */
interface World {
  service: TestService;
  proxy: SilentProxy;
  database: TestDatabase;
  sandbox: Sandbox;
}

beforeAll(() => {
  jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
});
afterAll(() => {
  jest.restoreAllMocks();
});

/** Runs a test with a service of its own, so that two tests can wait at the same time. */
async function withWorld(test: (world: World) => Promise<void>): Promise<void> {
  const database = await createTestDatabase();
  const sandbox = await startSandbox({ ports: { inventory: 0, notification: 0, catalog: 0, carts: 0 } });
  // More than a test places while it waits.
  setStock(sandbox, 'PROD001', 1_000_000);
  const proxy = new SilentProxy(database.url);
  await proxy.start();
  const settings = { DATABASE_URL: proxy.url };
  const service = await startTestService({ settings, beside: { sandbox, database } });
  try {
    await test({ service, proxy, database, sandbox });
  } finally {
    await service.stop();
    await proxy.stop();
    await sandbox.close();
    await database.drop();
  }
}

const place = async ({ service }: World, headers: Record<string, string> = {}) =>
  service.request('POST', '/orders', orderBody(), headers);

const isPlaced = async (world: World) => (await place(world)).status === 201;

/** Enough to occupy every connection of the pool. */
const placeTwenty = (world: World) => Array.from({ length: 20 }, () => place(world));

/** Five orders with an open notification, and one that is pending. @returns the ids of the six orders */
async function placeSix(world: World): Promise<string[]> {
  const answers = await Promise.all([
    ...Array.from({ length: 5 }, () => place(world)),
    place(world, { prefer: 'respond-async' }),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201, 202]);
  return answers.map(({ body }) => body.order_id as string);
}

/** Orders can be placed, every customer is notified and every order is complete, within the time. */
async function expectRecovery(world: World, sinceMs: number): Promise<void> {
  const { service, database, sandbox } = world;
  await eventually(() => isPlaced(world), RECOVERY_MS);
  const ids = await placeSix(world);
  const isDone = (id: string) => statusesTold(sandbox, id).includes('confirmed');
  await eventually(() => ids.every(isDone), RECOVERY_MS);
  await eventually(async () => (await countOpenTasks(database.url)) === 0, RECOVERY_MS);
  await eventually(async () => (await service.request('GET', '/health/ready')).status === 200, RECOVERY_MS);
  expect(performance.now() - sinceMs).toBeLessThan(RECOVERY_MS);
}

/** One test; each waits most of its time, so they run concurrently. */
function itRecovers(title: string, test: (world: World) => Promise<void>): void {
  it.concurrent(title, () => withWorld(test), TEST_MS);
}

describe('network that drops every byte for 20 s', () => {
  itRecovers(
    'does not stop orders and background work for more than 30 s after it recovers',
    async (world) => {
      expect(await isPlaced(world)).toBe(true);
      world.proxy.silence();
      const stuck = placeTwenty(world);
      await sleep(SILENCE_MS);
      world.proxy.heal();
      await expectRecovery(world, performance.now());
      const statuses = (await Promise.all(stuck)).map(({ status }) => status);
      expect(new Set(statuses)).toEqual(new Set([503]));
    },
  );

  itRecovers('does not stop them either without a request during the fault', async (world) => {
    expect(await isPlaced(world)).toBe(true);
    world.proxy.silence();
    await sleep(SILENCE_MS);
    world.proxy.heal();
    await expectRecovery(world, performance.now());
  });
});

describe('failover that moves the host name of the database', () => {
  itRecovers('does not stop orders and background work for more than 30 s', async (world) => {
    await Promise.all(placeTwenty(world));
    world.proxy.moveTo(world.database.url);
    await expectRecovery(world, performance.now());
  });

  itRecovers('does not stop them when every idle connection is dead', async (world) => {
    await Promise.all(placeTwenty(world));
    world.proxy.moveTo(world.database.url);
    await sleep(SILENCE_MS);
    await expectRecovery(world, performance.now());
  });
});
