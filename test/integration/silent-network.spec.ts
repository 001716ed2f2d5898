import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.js';
import { orderBody } from '../support/builders.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { countOpenJobs } from '../support/invariants.js';
import { eventually, startTestService, type TestService } from '../support/service.js';
import { SilentProxy } from '../support/silent-proxy.js';

/** How long the network drops every byte. */
const SILENCE_MS = 20_000;

/** How long after that orders and background work may take to recover. */
const RECOVERY_MS = 30_000;

let service: TestService;
let proxy: SilentProxy;
let database: TestDatabase;
let sandbox: Sandbox;

beforeAll(async () => {
  database = await createTestDatabase();
  sandbox = await startSandbox({ ports: { inventory: 0, notification: 0, catalog: 0, carts: 0 } });
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

const place = async () => (await service.request('POST', '/orders', orderBody())).status;

it('places orders and does background work again within 30 s after a network dropped every byte', async () => {
  expect(await place()).toBe(201);
  proxy.silence();
  // Enough to occupy every connection of the pool.
  const stuck = Array.from({ length: 20 }, place);
  await sleep(SILENCE_MS);
  proxy.heal();
  const healedAt = performance.now();
  await eventually(async () => (await place()) === 201, RECOVERY_MS);
  await eventually(async () => (await countOpenJobs(database.url)) === 0, RECOVERY_MS);
  expect(performance.now() - healedAt).toBeLessThan(RECOVERY_MS);
  expect(new Set(await Promise.all(stuck))).toEqual(new Set([503]));
}, 120_000);
