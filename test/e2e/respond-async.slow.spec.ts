import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  clearFaults,
  endFaults,
  expectProblem,
  isReplay,
  ISO_TIME,
  line,
  newProduct,
  ORDER_ID,
  orderBody,
  selectRows,
  setStock,
  startFleet,
  statusesTold,
  stockOf,
  takenFrom,
  type TestFleet,
} from '../support/builders.js';
import {
  answerOf,
  getOrder,
  listEvents,
  type Order,
  type PlaceOrderBody,
  type PlacementHeaders,
  succeeded,
} from '../support/client.js';
import { eventually, type TestResponse, type TestService } from '../support/service.js';

const SETTINGS = {
  UPSTREAM_TIMEOUT_MS: '300',
  REQUEST_DEADLINE_MS: '1000',
  RECOVERY_WINDOW_MS: '6000',
  RECOVERY_INTERVAL_MS: '100',
};

/** Asks for a response before the order is complete. */
const ASYNC = { Prefer: 'respond-async' };

let fleet: TestFleet;
let service: TestService;
/** An instance that always responds asynchronously. */
let asyncService: TestService;

beforeAll(async () => {
  const own: Record<string, string>[] = [{}, { PLACEMENT_MODE: 'async', MAX_PLACEMENTS: '3' }];
  fleet = await startFleet(own.length, () => ({ ...SETTINGS, ...own.shift() }));
  const [first, second] = fleet.services;
  if (!first || !second) throw new Error('there are no two instances');
  service = first;
  asyncService = second;
});
afterAll(() => fleet.stop());
afterEach(() => endFaults(fleet.sandbox));

function place(body: PlaceOrderBody, headers: PlacementHeaders = {}): Promise<TestResponse> {
  return answerOf(service.api.POST('/orders', { body, params: { header: { ...ASYNC, ...headers } } }));
}

function placeCart(id: string): Promise<TestResponse> {
  return answerOf(service.api.POST('/orders/{id}', { params: { path: { id }, header: ASYNC } }));
}

function look(location: string | null): Promise<Order> {
  return getOrder(service, location?.replace(/^\/orders\//, '') ?? '');
}

/** Polls like a client until the order is not pending any more. */
function untilSettled(location: string | null): Promise<Order> {
  return eventually(async () => {
    const order = await look(location);
    return order.status === 'pending' ? undefined : order;
  }, 20_000);
}

/** Waits until so many attempts at the placement of an order have begun. */
async function untilTakenUp({ database }: TestFleet, id: unknown, times: number): Promise<void> {
  const sql = `SELECT 1 FROM tasks WHERE order_id = $1 AND kind = 'place-order' AND attempts >= $2`;
  await eventually(async () => (await selectRows(database, sql, [id, times])).length > 0);
}

const takeInventoryAway = () => fleet.sandbox.services.inventory.faults.add({ kind: 'away' });

describe('order with Prefer: respond-async', () => {
  it('returns 202 with its location, and is confirmed soon after', async () => {
    const product = newProduct(fleet.sandbox);
    const answer = await place(orderBody([line(product, 2, 10)], { expected_total: 20 }));
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({
      order_id: expect.stringMatching(ORDER_ID),
      status: 'pending',
      message: expect.any(String),
      timestamp: expect.stringMatching(ISO_TIME),
      total_amount: null,
      currency: 'USD',
    });
    expect(answer.headers.get('location')).toBe(`/orders/${answer.body.order_id}`);
    expect(answer.headers.get('preference-applied')).toBe('respond-async');
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    const order = await untilSettled(answer.headers.get('location'));
    expect(order).toMatchObject({ status: 'confirmed', total_amount: 20, version: 2 });
    expect(order.items).toMatchObject([
      { product_id: product, product_name: `Product ${product}`, quantity: 2, price: 10 },
    ]);
    expect(stockOf(fleet.sandbox, product)).toBe(8);
    await eventually(() => statusesTold(fleet.sandbox, answer.body.order_id).join() === 'confirmed');
  });

  it.each(['respond-async', 'wait=5, Respond-Async', 'respond-async; foo="bar"'])(
    'is recognized in any form of RFC 7240: %s',
    async (prefer) => {
      const answer = await place(orderBody([line(newProduct(fleet.sandbox))]), { Prefer: prefer });
      expect(answer.status).toBe(202);
    },
  );

  it.each(['wait=5', 'respond-asynchronously', 'return=minimal'])('is not implied by: %s', async (prefer) => {
    const answer = await place(orderBody([line(newProduct(fleet.sandbox))]), { Prefer: prefer });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('preference-applied')).toBeNull();
  });

  it('may be a cart', async () => {
    const answer = await placeCart('1');
    expect(answer.status).toBe(202);
    expect(await untilSettled(answer.headers.get('location'))).toMatchObject({ status: 'confirmed' });
    const again = await placeCart('1');
    expect([404, 409]).toContain(again.status);
  });

  it('is rejected at once when that needs no upstream call', async () => {
    expectProblem(await service.request('POST', '/orders', { items: [] }, { prefer: 'respond-async' }), 400);
    expectProblem(await place(orderBody([line('1', 1, 9.999)])), 400, ['items[0].price']);
    const cart = await placeCart('unknown');
    expectProblem(cart, 404);
  });
});

describe('asynchronous order during an inventory outage', () => {
  it('is accepted as pending, and confirmed after the outage', async () => {
    const product = newProduct(fleet.sandbox);
    takeInventoryAway();
    const answer = await place(orderBody([line(product, 3, 10)]));
    expect(answer.status).toBe(202);
    const location = answer.headers.get('location');
    // The attempt of the request has failed by then, and recovery has resumed the order.
    await untilTakenUp(fleet, answer.body.order_id, 2);
    const pending = await look(location);
    expect(pending).toMatchObject({ status: 'pending', total_amount: null, version: 1 });
    expect(pending.items).toMatchObject([{ product_id: product, product_name: null, price: null }]);
    clearFaults(fleet.sandbox);
    expect(await untilSettled(location)).toMatchObject({ status: 'confirmed', total_amount: 30 });
    expect(takenFrom(fleet.sandbox, product)).toEqual([-3]);
  });

  it('fails after the recovery window, without a reservation', async () => {
    const product = newProduct(fleet.sandbox);
    takeInventoryAway();
    const answer = await place(orderBody([line(product)]), { 'Idempotency-Key': 'too-late' });
    expect(answer.status).toBe(202);
    const order = await untilSettled(answer.headers.get('location'));
    expect(order).toMatchObject({ status: 'failed', failure: '/problems/placement-failed' });
    clearFaults(fleet.sandbox);
    const again = await place(orderBody([line(product)]), { 'Idempotency-Key': 'too-late' });
    expectProblem(again, 503);
    expect(again.body).toMatchObject({ type: '/problems/placement-failed', order_id: answer.body.order_id });
    expect(takenFrom(fleet.sandbox, product)).toEqual([]);
    // Not in doubt, as it would be after a reservation call.
    const lines = await selectRows(
      fleet.database,
      'SELECT DISTINCT reservation FROM order_items WHERE order_id = $1',
      [answer.body.order_id],
    );
    expect(lines).toEqual([{ reservation: 'released' }]);
  });
});

describe('asynchronous order that can not be placed', () => {
  const cases: [string, number, (product: string) => PlaceOrderBody, Record<string, unknown>][] = [
    ['price-changed', 409, (id) => orderBody([line(id, 1, 11)]), { differences: [expect.anything()] }],
    ['total-changed', 409, (id) => orderBody([line(id)], { expected_total: 11 }), { current_total: 10 }],
    ['insufficient-stock', 400, (id) => orderBody([line(id, 11)]), { shortages: [expect.anything()] }],
    ['unknown-product', 400, (id) => orderBody([line(`no-${id}`)]), { shortages: [expect.anything()] }],
  ];

  it.each(cases)('is rejected: %s', async (name, status, bodyOf, more) => {
    const product = newProduct(fleet.sandbox);
    const key = { 'Idempotency-Key': `impossible-${name}` };
    const answer = await place(bodyOf(product), key);
    expect(answer.status).toBe(202);
    const order = await untilSettled(answer.headers.get('location'));
    expect(order).toMatchObject({ status: 'rejected', failure: `/problems/${name}`, total_amount: null });
    expect((await listEvents(service, order.order_id)).at(-1)).toMatchObject({
      to: 'rejected',
      reason: expect.any(String),
      data: more,
    });
    // From now on the key replays the synchronous response, for any preference.
    for (const headers of [key, { ...key, Prefer: 'wait=1' }]) {
      const later = await place(bodyOf(product), headers);
      expectProblem(later, status);
      expect(isReplay(later)).toBe(true);
      expect(later.body).toMatchObject({ type: `/problems/${name}`, order_id: order.order_id, ...more });
    }
    // Exactly the synchronous response.
    const { order_id: _, ...told } = (await place(bodyOf(product), key)).body;
    const waited = await service.request('POST', '/orders', bodyOf(product));
    expectProblem(waited, status);
    expect(told).toEqual(waited.body);
    expect(takenFrom(fleet.sandbox, product)).toEqual([]);
  });
});

describe('asynchronous order with an Idempotency-Key', () => {
  it('replays 202 while it is pending, and its outcome after that', async () => {
    const product = newProduct(fleet.sandbox);
    const key = { 'Idempotency-Key': 'again-and-again' };
    takeInventoryAway();
    const body = orderBody([line(product)]);
    const first = await place(body, key);
    const second = await place(body, key);
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(second.body).toEqual(first.body);
    expect([isReplay(first), isReplay(second)]).toEqual([false, true]);
    expectProblem(await place(orderBody([line(product, 2)]), key), 422);
    clearFaults(fleet.sandbox);
    await untilSettled(first.headers.get('location'));
    const third = await place(body, key);
    expect(third.status).toBe(201);
    expect(third.body).toMatchObject({
      order_id: first.body.order_id,
      status: 'confirmed',
      total_amount: 10,
    });
    expect(takenFrom(fleet.sandbox, product)).toEqual([-1]);
  });

  it('is placed once by many concurrent requests', async () => {
    const product = newProduct(fleet.sandbox);
    const key = { 'Idempotency-Key': 'at-once' };
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => place(orderBody([line(product)]), key)),
    );
    expect(new Set(answers.map((answer) => answer.body.order_id)).size).toBe(1);
    await untilSettled(answers[0]?.headers.get('location') ?? null);
    expect(takenFrom(fleet.sandbox, product)).toEqual([-1]);
  });
});

describe('instance with PLACEMENT_MODE=async', () => {
  it('returns 202 by default', async () => {
    const body = orderBody([line(newProduct(fleet.sandbox))]);
    const answer = await answerOf(asyncService.api.POST('/orders', { body }));
    expect(answer.status).toBe(202);
    expect(answer.headers.get('preference-applied')).toBeNull();
    expect(await untilSettled(answer.headers.get('location'))).toMatchObject({ status: 'confirmed' });
  });

  it('confirms more concurrent orders than it runs at once', async () => {
    const product = newProduct(fleet.sandbox);
    setStock(fleet.sandbox, product, 1_000);
    fleet.sandbox.services.inventory.faults.add({ kind: 'delay', ms: 50 });
    const answers: TestResponse[] = [];
    const body = orderBody([line(product)]);
    while (answers.length < 60) {
      const answer = await answerOf(asyncService.api.POST('/orders', { body }));
      if (answer.status === 202) answers.push(answer);
    }
    for (const answer of answers) {
      expect(await untilSettled(answer.headers.get('location'))).toMatchObject({ status: 'confirmed' });
    }
    expect(stockOf(fleet.sandbox, product)).toBe(940);
  });
});

describe('with a non-idempotent inventory', () => {
  it('reserves an order once that had to wait for its prices, and leaves no line in doubt', async () => {
    const plain = await startFleet(1, () => ({ ...SETTINGS, INVENTORY_HONOURS_IDEMPOTENCY_KEYS: 'false' }), {
      honourIdempotencyKeys: false,
    });
    try {
      const product = newProduct(plain.sandbox);
      plain.sandbox.services.inventory.faults.add({ kind: 'away' });
      const [instance] = plain.services as [TestService];
      const params = { header: ASYNC };
      const { order_id: id } = await succeeded(
        instance.api.POST('/orders', { body: orderBody([line(product)]), params }),
      );
      // Resumed at least twice before the inventory is back.
      await untilTakenUp(plain, id, 3);
      clearFaults(plain.sandbox);
      await eventually(async () => (await getOrder(instance, id)).status !== 'pending');
      expect(await getOrder(instance, id)).toMatchObject({ status: 'confirmed' });
      expect(takenFrom(plain.sandbox, product)).toEqual([-1]);
    } finally {
      await plain.stop();
    }
  });
});
