import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  endFaults,
  expectProblem,
  line,
  newProduct,
  placeOrder,
  orderBody,
  selectRows,
  startFleet,
  statusesTold,
  stockOf,
  type TestFleet,
} from '../support/builders.js';
import { getOrder, listEvents } from '../support/client.js';
import {
  cancelOrder,
  confirmOrder,
  endHolds,
  expireOrder,
  extendHold,
  HOLD_SECONDS,
  makeExpiryDue,
  postponedExpiry,
  reserveOrder,
  statusOf,
  tasksOf,
} from '../support/holds.js';
import { eventually, type TestService } from '../support/service.js';

let fleet: TestFleet;
let service: TestService;

beforeAll(async () => {
  fleet = await startFleet(1);
  [service] = fleet.services as [TestService];
});
afterAll(() => fleet.stop());

const reserve = (quantity = 2): Promise<string> =>
  reserveOrder(service, [line(newProduct(fleet.sandbox), quantity)]);

describe('an order with a hold', () => {
  it('holds its stock until expires_at, and its customer is not notified', async () => {
    const product = newProduct(fleet.sandbox);
    const id = await reserveOrder(service, [line(product, 2)]);
    const order = await getOrder(service, id);
    expect(order).toMatchObject({ status: 'reserved', version: 2 });
    const heldMs = Date.parse(String(order.expires_at)) - Date.parse(order.timestamp);
    expect(heldMs / 1_000).toBeGreaterThanOrEqual(HOLD_SECONDS);
    expect(heldMs / 1_000).toBeLessThan(HOLD_SECONDS + 60);
    expect(stockOf(fleet.sandbox, product)).toBe(8);
    expect(await tasksOf(service, id)).toEqual(['expire-hold']);
    expect(statusesTold(fleet.sandbox, id)).toEqual([]);
  });

  it('expires by itself: its stock is released', async () => {
    const product = newProduct(fleet.sandbox);
    const id = await reserveOrder(service, [line(product, 2)]);
    await expireOrder(service, id);
    expect(stockOf(fleet.sandbox, product)).toBe(10);
    const events = await listEvents(service, id);
    expect(events.find(({ to }) => to === 'expired')).toMatchObject({
      from: 'reserved',
      actor: 'hold-expiry',
      reason: 'no payment came in time',
    });
    expect(statusesTold(fleet.sandbox, id)).toEqual([]);
    await eventually(async () => (await tasksOf(service, id)).length === 0);
  });

  it('can be cancelled, also by PUT, and then does not expire', async () => {
    const product = newProduct(fleet.sandbox);
    const id = await reserveOrder(service, [line(product, 2)]);
    expect((await cancelOrder(service, id)).status).toBe(200);
    await eventually(() => stockOf(fleet.sandbox, product) === 10);
    await eventually(async () => (await tasksOf(service, id)).length === 0);
    expect(await statusOf(service, id)).toBe('cancelled');
  });

  it('can not be set to expired', async () => {
    const id = await reserve();
    const answer = await service.request('PUT', `/orders/${id}`, { status: 'expired' });
    expectProblem(answer, 409);
    expect(answer.body).toMatchObject({
      current_status: 'reserved',
      allowed_transitions: ['confirmed', 'cancelled'],
    });
  });
});

describe('a confirmation', () => {
  const PAYMENT = { reference: 'pay_1', state: 'captured' };

  it('records its payment, notifies the customer and leaves no hold', async () => {
    const id = await reserve();
    const answer = await confirmOrder(service, id, PAYMENT);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        status: 'confirmed',
        version: 3,
        payments: [{ ...PAYMENT, amount: 20, currency: 'USD', confirmed: true }],
        payment_state: 'paid',
      },
    });
    expect(answer.headers.get('etag')).toBe('"3"');
    await eventually(() => statusesTold(fleet.sandbox, id).length > 0);
    expect(statusesTold(fleet.sandbox, id)).toEqual(['confirmed']);
    await eventually(async () => (await tasksOf(service, id)).length === 0);
    expect((await listEvents(service, id)).at(-1)).toMatchObject({
      to: 'confirmed',
      data: { payment: { reference: 'pay_1', state: 'captured', amount: 20, currency: 'USD' } },
    });
  });

  it('needs no body, and can be a PUT of the status', async () => {
    const [one, other] = [await reserve(), await reserve()];
    const confirmed = await confirmOrder(service, one);
    expect([confirmed.status, confirmed.body.payments]).toEqual([200, []]);
    const put = await service.request('PUT', `/orders/${other}`, { status: 'confirmed' });
    expect([put.status, put.body.status, put.body.payment_state]).toEqual([200, 'confirmed', 'none']);
  });

  it('is repeated with the same payment, and refused with another', async () => {
    const id = await reserve();
    await confirmOrder(service, id, PAYMENT);
    expect(await confirmOrder(service, id, PAYMENT)).toMatchObject({ status: 200, body: { version: 3 } });
    expect(await confirmOrder(service, id)).toMatchObject({ status: 200, body: { version: 3 } });
    const other = await confirmOrder(service, id, { reference: 'pay_2' });
    expectProblem(other, 409);
    expect(other.body).toMatchObject({
      type: '/problems/already-confirmed',
      reference: 'pay_1',
      current_status: 'confirmed',
    });
    expect((await getOrder(service, id)).version).toBe(3);
  });

  it('records a capture of the payment that has confirmed the order', async () => {
    const id = await reserve();
    await confirmOrder(service, id, { reference: 'pay_1' });
    expect(await confirmOrder(service, id, PAYMENT)).toMatchObject({
      status: 200,
      body: { version: 4, payment_state: 'paid' },
    });
  });

  it('of an order that was confirmed without a payment records the first one', async () => {
    const id = await placeOrder(service, orderBody([line(newProduct(fleet.sandbox), 2)]));
    expect(await confirmOrder(service, id, PAYMENT)).toMatchObject({
      status: 200,
      body: { status: 'confirmed', payments: [{ reference: 'pay_1', confirmed: true }] },
    });
    expectProblem(await confirmOrder(service, id, { reference: 'pay_2' }), 409);
  });

  it.each([{ amount: 19.99 }, { amount: 20.01 }, { currency: 'EUR' }])(
    'with a payment of %j is refused',
    async (wrong) => {
      const id = await reserve();
      const answer = await confirmOrder(service, id, { ...PAYMENT, ...wrong });
      expectProblem(answer, 409);
      expect(answer.body).toMatchObject({
        type: '/problems/payment-mismatch',
        total_amount: 20,
        currency: 'USD',
      });
      expect(await getOrder(service, id)).toMatchObject({ status: 'reserved', payments: [], version: 2 });
    },
  );

  it('of a cancelled order is refused, takes no stock, and leaves its payment to be refunded', async () => {
    const product = newProduct(fleet.sandbox);
    const id = await reserveOrder(service, [line(product, 2)]);
    await cancelOrder(service, id);
    await eventually(() => stockOf(fleet.sandbox, product) === 10);
    const answer = await confirmOrder(service, id, PAYMENT);
    expectProblem(answer, 409);
    expect(answer.body).toMatchObject({
      type: '/problems/transition-not-allowed',
      current_status: 'cancelled',
    });
    expect(stockOf(fleet.sandbox, product)).toBe(10);
    const { payments, payment_state: state } = await getOrder(service, id);
    expect([payments, state]).toMatchObject([[{ reference: 'pay_1' }], 'paid']);
    expect(payments[0]?.confirmed).toBeUndefined();
  });

  it('after the inventory has given the units away reserves them again', async () => {
    const product = newProduct(fleet.sandbox);
    const id = await reserveOrder(service, [line(product, 2)]);
    await selectRows(service.database, 'UPDATE orders SET stock_until = now() WHERE id = $1', [id]);
    expect((await confirmOrder(service, id)).status).toBe(200);
    const changes = (await listEvents(service, id)).map(({ to }) => to);
    expect(changes).toEqual(expect.arrayContaining(['expired', 'confirmed']));
    expect(stockOf(fleet.sandbox, product)).toBe(8);
  });

  it('of a pending order is refused, and confirms it later', async () => {
    fleet.sandbox.services.inventory.faults.add({ kind: 'away' });
    const body = { ...orderBody([line(newProduct(fleet.sandbox), 2)]), hold_seconds: HOLD_SECONDS };
    const placed = await service.request('POST', '/orders', body, { prefer: 'respond-async' });
    expect(placed.status).toBe(202);
    const id = String(placed.body.order_id);
    const answer = await confirmOrder(service, id, PAYMENT);
    expectProblem(answer, 409);
    expect(answer.body).toMatchObject({ current_status: 'pending' });
    expect((await getOrder(service, id)).payments).toEqual([]);
    await endFaults(fleet.sandbox);
    await eventually(async () => (await statusOf(service, id)) === 'reserved');
    expect((await confirmOrder(service, id, PAYMENT)).body).toMatchObject({
      status: 'confirmed',
      payment_state: 'paid',
    });
  });

  it('of an unknown order is a 404', async () => {
    expectProblem(await confirmOrder(service, '01890000-0000-7000-8000-000000000000', PAYMENT), 404);
    expectProblem(await extendHold(service, 'x', 60), 404);
  });

  it.each([
    [{ payment: {} }, ['payment.reference']],
    [{ payment: 'x' }, ['payment']],
    [
      { payment: { reference: 'p', state: 'declined', amount: -1, currency: 'ABC' } },
      ['payment.state', 'payment.amount', 'payment.currency'],
    ],
    [{ payment: { reference: 'x'.repeat(129) } }, ['payment.reference']],
    [{ hold_seconds: 60 }, ['hold_seconds']],
  ])('with the body %j is invalid', async (body, fields) => {
    const id = await reserve();
    expectProblem(await service.request('POST', `/orders/${id}/confirm`, body), 400, fields);
    expect((await getOrder(service, id)).status).toBe('reserved');
  });
});

describe('an extension', () => {
  it('lets the hold end later, which its expiry respects', async () => {
    const id = await reserve();
    const answer = await extendHold(service, id, 2 * HOLD_SECONDS);
    expect(answer).toMatchObject({ status: 200, body: { status: 'reserved', version: 3 } });
    const leftMs = Date.parse(String(answer.body.expires_at)) - Date.now();
    expect(leftMs / 1_000).toBeGreaterThan(2 * HOLD_SECONDS - 60);
    expect((await listEvents(service, id)).at(-1)).toMatchObject({
      type: 'hold_extended',
      data: { expires_at: answer.body.expires_at },
    });
  });

  it('makes a task that is due before wait', async () => {
    const id = await reserve();
    await extendHold(service, id, 2 * HOLD_SECONDS);
    const { expires_at: end } = await getOrder(service, id);
    await makeExpiryDue(service, id);
    const waiting = await postponedExpiry(service, id);
    expect(waiting.waits).toBeGreaterThan(2 * HOLD_SECONDS - 60);
    expect(await getOrder(service, id)).toMatchObject({ status: 'reserved', expires_at: end });
    expect(await tasksOf(service, id)).toEqual(['expire-hold']);
  });

  it('never shortens the hold', async () => {
    const id = await reserve();
    const { expires_at: end } = await getOrder(service, id);
    expect(await extendHold(service, id, 60)).toMatchObject({
      status: 200,
      body: { expires_at: end, version: 2 },
    });
  });

  it('is refused with the status when the order has no hold', async () => {
    const id = await reserve();
    await confirmOrder(service, id);
    const answer = await extendHold(service, id, HOLD_SECONDS);
    expectProblem(answer, 409);
    expect(answer.body).toMatchObject({ type: '/problems/not-reserved', current_status: 'confirmed' });
  });

  it.each([59, 2_592_001, 60.5, '60', null])('by %j seconds is invalid', async (seconds) => {
    const id = await reserve();
    const body = { hold_seconds: seconds };
    expectProblem(await service.request('POST', `/orders/${id}/extend`, body), 400, ['hold_seconds']);
  });
});

it('holds of many orders end together', async () => {
  const product = newProduct(fleet.sandbox, 100);
  const ids = await Promise.all(Array.from({ length: 50 }, () => reserveOrder(service, [line(product)])));
  expect(stockOf(fleet.sandbox, product)).toBe(50);
  await endHolds(service, ids);
  await eventually(() => stockOf(fleet.sandbox, product) === 100);
});
