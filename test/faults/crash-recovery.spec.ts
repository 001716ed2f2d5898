import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.js';
import type { ServiceName } from '../../sandbox/service-server.js';
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

/** The task of a dead process is claimed again after its lease of 15 s; expired leases are swept every few seconds. */
const SETTLE_TIMEOUT_MS = 60_000;
const TEST_TIMEOUT_MS = 120_000;

/** Two deadlines of a request, which is the least that the settings allow. */
const WINDOW_MS = 6_000;

const INVENTORIES: {
  name: string;
  settings: (sandbox: Sandbox) => Record<string, string>;
  service: ServiceName;
  method: string;
  path: string;
}[] = [
  {
    name: 'inventory service',
    settings: () => ({}),
    service: 'inventory',
    method: 'PUT',
    path: '/inventory/*/reserve',
  },
  {
    name: 'reservations API',
    settings: () => ({ INVENTORY_API: 'reservations' }),
    service: 'inventory',
    method: 'POST',
    path: '/reservations',
  },
  {
    name: 'product catalog',
    settings: ({ urls }) => ({ PRODUCT_CATALOG_SERVICE_URL: urls.catalog }),
    service: 'catalog',
    method: 'PUT',
    path: '/products/*',
  },
];

const ORDER = {
  customer_name: 'Alice Johnson',
  customer_email: 'alice@example.com',
  items: [
    { product_id: '1', quantity: 2 },
    { product_id: '2', quantity: 3 },
  ],
};

let database: TestDatabase;
let sandbox: Sandbox;
let service: ServiceProcess;

beforeEach(async () => {
  database = await createTestDatabase();
  sandbox = await startSandbox({ ports: { inventory: 0, notification: 0, catalog: 0, carts: 0 } });
});

afterEach(async () => {
  await service.end('SIGKILL');
  await sandbox.close();
  await database.drop();
});

describe('recovery from a crash between a change and its number in the feed', () => {
  it(
    'notifies the customer once, in order',
    async () => {
      const environment = testSettings(sandbox, database.url);
      service = await startServiceProcess(environment);
      const { body } = await send(`${service.url}/orders`, 'POST', ORDER);
      const { order_id: id } = body as { order_id: string };
      await eventually(async () => (await countOpenTasks(database.url)) === 0);
      // While the row is locked, no event gets its number.
      const holder = new Client({ connectionString: database.url });
      await holder.connect();
      await holder.query('BEGIN');
      await holder.query('SELECT 1 FROM event_feed FOR UPDATE');
      for (const status of ['processing', 'shipped'])
        expect((await send(`${service.url}/orders/${id}`, 'PUT', { status })).status).toBe(200);
      await service.end('SIGKILL');
      await holder.end();
      expect(sandbox.notifications.messages.all()).toMatchObject([{ status: 'confirmed' }]);
      service = await startServiceProcess(environment);
      await eventually(async () => (await countOpenTasks(database.url)) === 0, SETTLE_TIMEOUT_MS);
      const statuses = sandbox.notifications.messages.all().map(({ status }) => status);
      expect(statuses).toEqual(['confirmed', 'processing', 'shipped']);
    },
    TEST_TIMEOUT_MS,
  );
});

// pause-points.spec.ts covers a crash at every step; here the order is too old to be resumed.
describe.each(INVENTORIES)(
  'recovery from a crash with the $name',
  ({ settings, service: name, method, path }) => {
    it(
      'fails an order with an unknown reservation after the recovery window, and releases its stock',
      async () => {
        const environment = {
          ...testSettings(sandbox, database.url),
          UPSTREAM_TIMEOUT_MS: '1000',
          REQUEST_DEADLINE_MS: '3000',
          RECOVERY_INTERVAL_MS: '100',
          RECOVERY_WINDOW_MS: String(WINDOW_MS),
          ...settings(sandbox),
        };
        service = await startServiceProcess(environment);
        const { faults } = sandbox.services[name];
        faults.add({ kind: 'hang', when: 'after', method, path, times: 1 });
        // There is no response, because the process is killed.
        send(`${service.url}/orders`, 'POST', ORDER).catch(() => undefined);
        await eventually(() => faults.held > 0);
        await service.end('SIGKILL');
        await new Promise((resolve) => setTimeout(resolve, WINDOW_MS));
        service = await startServiceProcess(environment);
        faults.release();
        await eventually(async () => (await findUnsettled(database.url)).length === 0, SETTLE_TIMEOUT_MS);
        await eventually(async () => (await countOpenTasks(database.url)) === 0, SETTLE_TIMEOUT_MS);
        expect(await queryDatabase(database.url, 'SELECT status FROM orders')).toEqual([
          { status: 'failed' },
        ]);
        expect(await findStockDifferences(database.url, sandbox)).toEqual([]);
        expect(await findEventGaps(database.url)).toEqual([]);
        expect(await findUntoldEvents(database.url, sandbox)).toEqual([]);
      },
      TEST_TIMEOUT_MS,
    );
  },
);
