import { afterEach, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { type FaultRule } from '../../src/sandbox/faults.js';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.js';
import type { ServiceName } from '../../src/sandbox/service-server.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import {
  countOpenJobs,
  findEventGaps,
  findStockDifferences,
  findUnsettled,
  findUntoldEvents,
  queryDatabase,
} from '../support/invariants.js';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.js';
import { eventually, send, testSettings } from '../support/service.js';

/** A job of a dead process expires after a quarter of a minute, and is looked for every few seconds. */
const SETTLE_TIMEOUT_MS = 60_000;
const TEST_TIMEOUT_MS = 120_000;

const INVENTORIES = {
  'inventory service': {
    settings: {},
    service: 'inventory',
    lookUp: '/inventory/*',
    reserve: 'PUT /inventory/*/reserve',
    release: 'PUT /inventory/*/replenish',
  },
  'reservations API': {
    settings: { INVENTORY_API: 'reservations' },
    service: 'inventory',
    lookUp: '/inventory/*',
    reserve: 'POST /reservations',
    release: 'DELETE /reservations/*',
  },
  'product catalog': {
    settings: {},
    service: 'catalog',
    lookUp: '/products/*',
    reserve: 'PUT /products/*',
    release: 'PUT /products/*',
  },
} as const;

type InventoryName = keyof typeof INVENTORIES;

const ORDER = {
  customer_name: 'Alice Johnson',
  customer_email: 'alice@example.com',
  items: [
    { product_id: '1', quantity: 2 },
    { product_id: '2', quantity: 3 },
  ],
};

/** What a test needs, and has to clean up. */
class Scene {
  private constructor(
    readonly database: TestDatabase,
    readonly sandbox: Sandbox,
    private readonly settings: Record<string, string>,
    public service: ServiceProcess,
  ) {}

  static async open(inventory: InventoryName, settings: Record<string, string>): Promise<Scene> {
    const database = await createTestDatabase();
    const sandbox = await startSandbox({ ports: { inventory: 0, notification: 0, catalog: 0, carts: 0 } });
    const all = {
      ...testSettings(sandbox, database.url),
      UPSTREAM_TIMEOUT_MS: '1000',
      REQUEST_DEADLINE_MS: '3000',
      RECOVERY_INTERVAL_MS: '100',
      ...(inventory === 'product catalog' && { PRODUCT_CATALOG_SERVICE_URL: sandbox.urls.catalog }),
      ...INVENTORIES[inventory].settings,
      ...settings,
    };
    return new Scene(database, sandbox, all, await startServiceProcess(all));
  }

  /** Stops calls that match, so that the process can be killed while one of them is under way. */
  async pauseAt(
    service: ServiceName,
    call: string,
    when: 'before' | 'after',
    skip = 0,
  ): Promise<{ reached(): Promise<unknown>; goOn(): void }> {
    const [method, path] = call.split(' ');
    const rule: FaultRule = {
      kind: 'hang',
      when,
      ...(method && { method }),
      ...(path && { path }),
      skip,
      times: 1,
    };
    const faults = this.sandbox.services[service].faults;
    faults.add(rule);
    return { reached: () => eventually(() => faults.held > 0), goOn: () => void faults.release() };
  }

  async killAndRestart(): Promise<void> {
    await this.service.end('SIGKILL');
    this.service = await startServiceProcess(this.settings);
  }

  /** Waits until nothing is left to be done, and then checks the promises from outside. */
  async expectSettled(): Promise<void> {
    const { url } = this.database;
    await eventually(async () => (await findUnsettled(url)).length === 0, SETTLE_TIMEOUT_MS);
    await eventually(async () => (await countOpenJobs(url)) === 0, SETTLE_TIMEOUT_MS);
    expect(await findStockDifferences(url, this.sandbox)).toEqual([]);
    expect(await findEventGaps(url)).toEqual([]);
    expect(await findUntoldEvents(url, this.sandbox)).toEqual([]);
  }

  async statuses(): Promise<string[]> {
    const rows = await queryDatabase<{ status: string }>(
      this.database.url,
      'SELECT status FROM orders ORDER BY id',
    );
    return rows.map((row) => row.status);
  }

  /** Sends a request whose answer may never come, because the process is killed. */
  sendInBackground(method: string, path: string, body: unknown, headers: Record<string, string> = {}): void {
    send(`${this.service.url}${path}`, method, body, headers).catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.service.end('SIGKILL');
    await this.sandbox.close();
    await this.database.drop();
  }
}

let scene: Scene;
afterEach(() => scene.close());

describe.each(Object.keys(INVENTORIES) as InventoryName[])('with the %s, killed', (inventory) => {
  const { service, lookUp, reserve, release } = INVENTORIES[inventory];
  // A key that the client repeats after the crash; the order it stands for is there once, whatever happened.
  const key = { 'idempotency-key': 'the-key' };

  it.each([
    ['during a look-up', `GET ${lookUp}`, 'before', 0],
    ['before the first reservation takes effect', reserve, 'before', 0],
    ['after the first reservation took effect', reserve, 'after', 0],
  ] as const)(
    '%s: the retry of the client places the order once',
    async (_name, call, when, skip) => {
      scene = await Scene.open(inventory, {});
      const pause = await scene.pauseAt(service, call, when, skip);
      scene.sendInBackground('POST', '/orders', ORDER, key);
      await pause.reached();
      await scene.killAndRestart();
      pause.goOn();
      const answer = await eventually(async () => {
        const response = await send(`${scene.service.url}/orders`, 'POST', ORDER, key);
        return response.status === 201 ? response : undefined;
      }, SETTLE_TIMEOUT_MS);
      expect(answer.body.status).toBe('confirmed');
      await scene.expectSettled();
      expect(await scene.statuses()).toEqual(['confirmed']);
    },
    TEST_TIMEOUT_MS,
  );

  it.each([
    ['forward while the order is young', '60000', 'confirmed'],
    ['back once the order is too old', '6000', 'failed'],
  ] as const)(
    'between reserving and confirming: recovery takes the order %s',
    async (_name, window, status) => {
      scene = await Scene.open(inventory, { RECOVERY_WINDOW_MS: window });
      const pause = await scene.pauseAt(service, reserve, 'after', 0);
      scene.sendInBackground('POST', '/orders', ORDER);
      await pause.reached();
      await scene.service.end('SIGKILL');
      // Long enough for the order to be older than the shorter window when recovery finds it.
      await new Promise((resolve) => setTimeout(resolve, status === 'failed' ? Number(window) : 0));
      await scene.killAndRestart();
      pause.goOn();
      await scene.expectSettled();
      expect(await scene.statuses()).toEqual([status]);
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'while a transaction is under way: nothing of it is there, and recovery settles the order',
    async () => {
      scene = await Scene.open(inventory, {});
      const pause = await scene.pauseAt(service, reserve, 'after', 0);
      scene.sendInBackground('POST', '/orders', ORDER);
      await pause.reached();
      // The confirming transaction writes its event last but one; the lock holds it there.
      const lock = await lockTable(scene.database.url, 'order_events');
      pause.goOn();
      await eventually(() => isSomebodyWaiting(scene.database.url));
      await scene.service.end('SIGKILL');
      await lock.end();
      expect(await scene.statuses()).toEqual(['pending']);
      await scene.killAndRestart();
      await scene.expectSettled();
      expect(await scene.statuses()).toEqual(['confirmed']);
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'while stock is given back: it is given back once',
    async () => {
      scene = await Scene.open(inventory, {});
      const placed = await send(`${scene.service.url}/orders`, 'POST', ORDER);
      expect(placed.status).toBe(201);
      const pause = await scene.pauseAt(service, release, 'after', 0);
      await send(`${scene.service.url}/orders/${placed.body.order_id}`, 'PUT', { status: 'cancelled' });
      await pause.reached();
      await scene.killAndRestart();
      pause.goOn();
      await scene.expectSettled();
      expect(await scene.statuses()).toEqual(['cancelled']);
      expect(
        scene.sandbox.stock.list().every((product) => product.quantity === product.initial_quantity),
      ).toBe(true);
    },
    TEST_TIMEOUT_MS,
  );
});

it(
  'killed while the customer is told: the message is sent again, under the same key',
  async () => {
    scene = await Scene.open('inventory service', {});
    const pause = await scene.pauseAt('notification', 'POST /notify', 'after');
    const placed = await send(`${scene.service.url}/orders`, 'POST', ORDER);
    await pause.reached();
    await scene.killAndRestart();
    pause.goOn();
    await scene.expectSettled();
    const messages = scene.sandbox.notifications.messages.all();
    expect(new Set(messages.map((message) => message.key))).toEqual(
      new Set([`${placed.body.order_id}/2/notify`]),
    );
  },
  TEST_TIMEOUT_MS,
);

it(
  'killed before the cart is checked out: it is checked out after the next start',
  async () => {
    scene = await Scene.open('inventory service', {});
    const pause = await scene.pauseAt('carts', 'PUT /carts/*', 'before');
    expect((await send(`${scene.service.url}/orders/1`, 'POST')).status).toBe(201);
    await pause.reached();
    await scene.killAndRestart();
    await scene.expectSettled();
    expect(scene.sandbox.carts.findActive('1')).toBeUndefined();
  },
  TEST_TIMEOUT_MS,
);

describe('with an inventory that ignores keys', () => {
  const plain = { INVENTORY_HONOURS_IDEMPOTENCY_KEYS: 'false' };

  it.each(['before', 'after'] as const)(
    'killed %s a reservation takes effect: never asked twice, the lines are in doubt',
    async (when) => {
      scene = await Scene.open('inventory service', plain);
      scene.sandbox.services.inventory.honourIdempotencyKeys = false;
      const pause = await scene.pauseAt('inventory', 'PUT /inventory/*/reserve', when);
      scene.sendInBackground('POST', '/orders', ORDER);
      await pause.reached();
      await scene.killAndRestart();
      pause.goOn();
      await eventually(async () => (await scene.statuses())[0] === 'failed', SETTLE_TIMEOUT_MS);
      const calls = scene.sandbox.services.inventory.calls.all().filter((call) => call.method === 'PUT');
      expect(calls).toHaveLength(1);
      expect(await findStockDifferences(scene.database.url, scene.sandbox)).toEqual([]);
    },
    TEST_TIMEOUT_MS,
  );
});

/** Takes a lock that lets nobody write to a table, until the connection is ended. */
async function lockTable(url: string, table: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('BEGIN');
  await client.query(`LOCK TABLE ${table} IN SHARE MODE`);
  return client;
}

async function isSomebodyWaiting(url: string): Promise<boolean> {
  const rows = await queryDatabase(url, `SELECT 1 FROM pg_locks WHERE NOT granted`);
  return rows.length > 0;
}
