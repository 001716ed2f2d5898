import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { HttpService } from '@nestjs/axios';
import { Logger } from '@nestjs/common';
import axios from 'axios';
import { DataSource } from 'typeorm';
import { ProductCatalogMovement } from '../../src/inventory/product-catalog-movement.entity.js';
import { ProductCatalogAdapter } from '../../src/inventory/product-catalog.adapter.js';
import { LATE_EFFECT_MARGIN_MS } from '../../src/inventory/stock-mover.js';
import type { ReleaseLine, ReservationLine } from '../../src/orders/order.ports.js';
import { Deadline } from '../../src/platform/http/deadline.js';
import { UndiciTransport } from '../../src/platform/http/undici-transport.js';
import { UpstreamClient } from '../../src/platform/http/upstream-client.js';
import { startSandbox } from '../../src/sandbox/sandbox.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { createTestDatabase } from '../support/database.js';
import type { TestDatabase } from '../support/database.js';

const TIMEOUT_MS = 300;
const POOL_SIZE = 6;
/** After this nobody waits for a call any more. */
const WINDOW_MS = TIMEOUT_MS + LATE_EFFECT_MARGIN_MS;

const PRODUCTS = ['p1', 'p2', 'p3', 'p4', 'p5'];
const STOCK = PRODUCTS.map((id) => ({ id, name: `Product ${id}`, price: 19.99, quantity: 10 }));

interface Instance {
  dataSource: DataSource;
  adapter: ProductCatalogAdapter;
}

let sandbox: Sandbox;
let database: TestDatabase;
/** Two instances of the service: each has its own connections and its own memory. */
let one: Instance;
let other: Instance;
const transport = new UndiciTransport();

async function startInstance(): Promise<Instance> {
  const dataSource = await new DataSource({
    type: 'postgres',
    url: database.url,
    poolSize: POOL_SIZE,
    installExtensions: false,
    applicationName: 'catalog-test',
    entities: [ProductCatalogMovement],
  }).initialize();
  const http = new HttpService(axios.create(transport.axiosDefaults()));
  const baseUrl = sandbox.urls.catalog;
  const client = new UpstreamClient(http, {
    name: 'product catalog service',
    baseUrl,
    timeoutMs: TIMEOUT_MS,
  });
  return { dataSource, adapter: new ProductCatalogAdapter(client, dataSource, POOL_SIZE) };
}

beforeAll(async () => {
  // Some of these tests are about what is reported as an error.
  Logger.overrideLogger(false);
  sandbox = await startSandbox({ ports: { catalog: 0 }, services: ['catalog'], stock: STOCK });
  database = await createTestDatabase();
  [one, other] = await Promise.all([startInstance(), startInstance()]);
});

afterAll(async () => {
  await transport.onApplicationShutdown();
  await sandbox.close();
  await Promise.all([one.dataSource.destroy(), other.dataSource.destroy()]);
  await database.drop();
});

beforeEach(async () => {
  sandbox.reset();
  await one.dataSource.query('DELETE FROM product_catalog_movements');
});

let orders = 0;
function newOrder(): string {
  orders += 1;
  return `order-${orders}`;
}

function line(number: number, productId: string, quantity: number): ReservationLine {
  return { line: number, productId, quantity };
}

function uncertain(lines: ReservationLine[]): ReleaseLine[] {
  return lines.map((each) => ({ ...each, certainlyHeld: false }));
}

function soon(milliseconds = 10_000): Deadline {
  return Deadline.in(milliseconds);
}

function left(id = 'p1'): number | undefined {
  return sandbox.stock.find(id)?.quantity;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(5);
}

/** What a crash between the note and the end of the call leaves behind. */
async function leaveUnfinished(key: string, before: number, after: number, ageMs: number): Promise<void> {
  await one.dataSource.query(
    `INSERT INTO product_catalog_movements
       (product_id, key, delta, quantity_before, quantity_after, state, started_at)
     VALUES ('p1', $1, $2, $3, $4, 'started', now() - $5 * interval '1 millisecond')`,
    [key, after - before, before, after, ageMs],
  );
}

async function states(): Promise<Record<string, string>> {
  const rows: { key: string; state: string }[] = await one.dataSource.query(
    'SELECT key, state FROM product_catalog_movements',
  );
  return Object.fromEntries(rows.map(({ key, state }) => [key, state]));
}

async function sessions(
  condition: string,
): Promise<{ pid: number; state: string; inTransaction: boolean }[]> {
  return one.dataSource.query(
    `SELECT pid, state, xact_start IS NOT NULL AS "inTransaction" FROM pg_stat_activity
      WHERE datname = current_database() AND ${condition}`,
  );
}

const LOCK_HOLDERS = `pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)`;

const puts = (): number =>
  sandbox.services.catalog.calls.all().filter(({ method }) => method === 'PUT').length;

const HELD = [{ line: 1, outcome: 'held' }];
const RELEASED = [{ line: 1, outcome: 'released' }];
const UNKNOWN = [{ line: 1, outcome: 'unknown', reason: expect.any(String) }];

describe('two instances', () => {
  it('sell each unit once, whatever they do at the same time', async () => {
    sandbox.services.catalog.delayMs = 2;
    const held: string[] = [];
    await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        const { adapter } = index % 2 ? one : other;
        const order = newOrder();
        const lines = [line(1, 'p2', 1), line(2, 'p1', 1)];
        const outcomes = await adapter.reserve(order, lines, soon(20_000));
        // Both products have as many units, and all orders take them in the same order.
        if (outcomes.every(({ outcome }) => outcome === 'held')) held.push(order);
        else expect(outcomes.map(({ outcome }) => outcome)).toEqual(['untouched', 'refused']);
        if (held.includes(order) && index % 3 === 0) {
          await adapter.release(order, uncertain(lines), soon(20_000));
          held.splice(held.indexOf(order), 1);
        }
      }),
    );
    sandbox.services.catalog.delayMs = 0;
    expect([left('p1'), left('p2')]).toEqual([10 - held.length, 10 - held.length]);
    const quantities = sandbox.stock.ledger.all().map(({ quantity }) => quantity ?? 0);
    expect(Math.min(...quantities)).toBeGreaterThanOrEqual(0);
    for (const entry of sandbox.stock.ledger.all()) expect(Math.abs(entry.delta)).toBe(1);
  });

  it('do not reserve a line twice that both drive on', async () => {
    const order = newOrder();
    const both = [one, other].map(({ adapter }) => adapter.reserve(order, [line(1, 'p1', 3)], soon()));
    expect(await Promise.all(both)).toEqual([HELD, HELD]);
    expect(left()).toBe(7);
    expect(puts()).toBe(1);
  });
});

describe('after a crash', () => {
  it('a call that had its effect is known to have had it', async () => {
    const order = newOrder();
    sandbox.stock.move('p1', -4, { route: 'test', key: null });
    await leaveUnfinished(`${order}/1/reserve`, 10, 6, 0);
    expect(await other.adapter.reserve(order, [line(1, 'p1', 4)], soon())).toEqual(HELD);
    expect([left(), puts()]).toEqual([6, 0]);
  });

  it('a call that had none is made up for, once its time is over', async () => {
    const order = newOrder();
    await leaveUnfinished(`${order}/1/reserve`, 10, 6, 0);
    const begun = performance.now();
    expect(await other.adapter.reserve(order, [line(1, 'p1', 4)], soon())).toEqual(HELD);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(WINDOW_MS - 50);
    expect([left(), puts()]).toEqual([6, 1]);
  });

  it('nobody waits for a call whose time is over already', async () => {
    const order = newOrder();
    await leaveUnfinished(`${order}/1/reserve`, 10, 6, WINDOW_MS);
    const begun = performance.now();
    expect(await other.adapter.reserve(newOrder(), [line(1, 'p1', 1)], soon())).toEqual(HELD);
    expect(performance.now() - begun).toBeLessThan(500);
    expect(left()).toBe(5);
  });

  it('a call that comes into effect during the wait is seen', async () => {
    const order = newOrder();
    await leaveUnfinished(`${order}/1/reserve`, 10, 6, 0);
    const reserving = other.adapter.reserve(order, [line(1, 'p1', 4)], soon());
    await pause(WINDOW_MS / 2);
    sandbox.stock.move('p1', -4, { route: 'test', key: null });
    expect(await reserving).toEqual(HELD);
    expect([left(), puts()]).toEqual([6, 0]);
  });

  it('the outcome stays unknown for good where others have changed the stock, and the product goes on', async () => {
    const order = newOrder();
    sandbox.stock.move('p1', -1, { route: 'test', key: null });
    await leaveUnfinished(`${order}/1/reserve`, 10, 6, 0);
    expect(await other.adapter.reserve(order, [line(1, 'p1', 4)], soon())).toEqual(UNKNOWN);
    expect(await other.adapter.reserve(order, [line(1, 'p1', 4)], soon())).toEqual(UNKNOWN);
    expect(await other.adapter.release(order, uncertain([line(1, 'p1', 4)]), soon())).toEqual(UNKNOWN);
    expect(await states()).toEqual({ [`${order}/1/reserve`]: 'in_doubt' });
    expect(await other.adapter.reserve(newOrder(), [line(1, 'p1', 9)], soon())).toEqual(HELD);
    expect([left(), puts()]).toEqual([0, 1]);
  });

  it('an order can be taken back without knowing how far it came', async () => {
    const order = newOrder();
    sandbox.stock.move('p1', -4, { route: 'test', key: null });
    await leaveUnfinished(`${order}/1/reserve`, 10, 6, 0);
    const lines = [line(1, 'p1', 4), line(2, 'p1', 1), line(3, 'p2', 1)];
    expect(await other.adapter.release(order, uncertain(lines), soon())).toMatchObject([
      { line: 1, outcome: 'released' },
      { line: 2, outcome: 'released' },
      { line: 3, outcome: 'released' },
    ]);
    expect([left('p1'), left('p2')]).toEqual([10, 10]);
    // What still drives the order forward must not get any unit.
    expect(await one.adapter.reserve(order, lines, soon())).toMatchObject([
      { line: 1, outcome: 'refused' },
      { line: 2, outcome: 'unknown' },
      { line: 3, outcome: 'unknown' },
    ]);
    expect([left('p1'), left('p2')]).toEqual([10, 10]);
  });
});

describe('a call that takes effect long after everybody has given it up', () => {
  it('changes nothing any more, because its key has been used', async () => {
    const order = newOrder();
    const { faults } = sandbox.services.catalog;
    faults.add({ kind: 'hang', method: 'PUT', times: 1 });
    expect(await one.adapter.reserve(order, [line(1, 'p1', 4)], soon(500))).toEqual(UNKNOWN);
    expect(await one.adapter.release(order, uncertain([line(1, 'p1', 4)]), soon())).toEqual(RELEASED);
    expect(await one.adapter.reserve(newOrder(), [line(1, 'p1', 9)], soon())).toEqual(HELD);
    expect(left()).toBe(1);
    expect(faults.release()).toBe(1);
    await pause(50);
    expect(left()).toBe(1);
  });
});

describe('the lock', () => {
  it('is held on a connection without a transaction while a call is under way', async () => {
    sandbox.services.catalog.faults.add({ kind: 'delay', ms: 200, method: 'PUT' });
    const reserving = one.adapter.reserve(newOrder(), [line(1, 'p1', 1)], soon());
    await until(() => sandbox.services.catalog.faults.held === 1);
    expect(await sessions(LOCK_HOLDERS)).toMatchObject([{ state: 'idle', inTransaction: false }]);
    expect(await reserving).toEqual(HELD);
    expect(await sessions(LOCK_HOLDERS)).toEqual([]);
  });

  it('takes no more than a third of the connections, and callers wait no longer than their deadline', async () => {
    sandbox.services.catalog.faults.add({ kind: 'hang', path: '/products/*' });
    const reserving = PRODUCTS.map((id) => one.adapter.reserve(newOrder(), [line(1, id, 1)], soon(250)));
    await pause(100);
    expect(await sessions(LOCK_HOLDERS)).toHaveLength(POOL_SIZE / 3);
    const begun = performance.now();
    expect((await Promise.all(reserving)).flat().map(({ outcome }) => outcome)).toEqual(
      PRODUCTS.map(() => 'unknown'),
    );
    expect(performance.now() - begun).toBeLessThan(400);
    sandbox.services.catalog.faults.reset();
    // The places of those who gave up have been left, or this one would wait in vain.
    for (const id of PRODUCTS)
      expect(await one.adapter.reserve(newOrder(), [line(1, id, 1)], soon(1_000))).toEqual(HELD);
  });

  it('that another instance holds is waited for until the deadline, and not a product longer', async () => {
    sandbox.services.catalog.faults.add({ kind: 'hang', method: 'GET', path: '/products/p1', times: 1 });
    const holder = other.adapter.reserve(newOrder(), [line(1, 'p1', 1)], soon(400));
    await until(() => sandbox.services.catalog.faults.held === 1);
    const begun = performance.now();
    const waiting = one.adapter.reserve(newOrder(), [line(1, 'p1', 1)], soon(100));
    const successor = one.adapter.reserve(newOrder(), [line(1, 'p1', 1)], soon());
    const elsewhere = await one.adapter.reserve(newOrder(), [line(1, 'p2', 1)], soon(1_000));
    expect(elsewhere).toEqual(HELD);
    expect(await waiting).toEqual(UNKNOWN);
    expect(performance.now() - begun).toBeLessThan(250);
    await holder;
    expect(await successor).toEqual(HELD);
    // The limit of the wait must not stay with the connection when it goes back to the pool.
    const limits = await Promise.all(
      Array.from({ length: POOL_SIZE }, () => one.dataSource.query('SHOW lock_timeout')),
    );
    expect(limits.flat()).toEqual(Array.from({ length: POOL_SIZE }, () => ({ lock_timeout: '0' })));
  });

  it('that is lost with its connection leaves the outcome to be learned by the next call', async () => {
    sandbox.services.catalog.faults.add({ kind: 'delay', ms: 150, method: 'PUT', times: 1 });
    const order = newOrder();
    const reserving = one.adapter.reserve(order, [line(1, 'p1', 4)], soon());
    await until(() => sandbox.services.catalog.faults.held === 1);
    for (const { pid } of await sessions(LOCK_HOLDERS)) {
      await other.dataSource.query('SELECT pg_terminate_backend($1)', [pid]);
    }
    expect(await reserving).toEqual(UNKNOWN);
    expect(await one.adapter.reserve(order, [line(1, 'p1', 4)], soon())).toEqual(HELD);
    expect(left()).toBe(6);
  });
});

describe('an order of several lines', () => {
  it('stops at the first refusal, and says of the rest that it is certainly untouched', async () => {
    const order = newOrder();
    const lines = [line(1, 'p3', 1), line(2, 'p2', 11), line(3, 'p1', 1), line(4, 'p2', 1)];
    const expected = [
      { line: 1, outcome: 'untouched' },
      { line: 2, outcome: 'refused' },
      { line: 3, outcome: 'held' },
      { line: 4, outcome: 'untouched' },
    ];
    expect(await one.adapter.reserve(order, lines, soon())).toMatchObject(expected);
    expect(await one.adapter.reserve(order, lines, soon())).toMatchObject(expected);
    expect(PRODUCTS.map((id) => left(id))).toEqual([9, 10, 10, 10, 10]);
  });

  it('stops at the first unknown outcome, and never says of the rest that it is untouched', async () => {
    const order = newOrder();
    sandbox.services.catalog.faults.add({ kind: 'status', status: 500, path: '/products/p2' });
    const lines = [line(1, 'p1', 1), line(2, 'p2', 1), line(3, 'p3', 1)];
    expect(await one.adapter.reserve(order, lines, soon())).toMatchObject([
      { line: 1, outcome: 'held' },
      { line: 2, outcome: 'unknown' },
      { line: 3, outcome: 'unknown' },
    ]);
    expect(left('p3')).toBe(10);
  });

  it('sends name and price back as they were read', async () => {
    await one.adapter.reserve(newOrder(), [line(1, 'p1', 1)], soon());
    expect(sandbox.stock.find('p1')).toEqual({ id: 'p1', name: 'Product p1', price: 19.99, quantity: 9 });
  });
});

describe('the table', () => {
  it('is what its entity says', async () => {
    const { upQueries } = await one.dataSource.driver.createSchemaBuilder().log();
    const changes = upQueries.map(({ query }) => query).filter((query) => !query.startsWith('COMMENT ON'));
    expect(changes).toEqual([]);
  });
});
