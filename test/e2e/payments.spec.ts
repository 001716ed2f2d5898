import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ORDER_STATUS_NAMES } from '../../src/orders/order-status.js';
import { MAX_PAYMENTS, PAYMENT_STATES } from '../../src/orders/payments/payment.js';
import {
  callsTo,
  expectProblem,
  ISO_TIME,
  line,
  newProduct,
  orderBody,
  placeOrder,
  selectRows,
  startFleet,
  statusesTold,
  takenFrom,
  type TestFleet,
} from '../support/builders.js';
import { getOrder, listEvents, listOrders, setStatus } from '../support/client.js';
import { countOpenTasks } from '../support/invariants.js';
import { CAPTURED, paymentEventsOf, recordPayment, sendPayment } from '../support/payments.js';
import { eventually, type TestService } from '../support/service.js';

let fleet: TestFleet;
let service: TestService;
let other: TestService;

beforeAll(async () => {
  fleet = await startFleet(2);
  [service, other] = fleet.services as [TestService, TestService];
});
afterAll(() => fleet.stop());

/** Places an order with a total of 10 USD. */
const place = (): Promise<string> => placeOrder(service, orderBody([line(newProduct(fleet.sandbox))]));

/** Half of the requests reach each instance. */
const instanceOf = (request: number): TestService => (request % 2 === 0 ? service : other);

describe('POST /orders/{id}/payments', () => {
  it.each(PAYMENT_STATES)('records a payment that is %s, with an event', async (state) => {
    const id = await place();
    const before = await getOrder(service, id);
    expect(before).toMatchObject({ payments: [], payment_state: 'none', expires_at: null });
    const report = { ...CAPTURED, state };
    const answer = await recordPayment(service, id, report);
    expect(answer.headers.get('etag')).toBe('"3"');
    expect(answer.body).toEqual({
      ...before,
      version: 3,
      updated_at: expect.stringMatching(ISO_TIME),
      payments: [{ ...report, recorded_at: answer.body.updated_at }],
      payment_state: {
        authorized: 'authorized',
        captured: 'paid',
        refunded: 'partially_refunded',
        voided: 'none',
        declined: 'none',
      }[state],
    });
    expect(answer.body).toEqual(await getOrder(other, id));
    expect(await paymentEventsOf(service, id)).toEqual([
      {
        seq: 3,
        type: 'payment_recorded',
        from: null,
        to: null,
        actor: 'anonymous',
        reason: null,
        data: report,
        timestamp: answer.body.updated_at,
      },
    ]);
  });

  it.each(ORDER_STATUS_NAMES)('works for an order that is %s, and changes no status', async (status) => {
    const id = await place();
    await selectRows(fleet.database, 'UPDATE orders SET status = $2 WHERE id = $1', [id, status]);
    const { body } = await recordPayment(service, id, CAPTURED);
    expect([body.status, body.payment_state]).toEqual([status, 'paid']);
  });

  it('follows a payment from its authorization to its refund', async () => {
    const id = await place();
    const states: string[] = [];
    for (const report of [
      { reference: 'pay_0', state: 'declined', amount: 10 },
      { reference: 'pay_1', state: 'authorized', amount: 10 },
      { reference: 'pay_1', state: 'captured', amount: 4 },
      { reference: 'pay_2', state: 'captured', amount: 6 },
      { reference: 're_1', state: 'refunded', amount: 9.99 },
      { reference: 're_2', state: 'refunded', amount: 0.01 },
    ]) {
      const { body } = await recordPayment(service, id, report);
      states.push(body.payment_state);
    }
    expect(states).toEqual(['none', 'authorized', 'authorized', 'paid', 'partially_refunded', 'refunded']);
    const { payments, version } = await getOrder(service, id);
    expect(payments.map(({ reference }) => reference)).toEqual([
      'pay_0',
      'pay_1',
      'pay_1',
      'pay_2',
      're_1',
      're_2',
    ]);
    expect(new Set(payments.map(({ currency }) => currency))).toEqual(new Set(['USD']));
    expect(version).toBe(8);
  });

  it('records another currency as it is, and does not count it', async () => {
    const id = await place();
    const report = { ...CAPTURED, amount: 1_500, currency: 'JPY' };
    const { body } = await recordPayment(service, id, report);
    expect(body).toMatchObject({ payments: [report], payment_state: 'none', currency: 'USD' });
  });

  it('calls no other service, sends no notification and leaves no task', async () => {
    const product = newProduct(fleet.sandbox);
    const id = await placeOrder(service, orderBody([line(product)]));
    await eventually(async () => (await countOpenTasks(fleet.database.url)) === 0);
    const calls = callsTo(fleet.sandbox).length;
    for (const state of PAYMENT_STATES) await recordPayment(service, id, { ...CAPTURED, state });
    expect(await countOpenTasks(fleet.database.url)).toBe(0);
    expect(callsTo(fleet.sandbox)).toHaveLength(calls);
    expect([statusesTold(fleet.sandbox, id), takenFrom(fleet.sandbox, product)]).toEqual([
      ['confirmed'],
      [-1],
    ]);
  });

  it('shows the payments in lists and exports', async () => {
    const id = await place();
    const { body: recorded } = await recordPayment(service, id, CAPTURED);
    const { orders } = await listOrders(service, { limit: 1 });
    expect(orders).toEqual([recorded]);
    const number = `number=${recorded.number}`;
    const { body: lines } = await service.request('GET', `/orders/export?format=ndjson&${number}`);
    expect(JSON.parse((lines as string).split('\n')[0] ?? '')).toMatchObject({
      payments: recorded.payments,
      payment_state: 'paid',
    });
    const columns = 'rows=orders&columns=expires_at,payment_state';
    const { body: cells } = await service.request('GET', `/orders/export?${columns}&${number}`);
    expect((cells as string).split('\r\n').slice(0, 2)).toEqual(['"expires_at","payment_state"', ',"paid"']);
  });

  it('of an unknown order returns 404', async () => {
    for (const id of ['01a1ffe2-9b80-748a-ba30-787d85a2b441', 'no-order'])
      expectProblem(await sendPayment(service, id, CAPTURED), 404);
  });
});

describe('a repeated report', () => {
  it('changes nothing and is no event, also after further reports', async () => {
    const id = await place();
    await recordPayment(service, id, CAPTURED);
    await recordPayment(service, id, { ...CAPTURED, reference: 're_1', state: 'refunded' });
    await setStatus(service, id, 'shipped');
    const before = await getOrder(service, id);
    for (const repeated of [CAPTURED, { ...CAPTURED, currency: undefined }]) {
      const answer = await recordPayment(service, id, repeated);
      expect([answer.body, answer.headers.get('etag')]).toEqual([before, '"5"']);
    }
    expect(await paymentEventsOf(service, id)).toHaveLength(2);
  });

  it.each([{ amount: 9.99 }, { currency: 'EUR' }])(
    'with %j is refused with 409 and what is recorded',
    async (more) => {
      const id = await place();
      await recordPayment(service, id, CAPTURED);
      const answer = await sendPayment(service, id, { ...CAPTURED, ...more });
      expectProblem(answer, 409);
      expect(answer.body).toMatchObject({
        type: '/problems/payment-already-recorded',
        recorded_amount: 10,
        recorded_currency: 'USD',
      });
      expect((await getOrder(service, id)).version).toBe(3);
    },
  );

  it('is answered where an order has as many payments as it can have, and another one is refused', async () => {
    const id = await place();
    const reports = Array.from({ length: MAX_PAYMENTS }, (_, n) => ({ ...CAPTURED, reference: `pay_${n}` }));
    const payments = reports.map((report) => ({ ...report, recorded_at: new Date().toISOString() }));
    await selectRows(fleet.database, 'UPDATE orders SET payments = $2 WHERE id = $1', [
      id,
      JSON.stringify(payments),
    ]);
    const answer = await sendPayment(service, id, { ...CAPTURED, reference: 'one more' });
    expectProblem(answer, 409);
    expect(answer.body).toMatchObject({ type: '/problems/too-many-payments', max_payments: MAX_PAYMENTS });
    await recordPayment(service, id, { ...CAPTURED, reference: 'pay_99' });
    expect(await paymentEventsOf(service, id)).toEqual([]);
  });

  it('keeps pages small: each payment counts as a line of its order', async () => {
    const customer = `payer-${Date.now()}`;
    const ids: string[] = [];
    for (let n = 0; n < 12; n += 1) {
      const items = [line(newProduct(fleet.sandbox))];
      ids.push(await placeOrder(service, orderBody(items, { customer_id: customer })));
    }
    const payments = Array.from({ length: MAX_PAYMENTS }, (_, n) => ({
      ...CAPTURED,
      reference: `pay_${n}`,
      recorded_at: new Date().toISOString(),
    }));
    await selectRows(fleet.database, 'UPDATE orders SET payments = $2 WHERE customer_id = $1', [
      customer,
      JSON.stringify(payments),
    ]);
    const page = await listOrders(service, { customer_id: customer, limit: 12 });
    expect([page.count, page.total, page.next_cursor]).toEqual([9, 12, ids[3]]);
  });
});

describe('concurrent reports', () => {
  it('of the same payment to two instances record it once', async () => {
    for (let round = 0; round < 10; round += 1) {
      const id = await place();
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, n) => sendPayment(instanceOf(n), id, CAPTURED)),
      );
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      const order = await getOrder(service, id);
      expect([order.version, order.payments.length]).toEqual([3, 1]);
      expect(answers.map(({ body }) => body)).toEqual(answers.map(() => order));
      expect(await paymentEventsOf(service, id)).toHaveLength(1);
    }
  });

  it('of one payment with two amounts record one of them', async () => {
    for (let round = 0; round < 10; round += 1) {
      const id = await place();
      const answers = await Promise.all(
        [4, 5].map((amount, n) => sendPayment(instanceOf(n), id, { ...CAPTURED, amount })),
      );
      expect(answers.map(({ status }) => status).toSorted((left, right) => left - right)).toEqual([200, 409]);
      const winner = answers.find(({ status }) => status === 200);
      expect((await getOrder(service, id)).payments).toEqual(winner?.body.payments);
    }
  });

  it('of different payments are all recorded, each with its event', async () => {
    const id = await place();
    const reports = Array.from({ length: 20 }, (_, n) => ({ ...CAPTURED, reference: `pay_${n}`, amount: n }));
    const answers = await Promise.all(reports.map((report, n) => sendPayment(instanceOf(n), id, report)));
    expect(answers.map(({ status }) => status)).toEqual(reports.map(() => 200));
    const { payments, version } = await getOrder(service, id);
    expect(version).toBe(22);
    expect(payments.map(({ amount }) => amount).toSorted((one, two) => one - two)).toEqual(
      reports.map(({ amount }) => amount),
    );
    expect((await listEvents(service, id)).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 22 }, (_, n) => n + 1),
    );
    const events = await paymentEventsOf(service, id);
    expect(events.map(({ data }) => data?.['reference'])).toEqual(payments.map(({ reference }) => reference));
  });

  it('and a change of status lose nothing of each other', async () => {
    for (let round = 0; round < 10; round += 1) {
      const id = await place();
      const [recorded] = await Promise.all([
        sendPayment(service, id, CAPTURED),
        setStatus(other, id, 'cancelled'),
      ]);
      expect(recorded.status).toBe(200);
      expect(await getOrder(service, id)).toMatchObject({
        status: 'cancelled',
        payment_state: 'paid',
        payments: [CAPTURED],
      });
    }
  });
});
