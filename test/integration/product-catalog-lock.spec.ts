import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type CatalogInstances,
  HELD,
  line,
  newOrder,
  pause,
  POOL_SIZE,
  PRODUCTS,
  soon,
  startCatalogInstances,
  UNKNOWN,
  until,
} from './catalog-instances.js';

let world: CatalogInstances;

beforeAll(async () => {
  world = await startCatalogInstances();
});
afterAll(() => world.close());
beforeEach(() => world.reset());

function left(id = 'p1'): number | undefined {
  return world.sandbox.stock.find(id)?.quantity;
}

async function sessions(
  condition: string,
): Promise<{ pid: number; state: string; inTransaction: boolean }[]> {
  return world.one.dataSource.query(
    `SELECT pid, state, xact_start IS NOT NULL AS "inTransaction" FROM pg_stat_activity
      WHERE datname = current_database() AND ${condition}`,
  );
}

const LOCK_HOLDERS = `pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)`;

describe('lock of a catalog product', () => {
  it('is held on a connection without a transaction during a call', async () => {
    world.sandbox.services.catalog.faults.add({ kind: 'delay', ms: 200, method: 'PUT' });
    const reserving = world.one.adapter.reserve(newOrder(), [line(1, 'p1', 1)], soon());
    await until(() => world.sandbox.services.catalog.faults.held === 1);
    expect(await sessions(LOCK_HOLDERS)).toMatchObject([{ state: 'idle', inTransaction: false }]);
    expect(await reserving).toEqual(HELD);
    expect(await sessions(LOCK_HOLDERS)).toEqual([]);
  });

  it('uses at most a third of the connections, and callers wait no longer than their deadline', async () => {
    world.sandbox.services.catalog.faults.add({ kind: 'hang', path: '/products/*' });
    const reserving = PRODUCTS.map((id) =>
      world.one.adapter.reserve(newOrder(), [line(1, id, 1)], soon(250)),
    );
    await pause(100);
    expect(await sessions(LOCK_HOLDERS)).toHaveLength(POOL_SIZE / 3);
    const begun = performance.now();
    expect((await Promise.all(reserving)).flat().map(({ outcome }) => outcome)).toEqual(
      PRODUCTS.map(() => 'unknown'),
    );
    expect(performance.now() - begun).toBeLessThan(400);
    world.sandbox.services.catalog.faults.reset();
    // The permits of callers that gave up were released; otherwise this call would time out.
    for (const id of PRODUCTS)
      expect(await world.one.adapter.reserve(newOrder(), [line(1, id, 1)], soon(1_000))).toEqual(HELD);
  });

  it('of another instance is waited for until the deadline, without blocking other products', async () => {
    const { faults } = world.sandbox.services.catalog;
    faults.add({ kind: 'hang', method: 'GET', path: '/products/p1', times: 3 });
    const holder = world.other.adapter.reserve(newOrder(), [line(1, 'p1', 1)], soon(1_000));
    await until(() => faults.held === 1);
    const begun = performance.now();
    const waiting = world.one.adapter.reserve(newOrder(), [line(1, 'p1', 1)], soon(700));
    const successor = world.one.adapter.reserve(newOrder(), [line(1, 'p1', 1)], soon());
    expect(await world.one.adapter.reserve(newOrder(), [line(1, 'p2', 1)], soon(500))).toEqual(HELD);
    expect(await waiting).toEqual(UNKNOWN);
    expect(performance.now() - begun).toBeLessThan(900);
    expect(await holder).toEqual(UNKNOWN);
    expect(await successor).toEqual(HELD);
    // The lock timeout must not stay with the connection when it goes back to the pool.
    const limits = await Promise.all(
      Array.from({ length: POOL_SIZE }, () => world.one.dataSource.query('SHOW lock_timeout')),
    );
    expect(limits.flat()).toEqual(Array.from({ length: POOL_SIZE }, () => ({ lock_timeout: '0' })));
  });

  it('that is lost with its connection leaves the outcome to the next call', async () => {
    world.sandbox.services.catalog.faults.add({ kind: 'delay', ms: 150, method: 'PUT', times: 1 });
    const order = newOrder();
    const reserving = world.one.adapter.reserve(order, [line(1, 'p1', 4)], soon());
    await until(() => world.sandbox.services.catalog.faults.held === 1);
    for (const { pid } of await sessions(LOCK_HOLDERS)) {
      await world.other.dataSource.query('SELECT pg_terminate_backend($1)', [pid]);
    }
    expect(await reserving).toEqual(UNKNOWN);
    expect(await world.one.adapter.reserve(order, [line(1, 'p1', 4)], soon())).toEqual(HELD);
    expect(left()).toBe(6);
  });
});
