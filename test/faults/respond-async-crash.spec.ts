import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.js';
import { orderBody } from '../support/builders.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import {
  countOpenJobs,
  findEventGaps,
  findStockDifferences,
  findUnsettled,
  findUntoldEvents,
} from '../support/invariants.js';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.js';
import { eventually, send, testSettings } from '../support/service.js';

/** A job of a dead process expires after a quarter of a minute. */
const SETTLE_TIMEOUT_MS = 60_000;
const TEST_TIMEOUT_MS = 120_000;

let database: TestDatabase;
let sandbox: Sandbox;
let service: ServiceProcess;

function start(): Promise<ServiceProcess> {
  return startServiceProcess({
    ...testSettings(sandbox, database.url),
    UPSTREAM_TIMEOUT_MS: '1000',
    REQUEST_DEADLINE_MS: '3000',
    RECOVERY_INTERVAL_MS: '100',
  });
}

beforeEach(async () => {
  database = await createTestDatabase();
  sandbox = await startSandbox({ ports: { inventory: 0, notification: 0, catalog: 0, carts: 0 } });
  service = await start();
});

afterEach(async () => {
  await service.end('SIGKILL');
  await sandbox.close();
  await database.drop();
});

it.each([
  ['before it is priced', 'GET', 'before'],
  ['before its stock is reserved', 'PUT', 'before'],
  ['after its stock was reserved', 'PUT', 'after'],
] as const)(
  'an order that was answered with 202 is settled although the process dies %s',
  async (_name, method, when) => {
    const { faults } = sandbox.services.inventory;
    faults.add({ kind: 'hang', method, when, times: 1 });
    const answer = await send(`${service.url}/orders`, 'POST', orderBody(), { prefer: 'respond-async' });
    expect(answer.status).toBe(202);
    await eventually(() => faults.held > 0);
    await service.end('SIGKILL');
    faults.release();
    service = await start();
    await eventually(async () => (await findUnsettled(database.url)).length === 0, SETTLE_TIMEOUT_MS);
    await eventually(async () => (await countOpenJobs(database.url)) === 0, SETTLE_TIMEOUT_MS);
    const order = await send(`${service.url}/orders/${answer.body.order_id}`, 'GET');
    expect(order.body).toMatchObject({ status: 'confirmed', total_amount: 79.99 });
    expect(await findStockDifferences(database.url, sandbox)).toEqual([]);
    expect(await findEventGaps(database.url)).toEqual([]);
    expect(await findUntoldEvents(database.url, sandbox)).toEqual([]);
  },
  TEST_TIMEOUT_MS,
);
