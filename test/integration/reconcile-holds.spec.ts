import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { line, newProduct, selectRows, startFleet, stockOf, type TestFleet } from '../support/builders.js';
import { confirmOrder, expireOrder, reserveOrder } from '../support/holds.js';
import { insertOrders } from '../support/many-orders.js';
import { reconcileHere } from '../support/reconciliation.js';
import { testSettings, type TestService } from '../support/service.js';

const SETTINGS = { INVENTORY_API: 'reservations' };
const ORIGIN = { route: 'test', key: null };

let fleet: TestFleet;
let service: TestService;
let product = '';

beforeAll(async () => {
  fleet = await startFleet(1, () => SETTINGS);
  [service] = fleet.services as [TestService];
});
beforeEach(async () => {
  const orders = await selectRows<{ id: string }>(fleet.database, 'SELECT id FROM orders');
  await lose(...orders.map(({ id }) => id));
  fleet.sandbox.reset();
  product = newProduct(fleet.sandbox, 100);
});
afterAll(() => fleet.stop());

const reconcile = (apply = false) =>
  reconcileHere({ ...testSettings(fleet.sandbox, fleet.database.url), ...SETTINGS }, { apply });

const reserve = (quantity = 1) => reserveOrder(service, [line(product, quantity)]);

const items = (quantity = 1) => [{ product_id: product, quantity }];

/** Deletes orders from the database, as a failover to a standby that lacks them does. */
async function lose(...ids: string[]): Promise<void> {
  for (const table of ['tasks', 'order_events', 'order_items', 'orders']) {
    const column = table === 'orders' ? 'id' : 'order_id';
    await selectRows(fleet.database, `DELETE FROM ${table} WHERE ${column} = ANY ($1)`, [ids]);
  }
}

/** An order whose stock was released at the end of its hold, and reserved again by a late confirmation. */
async function confirmedLate(): Promise<string> {
  const id = await reserve();
  await expireOrder(service, id);
  expect((await confirmOrder(service, id)).status).toBe(200);
  expect([...fleet.sandbox.stock.reservations.keys()]).toContain(`${id}-2`);
  return id;
}

describe('reservations of holds', () => {
  it('agree with reserved orders, and with those that were confirmed late', async () => {
    await reserve();
    await confirmedLate();
    await expireOrder(service, await reserve());
    const { isOpen, json } = await reconcile();
    expect(isOpen).toBe(false);
    expect(json).toMatchObject({ reservations: [], compared: { reservations: 2, other_reservations: 0 } });
  });

  it('are missing of a reserved order, until its hold has ended', async () => {
    const id = await reserve();
    fleet.sandbox.stock.cancel(id, ORIGIN);
    expect((await reconcile()).json.reservations).toMatchObject([
      { order_id: id, reservation_id: id, verdict: 'not_held', status: 'reserved' },
    ]);
    await selectRows(fleet.database, `UPDATE orders SET expires_at = now() WHERE id = $1`, [id]);
    expect((await reconcile()).json.reservations).toEqual([]);
  });

  it('are missing of a generation, although another one is held', async () => {
    const id = await confirmedLate();
    fleet.sandbox.stock.cancel(`${id}-2`, ORIGIN);
    fleet.sandbox.stock.hold(`${id}-3`, items(), ORIGIN);
    expect((await reconcile(true)).json.reservations).toMatchObject([
      { order_id: id, reservation_id: `${id}-3`, verdict: 'other_generation', release: null },
      { order_id: id, reservation_id: `${id}-2`, verdict: 'not_held', status: 'confirmed' },
    ]);
  });

  it('of an expired order are not reported while its stock is being reserved again', async () => {
    const id = await reserve();
    await expireOrder(service, id);
    fleet.sandbox.stock.hold(`${id}-2`, items(), ORIGIN);
    await selectRows(
      fleet.database,
      `UPDATE orders SET stock_generation = 2, is_reserving_again = true WHERE id = $1`,
      [id],
    );
    expect((await reconcile()).json.reservations).toEqual([]);
    await selectRows(fleet.database, 'UPDATE orders SET is_reserving_again = false WHERE id = $1', [id]);
    expect((await reconcile()).json.reservations).toMatchObject([
      { order_id: id, reservation_id: `${id}-2`, verdict: 'order_ended', status: 'expired' },
    ]);
  });

  it('of a lost order are released under their own id', async () => {
    const [kept, lost] = [await reserve(), await confirmedLate()];
    await lose(lost);
    const { json } = await reconcile(true);
    expect(json.reservations).toMatchObject([
      { order_id: lost, reservation_id: `${lost}-2`, verdict: 'no_order', release: 'released' },
    ]);
    expect([...fleet.sandbox.stock.reservations.keys()]).toEqual([kept]);
    expect(stockOf(fleet.sandbox, product)).toBe(99);
  });

  it.each([999, 1_000])('are found although a page ends after %i reservations of order ids', async (at) => {
    const ids = await insertOrders(fleet.database, 1_200, { product });
    for (const id of ids) fleet.sandbox.stock.hold(id, items(0), ORIGIN);
    const [late = '', next = ''] = ids.slice(at - 1);
    await selectRows(fleet.database, 'UPDATE orders SET stock_generation = 2 WHERE id = ANY ($1)', [
      [late, next],
    ]);
    for (const id of [late, next]) fleet.sandbox.stock.hold(`${id}-2`, items(0), ORIGIN);
    fleet.sandbox.stock.cancel(next, ORIGIN);
    const { reservations, compared } = (await reconcile()).json;
    expect(reservations).toMatchObject([
      { order_id: late, reservation_id: late, verdict: 'other_generation' },
    ]);
    expect(compared).toMatchObject({ reservations: 1_201 });
  });
});
