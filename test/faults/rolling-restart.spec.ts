import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.js';
import { orderBody } from '../support/builders.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import {
  countOpenTasks,
  findEventGaps,
  findStockDifferences,
  findUnsettled,
  findUntoldEvents,
  queryDatabase,
} from '../support/invariants.js';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.js';
import { eventually, send, testSettings } from '../support/service.js';
import { type Proxy, startProxy } from './round-robin-proxy.js';

const TEST_TIMEOUT_MS = 180_000;

/** Clients that send one request after another. */
const CLIENTS = 8;

/** Several times what the proxy needs to notice, also on a busy machine. */
const SHUTDOWN_DELAY_MS = 1_000;

/** Slow enough that requests are in progress whenever an instance stops. */
const INVENTORY_DELAY_MS = 20;

let database: TestDatabase;
let sandbox: Sandbox;
let proxy: Proxy;
let instances: ServiceProcess[] = [];

function startInstance(): Promise<ServiceProcess> {
  return startServiceProcess({
    ...testSettings(sandbox, database.url),
    LOG_LEVEL: 'warn',
    SHUTDOWN_DELAY_MS: String(SHUTDOWN_DELAY_MS),
  });
}

beforeAll(async () => {
  database = await createTestDatabase();
  sandbox = await startSandbox({
    ports: { inventory: 0, notification: 0, catalog: 0, carts: 0 },
    delaysMs: { inventory: INVENTORY_DELAY_MS },
    stock: [{ id: 'PROD001', name: 'Plenty', price: 1, quantity: 1_000_000 }],
  });
  proxy = await startProxy();
  instances = [await startInstance(), await startInstance()];
  for (const { url } of instances) proxy.add(url);
  await eventually(() => proxy.readyCount() === 2);
}, TEST_TIMEOUT_MS);

afterAll(async () => {
  await proxy.close();
  await Promise.all(instances.map((instance) => instance.end('SIGKILL')));
  await sandbox.close();
  await database.drop();
});

/** Places orders and reads until it is stopped. @returns the orders placed, and every failure */
async function keepOrdering(isOver: () => boolean): Promise<{ placed: string[]; failures: unknown[] }> {
  const placed: string[] = [];
  const failures: unknown[] = [];
  while (!isOver()) {
    try {
      const answer = await send(`${proxy.url}/orders`, 'POST', orderBody());
      if (answer.status !== 201) {
        failures.push({ status: answer.status, body: answer.body });
        continue;
      }
      placed.push(String(answer.body.order_id));
      const found = await send(`${proxy.url}/orders/${answer.body.order_id}`, 'GET');
      if (found.status !== 200) failures.push({ status: found.status, body: found.body });
    } catch (error) {
      failures.push(String(error));
    }
  }
  return { placed, failures };
}

/** The output of a process without the warning that authentication is off, as it is in this test. */
function unexpected(output: string): string {
  const lines = output.split('\n').filter((text) => !text.includes('AUTH=none'));
  return lines.join('\n');
}

it(
  'rolling restart of two instances under load fails no request',
  async () => {
    let isOver = false;
    const clients = Array.from({ length: CLIENTS }, () => keepOrdering(() => isOver));
    const endings: unknown[] = [];
    // Each of them once as the first that the test has started and once as its successor.
    for (const index of [0, 1, 0, 1]) {
      const old = instances[index];
      const exitCode = await old?.end('SIGTERM');
      endings.push({ exitCode, output: unexpected(old?.output() ?? '') });
      instances[index] = await startInstance();
      proxy.add(instances[index].url);
      await eventually(() => proxy.readyCount() === 2);
    }
    isOver = true;
    const results = await Promise.all(clients);
    expect(results.flatMap((result) => result.failures)).toEqual([]);
    expect(endings).toEqual(endings.map(() => ({ exitCode: 0, output: '' })));
    await expectPromisesKept(results.flatMap((result) => result.placed));
  },
  TEST_TIMEOUT_MS,
);

async function expectPromisesKept(placed: string[]): Promise<void> {
  expect(placed.length).toBeGreaterThan(CLIENTS);
  await eventually(async () => (await countOpenTasks(database.url)) === 0, 60_000);
  expect(await findUnsettled(database.url)).toEqual([]);
  expect(await findStockDifferences(database.url, sandbox)).toEqual([]);
  expect(await findEventGaps(database.url)).toEqual([]);
  expect(await findUntoldEvents(database.url, sandbox)).toEqual([]);
  const rows = await queryDatabase<{ id: string }>(
    database.url,
    `SELECT id FROM orders WHERE status = 'confirmed'`,
  );
  expect(rows.map((row) => row.id).toSorted()).toEqual(placed.toSorted());
}

it('an instance that was told to stop is not ready, and serves requests until it closes its port', async () => {
  const [instance] = instances;
  if (!instance) throw new Error('there is no instance');
  const end = instance.end('SIGTERM');
  const leaving = await eventually(async () => {
    const answer = await send(`${instance.url}/health/ready`, 'GET');
    return answer.status === 503 ? answer : undefined;
  });
  expect(leaving.body).toMatchObject({ type: '/problems/not-ready', detail: 'The service is being stopped' });
  const answer = await send(`${instance.url}/orders`, 'POST', orderBody());
  expect(answer.status).toBe(201);
  expect(answer.headers.get('connection')).toBe('close');
  expect((await send(`${instance.url}/health/live`, 'GET')).status).toBe(200);
  expect(await end).toBe(0);
});

it('an order in progress when the port closes gets its response and its notification', async () => {
  const instance = await startInstance();
  const { faults } = sandbox.services.inventory;
  faults.add({ kind: 'hang', method: 'PUT', path: '/inventory/*/reserve', times: 1 });
  const placing = send(`${instance.url}/orders`, 'POST', orderBody());
  await eventually(() => faults.held === 1);
  const end = instance.end('SIGTERM');
  await eventually(() =>
    send(`${instance.url}/health/live`, 'GET').then(
      () => false,
      () => true,
    ),
  );
  faults.release();
  const answer = await placing;
  expect(answer.status).toBe(201);
  expect(answer.headers.get('connection')).toBe('close');
  expect(await end).toBe(0);
  // The other instance runs the tasks that the stopped one has left.
  await eventually(async () => (await countOpenTasks(database.url)) === 0, 60_000);
  expect(await findUntoldEvents(database.url, sandbox)).toEqual([]);
});
