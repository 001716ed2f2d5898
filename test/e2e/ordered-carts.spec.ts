import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { PlaceOrderRepository } from '../../src/orders/place-order/place-order.repository.js';
import {
  callsTo,
  expectProblem,
  newProduct,
  selectRows,
  takenFrom,
  restoreUpstreams,
} from '../support/builders.js';
import { setStatus } from '../support/client.js';
import { eventually } from '../support/service.js';
import { startSystemB, type SystemB } from '../support/system-b.js';

let fleet: SystemB['fleet'];
let service: SystemB['service'];
let sandbox: SystemB['sandbox'];
let order: SystemB['order'];
let giveCart: SystemB['giveCart'];

beforeAll(async () => {
  ({ fleet, service, sandbox, order, giveCart } = await startSystemB());
});

afterEach(() => restoreUpstreams(service, sandbox));

afterAll(() => fleet.stop());

function checkoutsOf(customer: string): Promise<{ state: string }[]> {
  return selectRows(
    fleet.database,
    `SELECT state FROM tasks WHERE kind = 'check-out-cart' AND payload->>'customerId' = $1
     UNION ALL
     SELECT 'done' FROM deliveries d JOIN orders o ON o.id = d.order_id
     WHERE d.queue = 'check-out-cart' AND o.customer_id = $1`,
    [customer],
  );
}

describe('an ordered cart that the cart service still reports as active', () => {
  it('is not ordered a second time, but refused with 409', async () => {
    const product = newProduct(sandbox);
    giveCart('53', [[product, 2]]);
    sandbox.services.carts.faults.add({ kind: 'status', status: 503, method: 'PUT' });
    const first = await order(53);
    expect(first.status).toBe(201);
    const second = await order(53);
    expectProblem(second, 409);
    expect(second.body).toMatchObject({
      type: '/problems/cart-already-ordered',
      order_id: first.body.order_id,
    });
    expect(takenFrom(sandbox, product)).toEqual([-2]);

    await restoreUpstreams(service, sandbox);
    await eventually(() => sandbox.carts.findActive('53') === undefined);
  });

  it('is checked out again when it is still active after its checkout', async () => {
    giveCart('56', [[newProduct(sandbox), 1]]);
    // The order finds the cart; then two look-ups of the checkout get a 404.
    const rule = { kind: 'status', status: 404, method: 'GET', path: '/carts/56' } as const;
    sandbox.services.carts.faults.add({ ...rule, skip: 1, times: 2 });
    const first = await order(56);
    expect(first.status).toBe(201);
    await eventually(async () => (await checkoutsOf('56'))[0]?.state === 'done');
    expect(sandbox.carts.findActive('56')).toBeDefined();

    const second = await order(56);
    expectProblem(second, 409);
    expect(second.body.order_id).toBe(first.body.order_id);
    await eventually(() => sandbox.carts.findActive('56') === undefined);
    expect(await checkoutsOf('56')).toHaveLength(2);
  });

  it('can be ordered again after its order was cancelled', async () => {
    const product = newProduct(sandbox);
    giveCart('54', [[product, 2]]);
    sandbox.services.carts.faults.add({ kind: 'status', status: 503, method: 'PUT' });
    const first = await order(54);
    await setStatus(service, first.body.order_id, 'cancelled');
    expect((await order(54)).status).toBe(201);
  });

  it('is not checked out again for an order that has ended', async () => {
    giveCart('57', [[newProduct(sandbox), 2]]);
    sandbox.services.carts.faults.add({ kind: 'status', status: 503, method: 'PUT' });
    const first = await order(57);
    await setStatus(service, first.body.order_id, 'cancelled');
    await restoreUpstreams(service, sandbox);
    await eventually(async () => (await checkoutsOf('57')).every(({ state }) => state === 'done'));
    giveCart('57', [[newProduct(sandbox), 2]]);
    // As in a request that found the claim of an order which has failed since.
    await service.app.get(PlaceOrderRepository).repeatCartCheckout(first.body.order_id);
    expect(await checkoutsOf('57')).toHaveLength(1);
  });

  it('is not confused with a new cart of the same customer', async () => {
    giveCart('55', [[newProduct(sandbox), 1]]);
    const rule = sandbox.services.carts.faults.add({ kind: 'status', status: 503, method: 'PUT' });
    expect((await order(55)).status).toBe(201);
    await eventually(() =>
      callsTo(sandbox, 'carts').some(({ method, path }) => method === 'PUT' && path === '/carts/55'),
    );
    giveCart('55', [[newProduct(sandbox), 1]]);
    sandbox.services.carts.faults.remove(rule);
    const [checkout] = await eventually(async () => {
      const checkouts = await checkoutsOf('55');
      return checkouts.every(({ state }) => state === 'done') ? checkouts : undefined;
    });
    expect(checkout).toBeDefined();
    expect(sandbox.carts.findActive('55')).toBeDefined();
  });
});
