import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  callsTo,
  line,
  newProduct,
  orderBody,
  placeOrder,
  selectRows,
  startFleet,
  stockOf,
  type TestFleet,
} from '../support/builders.js';
import { setStatus } from '../support/client.js';
import { insertOrders } from '../support/many-orders.js';
import { reconcileHere } from '../support/reconciliation.js';
import { runReport } from '../support/report-command.js';
import { eventually, testSettings, type TestService } from '../support/service.js';

const LONG_AGO = '2020-01-01';

/** Each run of the command loads the program, which takes seconds on a busy machine. */
const COMMANDS_MS = 90_000;

let fleet: TestFleet;
let service: TestService;
let product = '';
const folder = mkdtempSync(join(tmpdir(), 'order-reconcile-'));
const file = join(folder, 'known-orders');

const reservations = () => ({ INVENTORY_API: 'reservations' });

/** Runs the command in a process, as users do, which takes seconds. */
const command = (args: string[], more: Record<string, string> = reservations()) =>
  runReport('reconcile', args, { ...testSettings(fleet.sandbox, fleet.database.url), ...more });

/** Runs the same comparison in this process. */
const reconcile = (request: { lines?: string[]; apply?: boolean } = {}) =>
  reconcileHere({ ...testSettings(fleet.sandbox, fleet.database.url), ...settingsOf() }, request);

const place = (quantity = 1, body = {}) => placeOrder(service, orderBody([line(product, quantity)], body));

/** Deletes orders from the database, as a failover to a standby that lacks them does. */
async function lose(...ids: string[]): Promise<void> {
  for (const table of ['order_events', 'order_items', 'orders']) {
    const column = table === 'orders' ? 'id' : 'order_id';
    await selectRows(fleet.database, `DELETE FROM ${table} WHERE ${column} = ANY ($1)`, [ids]);
  }
}

const releases = () => callsTo(fleet.sandbox, 'inventory').filter(({ method }) => method === 'DELETE');

afterAll(() => rmSync(folder, { recursive: true, force: true }));

let settingsOf: () => Record<string, string> = reservations;

describe('reconcile with an inventory with reservations', () => {
  beforeAll(async () => {
    settingsOf = reservations;
    fleet = await startFleet(1, reservations);
    [service] = fleet.services as [TestService];
  });
  beforeEach(async () => {
    const orders = await selectRows<{ id: string }>(fleet.database, 'SELECT id FROM orders');
    await lose(...orders.map(({ id }) => id));
    fleet.sandbox.reset();
    product = newProduct(fleet.sandbox, 100);
  });
  afterAll(() => fleet.stop());

  it('finds no difference while orders and reservations agree', async () => {
    await place();
    const cancelled = await place();
    await setStatus(service, cancelled, 'cancelled');
    await eventually(() => stockOf(fleet.sandbox, product) === 99);
    const items = [{ product_id: product, quantity: 1 }];
    fleet.sandbox.stock.hold('another-system', items, { route: 'test', key: null });
    const { isOpen, json } = await reconcile();
    expect(isOpen).toBe(false);
    expect(json).toMatchObject({
      reservations: [],
      reservation_source: 'list',
      compared: { reservations: 1, other_reservations: 1 },
    });
  });

  it(
    'lists reservations without an order, and releases exactly these with --apply',
    async () => {
      await place(3);
      const lost = [await place(2), await place(5)];
      await lose(...lost);
      expect(stockOf(fleet.sandbox, product)).toBe(90);

      const { code, out } = await command([]);
      expect(code).toBe(1);
      const row = `^${lost[0]}  \\S+Z  2 of ${product}  no such order  release it: --apply$`;
      expect(out).toMatch(new RegExp(row, 'm'));
      expect(out).toContain(`Nothing was changed. To release 2 reservations (7 of ${product}), add --apply.`);
      expect(stockOf(fleet.sandbox, product)).toBe(90);
      expect(releases()).toEqual([]);

      const applied = await command(['--apply', '--since', LONG_AGO]);
      expect(applied.code).toBe(0);
      expect(applied.out).toContain(`Released: 2 reservations (7 of ${product}).`);
      expect(stockOf(fleet.sandbox, product)).toBe(97);
      expect(releases().map(({ key }) => key)).toEqual(lost.map((id) => `${id}/release`));
      expect(await reconcile()).toMatchObject({ isOpen: false, json: { reservations: [] } });
    },
    COMMANDS_MS,
  );

  it('lists orders whose stock was released before the failover, and does not change them', async () => {
    const id = await place(4);
    fleet.sandbox.stock.cancel(id, { route: 'test', key: null });
    const { isOpen, json } = await reconcile({ apply: true });
    expect(isOpen).toBe(true);
    expect(json.reservations).toEqual([
      {
        order_id: id,
        reservation_id: id,
        verdict: 'not_held',
        status: 'confirmed',
        items: null,
        release: null,
      },
    ]);
    expect(releases()).toEqual([]);
  });

  it('lists reservations of orders that have ended, and does not change them', async () => {
    const id = await place(4);
    const end = `UPDATE orders SET status = 'cancelled' WHERE id = $1`;
    await selectRows(fleet.database, end, [id]);
    // Its release has not run yet.
    expect((await reconcile()).json.reservations).toEqual([]);
    const release = `UPDATE order_items SET reservation = 'released' WHERE order_id = $1`;
    await selectRows(fleet.database, release, [id]);
    const { isOpen, json } = await reconcile({ apply: true });
    expect(isOpen).toBe(true);
    expect(json.reservations).toMatchObject([
      { order_id: id, verdict: 'order_ended', status: 'cancelled', release: null },
    ]);
    expect(releases()).toEqual([]);
  });

  it(
    'compares orders that are known outside, and releases only their reservations',
    async () => {
      const [here, lost, foreign] = [await place(), await place(2), await place(3)];
      await lose(lost, foreign);
      const lines = [
        JSON.stringify({ order_id: here, status: 'confirmed' }),
        JSON.stringify({ order_id: here, status: 'shipped' }),
        JSON.stringify({ orderId: lost, msg: 'a line of the log' }),
        JSON.stringify({ order_id: lost, status: 'Ordered', items: [{ product_id: product, quantity: 2 }] }),
        `"Smith, Anna",${lost.toUpperCase()},2`,
        JSON.stringify({ count: 3 }),
      ];
      writeFileSync(file, `${lines.join('\n')}\n`);
      const { code, err, out } = await command(['--orders', file, '--apply', '--since', LONG_AGO]);
      expect(code).toBe(1);
      expect(err).toContain('1 lines of');
      expect(out).toContain(`Orders known outside that the database does not have: 1, with 2 of ${product}`);
      expect(out).toMatch(new RegExp(`^${lost}  \\S+Z  confirmed  notify the customer`, 'm'));
      expect(out).toMatch(new RegExp(`^${here}  confirmed  shipped   set the status again`, 'm'));
      expect(out).toMatch(new RegExp(`^${foreign} .* no such order  not in --orders`, 'm'));
      expect(releases().map(({ path }) => path)).toEqual([`/reservations/${lost}`]);
      expect((await reconcile({ lines })).json).toMatchObject({
        missing_orders: [
          { order_id: lost, reported: ['confirmed'], items: [{ product_id: product, quantity: 2 }] },
        ],
        lost_statuses: [{ order_id: here, status: 'confirmed', reported: ['shipped'] }],
        reservations: [{ order_id: foreign, verdict: 'no_order', release: null }],
        compared: { known_orders: 2 },
      });
    },
    COMMANDS_MS,
  );

  it('releases the reservations of known orders at an inventory without a list', async () => {
    const lines = [await place(), await place(2)];
    const lost = lines[1] ?? '';
    await lose(lost);
    const { faults } = fleet.sandbox.services.inventory;
    faults.add({ kind: 'status', method: 'GET', path: '/reservations', status: 404 });
    expect((await reconcile()).text).toContain('The inventory has no list of reservations');
    const { text } = await reconcile({ lines });
    expect(text).toMatch(new RegExp(`^${lost}  \\S+Z  unknown  no such order  release it: --apply$`, 'm'));
    await reconcile({ lines, apply: true });
    expect(stockOf(fleet.sandbox, product)).toBe(99);
    expect(releases().map(({ path }) => path)).toEqual([`/reservations/${lost}`]);
  });

  it('compares page by page, also when orders are missing at the ends of the pages', async () => {
    const ids = await insertOrders(fleet.database, 2_500, { product });
    const { stock } = fleet.sandbox;
    const origin = { route: 'test', key: null };
    stock.put({ id: product, name: 'Many', price: 1, quantity: 10_000 }, origin);
    for (const id of ids) stock.hold(id, [{ product_id: product, quantity: 1 }], origin);
    const [lost, given] = [
      [0, 998, 999, 1_000, 2_499].map((at) => ids[at] ?? ''),
      [1, 997, 1_001, 1_500, 2_498].map((at) => ids[at] ?? ''),
    ];
    await lose(...lost);
    for (const id of given) stock.cancel(id, origin);
    const { reservations: found, compared } = (await reconcile()).json;
    const byVerdict = (verdict: string) =>
      found.flatMap((one: { verdict: string; order_id: string }) =>
        one.verdict === verdict ? [one.order_id] : [],
      );
    expect(byVerdict('no_order')).toEqual(lost);
    expect(byVerdict('not_held')).toEqual(given);
    expect(compared).toMatchObject({ reservations: 2_495 });
  });

  it('reports an order that may still be held, and releases it the next time', async () => {
    const lost = await place(2);
    await place();
    await lose(lost);
    const { faults } = fleet.sandbox.services.inventory;
    faults.add({ kind: 'status', method: 'DELETE', status: 400 });
    const failed = await reconcile({ apply: true });
    expect(failed.isOpen).toBe(true);
    expect(failed.text).toContain('may still be held: inventory service: answered 400');
    faults.clear();
    expect((await reconcile({ apply: true })).isOpen).toBe(false);
    expect(stockOf(fleet.sandbox, product)).toBe(99);
  });

  it('releases nothing when none of the compared orders is in the database', async () => {
    const lost = await place();
    await lose(lost);
    await expect(reconcile({ apply: true })).rejects.toThrow('None of the orders that were compared');
    expect(releases()).toEqual([]);
  });

  it(
    'fails for an invalid list of reservations, and prints its help',
    async () => {
      fleet.sandbox.services.inventory.faults.add({ kind: 'garbage', method: 'GET', path: '/reservations' });
      const failed = await command([]);
      expect(failed).toMatchObject({ code: 2, out: '' });
      expect(failed.err).toMatch(/^The comparison failed: inventory service: /);
      expect((await command(['--help'])).out).toMatch(/^Usage: npm run reconcile/);
    },
    COMMANDS_MS,
  );
});

describe('reconcile with an inventory without reservations', () => {
  beforeAll(async () => {
    settingsOf = () => ({});
    fleet = await startFleet(1);
    [service] = fleet.services as [TestService];
    product = newProduct(fleet.sandbox, 100);
  });
  afterAll(() => fleet.stop());

  it('compares the stock like the drift report, counts the units of known orders, and rejects --apply', async () => {
    await place();
    await reconcile();
    const lost = await place(4);
    await lose(lost);
    const items = [{ product_id: product, quantity: 4 }];
    const { isOpen, text, json } = await reconcile({ lines: [JSON.stringify({ order_id: lost, items })] });
    expect(isOpen).toBe(true);
    expect(text).toContain('This inventory keeps no reservations');
    expect(text).toContain(`does not have: 1, with 4 of ${product}`);
    expect(text).toMatch(new RegExp(`^${product} +95 +99 +-4 +missing`, 'm'));
    expect(json).toMatchObject({
      reservation_source: 'none',
      stock: { products: [{ product_id: product, verdict: 'missing', drift: -4 }] },
    });
    await expect(reconcile({ apply: true })).rejects.toThrow('INVENTORY_API=reservations');
    expect(stockOf(fleet.sandbox, product)).toBe(95);
  });
});
