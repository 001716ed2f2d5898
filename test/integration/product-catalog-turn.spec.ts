import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type CatalogInstances,
  HELD,
  line,
  newOrder,
  POOL_SIZE,
  PRODUCTS,
  soon,
  startCatalogInstances,
  UNKNOWN,
  until,
  WINDOW_MS,
} from './catalog-instances.js';

let world: CatalogInstances;

beforeAll(async () => {
  world = await startCatalogInstances(true);
});
afterAll(() => world.close());
beforeEach(() => world.reset());

interface Timed<Result> {
  result: Result;
  ms: number;
}

/** How long work takes, and whether it goes on. */
function timed<Result>(work: Promise<Result>): { end: Promise<Timed<Result>>; goesOn: () => boolean } {
  const begun = performance.now();
  let isEnded = false;
  const end = work.then((result) => {
    isEnded = true;
    return { result, ms: performance.now() - begun };
  });
  return { end, goesOn: () => !isEnded };
}

/** Number of advisory locks per connection, for connections of both instances that hold any. */
async function lockHolders(): Promise<number[]> {
  const rows: { locks: number }[] = await world.one.dataSource.query(
    `SELECT count(*)::integer AS locks FROM pg_locks JOIN pg_stat_activity USING (pid)
      WHERE locktype = 'advisory' AND granted AND datname = current_database() GROUP BY pid`,
  );
  return rows.map(({ locks }) => locks);
}

describe('turn at a catalog that takes one call at a time', () => {
  it('is held on the connection that holds the lock of the product', async () => {
    const { faults } = world.sandbox.services.catalog;
    faults.add({ kind: 'hang', method: 'PUT', times: 1 });
    const reserving = world.one.adapter.reserve(newOrder(), [line(1, 'p1', 1)], soon(1_000));
    await until(() => faults.held === 1);
    expect(await lockHolders()).toEqual([2]);
    await reserving;
    expect(await lockHolders()).toEqual([]);
  });

  it.each(['one', 'other'] as const)(
    'is released while the outcome of a lost call is determined, for orders at instance %s',
    async (name) => {
      const { faults } = world.sandbox.services.catalog;
      faults.add({ kind: 'hang', method: 'PUT', times: 1 });
      const reserving = timed(world.one.adapter.reserve(newOrder(), [line(1, 'p1', 1)], soon()));
      await until(() => faults.held === 1);
      const { adapter } = world[name];
      const found = await adapter.findProducts(['p2', 'p3'], soon());
      const reserved = await adapter.reserve(newOrder(), [line(1, 'p2', 1)], soon());
      expect([found.size, reserved]).toEqual([2, HELD]);
      expect(reserving.goesOn()).toBe(true);
      const lost = await reserving.end;
      expect(lost.result).toEqual(HELD);
      expect(lost.ms).toBeGreaterThanOrEqual(WINDOW_MS - 50);
    },
  );

  it('is released between two attempts, for any Retry-After', async () => {
    const { faults } = world.sandbox.services.catalog;
    faults.add({
      kind: 'status',
      status: 503,
      method: 'GET',
      path: '/products/p1',
      times: 1,
      retryAfterSeconds: 1,
    });
    const slow = timed(world.one.adapter.findProducts(['p1'], soon()));
    await until(() => faults.list().some(({ injected }) => injected > 0));
    await world.other.adapter.findProducts(['p2'], soon());
    expect(slow.goesOn()).toBe(true);
    const { result, ms } = await slow.end;
    expect(result.size).toBe(1);
    expect(ms).toBeGreaterThanOrEqual(1_000);
  });

  it('is not given to a call after its deadline, and the call is not made', async () => {
    const { faults } = world.sandbox.services.catalog;
    faults.add({ kind: 'hang', method: 'PUT', times: 1 });
    const holder = world.other.adapter.reserve(newOrder(), [line(1, 'p1', 1)], soon(1_000));
    await until(() => faults.held === 1);
    const order = newOrder();
    expect(await world.one.adapter.reserve(order, [line(1, 'p2', 1)], soon(100))).toEqual(UNKNOWN);
    await holder;
    expect(world.sandbox.stock.find('p2')?.quantity).toBe(10);
    expect(
      await world.one.dataSource.query('SELECT 1 FROM product_catalog_movements WHERE product_id = $1', [
        'p2',
      ]),
    ).toEqual([]);
  });

  it('needs no more connections than the pool has, with every product reserved and looked up', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 4 * POOL_SIZE }, async (_, index) => {
        const { adapter } = index % 2 ? world.one : world.other;
        const id = PRODUCTS[index % PRODUCTS.length] ?? '';
        const found = await adapter.findProducts([id], soon());
        return [found.size, ...(await adapter.reserve(newOrder(), [line(1, id, 1)], soon()))];
      }),
    );
    expect(outcomes).toEqual(outcomes.map(() => [1, ...HELD]));
  });
});
