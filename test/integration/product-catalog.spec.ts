import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type CatalogInstances,
  HELD,
  line,
  newOrder,
  pause,
  PRODUCTS,
  RELEASED,
  soon,
  startCatalogInstances,
  uncertain,
  UNKNOWN,
  WINDOW_MS,
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

/** The journal entry of a call during which the process crashed. */
async function leaveUnfinished(key: string, before: number, after: number, ageMs: number): Promise<void> {
  await world.one.dataSource.query(
    `INSERT INTO product_catalog_movements
       (product_id, key, delta, quantity_before, quantity_after, state, started_at)
     VALUES ('p1', $1, $2, $3, $4, 'started', now() - $5 * interval '1 millisecond')`,
    [key, after - before, before, after, ageMs],
  );
}

async function states(): Promise<Record<string, string>> {
  const rows: { key: string; state: string }[] = await world.one.dataSource.query(
    'SELECT key, state FROM product_catalog_movements',
  );
  return Object.fromEntries(rows.map(({ key, state }) => [key, state]));
}

const puts = (): number =>
  world.sandbox.services.catalog.calls.all().filter(({ method }) => method === 'PUT').length;

/** Makes the catalog return a status for the next `PUT`, without an effect. */
function answerOnce(status: number): void {
  world.sandbox.services.catalog.faults.add({ kind: 'status', status, method: 'PUT', times: 1 });
}

describe('two instances at the catalog', () => {
  it('sell each unit once under concurrency', async () => {
    world.sandbox.services.catalog.delayMs = 2;
    const held: string[] = [];
    await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        const { adapter } = index % 2 ? world.one : world.other;
        const order = newOrder();
        const lines = [line(1, 'p2', 1), line(2, 'p1', 1)];
        const outcomes = await adapter.reserve(order, lines, soon(20_000));
        // Both products have the same stock, and all orders reserve them in the same order.
        if (outcomes.every(({ outcome }) => outcome === 'held')) held.push(order);
        else expect(outcomes.map(({ outcome }) => outcome)).toEqual(['notAttempted', 'refused']);
        if (held.includes(order) && index % 3 === 0) {
          await adapter.release(order, uncertain(lines), soon(20_000));
          held.splice(held.indexOf(order), 1);
        }
      }),
    );
    world.sandbox.services.catalog.delayMs = 0;
    expect([left('p1'), left('p2')]).toEqual([10 - held.length, 10 - held.length]);
    const quantities = world.sandbox.stock.ledger.all().map(({ quantity }) => quantity ?? 0);
    expect(Math.min(...quantities)).toBeGreaterThanOrEqual(0);
    for (const entry of world.sandbox.stock.ledger.all()) expect(Math.abs(entry.delta)).toBe(1);
  });

  it('reserve a line once when both process its order', async () => {
    const order = newOrder();
    const both = [world.one, world.other].map(({ adapter }) =>
      adapter.reserve(order, [line(1, 'p1', 3)], soon()),
    );
    expect(await Promise.all(both)).toEqual([HELD, HELD]);
    expect(left()).toBe(7);
    expect(puts()).toBe(1);
  });
});

describe('catalog call after a crash', () => {
  it('is recognized as done when it had its effect', async () => {
    const order = newOrder();
    world.sandbox.stock.move('p1', -4, { route: 'test', key: null });
    await leaveUnfinished(`${order}/1/reserve`, 10, 6, 0);
    expect(await world.other.adapter.reserve(order, [line(1, 'p1', 4)], soon())).toEqual(HELD);
    expect([left(), puts()]).toEqual([6, 0]);
  });

  it('is made again when it had none, after its window is over', async () => {
    const order = newOrder();
    await leaveUnfinished(`${order}/1/reserve`, 10, 6, 0);
    const begun = performance.now();
    expect(await world.other.adapter.reserve(order, [line(1, 'p1', 4)], soon())).toEqual(HELD);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(WINDOW_MS - 50);
    expect([left(), puts()]).toEqual([6, 1]);
  });

  it('does not delay other calls after its window is over', async () => {
    const order = newOrder();
    await leaveUnfinished(`${order}/1/reserve`, 10, 6, WINDOW_MS);
    const begun = performance.now();
    expect(await world.other.adapter.reserve(newOrder(), [line(1, 'p1', 1)], soon())).toEqual(HELD);
    expect(performance.now() - begun).toBeLessThan(500);
    expect(left()).toBe(5);
  });

  it('is recognized when it takes effect within the window', async () => {
    const order = newOrder();
    await leaveUnfinished(`${order}/1/reserve`, 10, 6, 0);
    const reserving = world.other.adapter.reserve(order, [line(1, 'p1', 4)], soon());
    await pause(WINDOW_MS / 2);
    world.sandbox.stock.move('p1', -4, { route: 'test', key: null });
    expect(await reserving).toEqual(HELD);
    expect([left(), puts()]).toEqual([6, 0]);
  });

  it.each([0, WINDOW_MS])(
    'has a permanently unknown outcome when others changed the stock (%d ms old)',
    async (ageMs) => {
      const order = newOrder();
      world.sandbox.stock.move('p1', -1, { route: 'test', key: null });
      await leaveUnfinished(`${order}/1/reserve`, 10, 6, ageMs);
      expect(await world.other.adapter.reserve(order, [line(1, 'p1', 4)], soon())).toEqual(UNKNOWN);
      expect(await world.other.adapter.reserve(order, [line(1, 'p1', 4)], soon())).toEqual(UNKNOWN);
      expect(await world.other.adapter.release(order, uncertain([line(1, 'p1', 4)]), soon())).toEqual(
        UNKNOWN,
      );
      expect(await states()).toEqual({ [`${order}/1/reserve`]: 'in_doubt' });
      expect(await world.other.adapter.reserve(newOrder(), [line(1, 'p1', 9)], soon())).toEqual(HELD);
      expect([left(), puts()]).toEqual([0, 1]);
    },
  );

  it('is in doubt when its repetition is refused, and does not block the product for other orders', async () => {
    const order = newOrder();
    await leaveUnfinished(`${order}/1/reserve`, 10, 6, WINDOW_MS);
    world.sandbox.services.catalog.faults.add({ kind: 'status', status: 400, method: 'PUT', times: 1 });
    expect(await world.one.adapter.reserve(order, [line(1, 'p1', 4)], soon())).toEqual(UNKNOWN);
    expect(await states()).toEqual({ [`${order}/1/reserve`]: 'in_doubt' });
    expect(await world.one.adapter.reserve(newOrder(), [line(1, 'p1', 9)], soon())).toEqual(HELD);
  });

  it('does not prevent the release of an order whose progress is unknown', async () => {
    const order = newOrder();
    world.sandbox.stock.move('p1', -4, { route: 'test', key: null });
    await leaveUnfinished(`${order}/1/reserve`, 10, 6, 0);
    const lines = [line(1, 'p1', 4), line(2, 'p1', 1), line(3, 'p2', 1)];
    expect(await world.other.adapter.release(order, uncertain(lines), soon())).toMatchObject([
      { line: 1, outcome: 'released' },
      { line: 2, outcome: 'released' },
      { line: 3, outcome: 'released' },
    ]);
    expect([left('p1'), left('p2')]).toEqual([10, 10]);
    // A late attempt of the order must not get any unit.
    expect(await world.one.adapter.reserve(order, lines, soon())).toMatchObject([
      { line: 1, outcome: 'refused' },
      { line: 2, outcome: 'unknown' },
      { line: 3, outcome: 'unknown' },
    ]);
    expect([left('p1'), left('p2')]).toEqual([10, 10]);
  });
});

describe('catalog call that takes effect after its callers gave up', () => {
  it('can not be repeated, because its key has been used', async () => {
    const order = newOrder();
    const { faults } = world.sandbox.services.catalog;
    faults.add({ kind: 'hang', method: 'PUT', times: 1 });
    expect(await world.one.adapter.reserve(order, [line(1, 'p1', 4)], soon(500))).toEqual(UNKNOWN);
    expect(await world.one.adapter.release(order, uncertain([line(1, 'p1', 4)]), soon())).toEqual(RELEASED);
    expect(await world.one.adapter.reserve(newOrder(), [line(1, 'p1', 9)], soon())).toEqual(HELD);
    expect(left()).toBe(1);
    expect(faults.release()).toBe(1);
    await pause(50);
    expect(left()).toBe(1);
  });
});

describe('catalog that returns 4xx to the first call', () => {
  it.each([400, 409, 422])('%i refuses the line, without doubt', async (status) => {
    const order = newOrder();
    const lines = [line(1, 'p1', 4), line(2, 'p2', 1)];
    answerOnce(status);
    const refused = [
      { line: 1, outcome: 'refused', reason: expect.any(String) },
      { line: 2, outcome: 'notAttempted' },
    ];
    expect(await world.one.adapter.reserve(order, lines, soon(800))).toEqual(refused);
    expect(await world.other.adapter.reserve(order, lines, soon(800))).toEqual(refused);
    expect(await states()).toEqual({ [`${order}/1/reserve`]: 'refused' });
    expect([left('p1'), left('p2'), puts()]).toEqual([10, 10, 1]);
  });

  it.each([401, 405, 413])(
    '%i leaves no journal entry, so that the line can be tried again',
    async (status) => {
      const order = newOrder();
      answerOnce(status);
      expect(await world.one.adapter.reserve(order, [line(1, 'p1', 4)], soon(800))).toEqual(UNKNOWN);
      expect(await states()).toEqual({});
      world.sandbox.services.catalog.faults.reset();
      expect(await world.one.adapter.reserve(order, [line(1, 'p1', 4)], soon(800))).toEqual(HELD);
      expect(left()).toBe(6);
    },
  );

  it.each([403, 404, 408, 410, 429])('%i has an unknown outcome until the stock was read', async (status) => {
    answerOnce(status);
    const begun = performance.now();
    expect(await world.one.adapter.reserve(newOrder(), [line(1, 'p1', 4)], soon())).toEqual(HELD);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(WINDOW_MS - 50);
    expect([left(), puts()]).toEqual([6, 2]);
  });

  it('404 is a reservation when the stock was set', async () => {
    const { faults } = world.sandbox.services.catalog;
    faults.add({ kind: 'status', status: 404, method: 'PUT', when: 'after', times: 1 });
    expect(await world.one.adapter.reserve(newOrder(), [line(1, 'p1', 4)], soon(800))).toEqual(HELD);
    expect([left(), puts()]).toEqual([6, 1]);
  });

  it.each([400, 409, 422])(
    '%i to a release leaves the line held, and the release can be repeated',
    async (status) => {
      const order = newOrder();
      const lines = [line(1, 'p1', 4)];
      expect(await world.one.adapter.reserve(order, lines, soon())).toEqual(HELD);
      answerOnce(status);
      expect(await world.one.adapter.release(order, uncertain(lines), soon(800))).toEqual(UNKNOWN);
      expect(left()).toBe(6);
      expect(await world.one.adapter.release(order, uncertain(lines), soon(800))).toEqual(RELEASED);
      expect(left()).toBe(10);
    },
  );
});

describe('order of several lines at the catalog', () => {
  it('reads the stock after a lost response instead of repeating the call', async () => {
    world.sandbox.services.catalog.faults.add({ kind: 'reset', when: 'after', method: 'PUT' });
    const lines = [line(1, 'p1', 1), line(2, 'p1', 2), line(3, 'p2', 3)];
    const outcomes = await world.one.adapter.reserve(newOrder(), lines, soon());
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['held', 'held', 'held']);
    expect([left('p1'), left('p2'), puts()]).toEqual([7, 7, 3]);
  });

  it('stops at the first refusal, and reports the other lines as not attempted', async () => {
    const order = newOrder();
    const lines = [line(1, 'p3', 1), line(2, 'p2', 11), line(3, 'p1', 1), line(4, 'p2', 1)];
    const expected = [
      { line: 1, outcome: 'notAttempted' },
      { line: 2, outcome: 'refused' },
      { line: 3, outcome: 'held' },
      { line: 4, outcome: 'notAttempted' },
    ];
    expect(await world.one.adapter.reserve(order, lines, soon())).toMatchObject(expected);
    expect(await world.one.adapter.reserve(order, lines, soon())).toMatchObject(expected);
    expect(PRODUCTS.map((id) => left(id))).toEqual([9, 10, 10, 10, 10]);
  });

  it('stops at the first unknown outcome, and never reports the other lines as not attempted', async () => {
    const order = newOrder();
    world.sandbox.services.catalog.faults.add({ kind: 'status', status: 500, path: '/products/p2' });
    const lines = [line(1, 'p1', 1), line(2, 'p2', 1), line(3, 'p3', 1)];
    expect(await world.one.adapter.reserve(order, lines, soon())).toMatchObject([
      { line: 1, outcome: 'held' },
      { line: 2, outcome: 'unknown' },
      { line: 3, outcome: 'unknown' },
    ]);
    expect(left('p3')).toBe(10);
  });

  it('sends name and price back unchanged', async () => {
    await world.one.adapter.reserve(newOrder(), [line(1, 'p1', 1)], soon());
    expect(world.sandbox.stock.find('p1')).toEqual({
      id: 'p1',
      name: 'Product p1',
      price: 19.99,
      quantity: 9,
    });
  });
});

describe('journal table', () => {
  it('matches its entity', async () => {
    const { upQueries } = await world.one.dataSource.driver.createSchemaBuilder().log();
    const changes = upQueries.map(({ query }) => query).filter((query) => !query.startsWith('COMMENT ON'));
    expect(changes).toEqual([]);
  });
});
