import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LONGEST_HOLD_SECONDS } from '../../src/config/settings.js';
import {
  expectProblem,
  isReplay,
  ISO_TIME,
  line,
  newProduct,
  ORDER_ID,
  orderBody,
  selectRows,
  startFleet,
  takenFrom,
  type TestFleet,
} from '../support/builders.js';
import { getOrder, listEvents, setStatus } from '../support/client.js';
import { newReference } from '../support/details.js';
import { eventually, type TestResponse, type TestService } from '../support/service.js';

const HOLD_SECONDS = 900;
const MAX_HOLD_SECONDS = 86_400;

let fleet: TestFleet;
let service: TestService;
/** An instance with shorter holds. */
let strict: TestService;

beforeAll(async () => {
  const own: Record<string, string>[] = [{}, { HOLD_MAX_SECONDS: String(MAX_HOLD_SECONDS) }];
  fleet = await startFleet(own.length, () => own.shift() ?? {});
  [service, strict] = fleet.services as [TestService, TestService];
});
afterAll(() => fleet.stop());

const heldBody = (more: object = {}) => ({
  ...orderBody([line(newProduct(fleet.sandbox))]),
  hold_seconds: HOLD_SECONDS,
  ...more,
});

const place = (
  body: object,
  headers: Record<string, string> = {},
  path = '/orders',
  at = service,
): Promise<TestResponse> => at.request('POST', path, body, headers);

/** Milliseconds that a hold lasts longer than it was asked for, after the placement. */
const excessMs = ({ body }: TestResponse): number =>
  Date.parse(body.expires_at) - Date.parse(body.timestamp) - HOLD_SECONDS * 1_000;

/** Ends the hold as the task does, without its effects on stock. */
const expire = (id: string) =>
  selectRows(
    fleet.database,
    `UPDATE orders SET status = 'expired', version = version + 1 WHERE id = $1 AND status = 'reserved'`,
    [id],
  );

describe('an order with hold_seconds', () => {
  it.each(['/orders', '/orders/4711'])('is reserved: POST %s', async (path) => {
    const product = newProduct(fleet.sandbox);
    const answer = await place(heldBody({ items: [line(product)] }), {}, path);
    expect([answer.status, answer.headers.get('etag')]).toEqual([201, '"2"']);
    expect(answer.headers.get('location')).toBe(`/orders/${answer.body.order_id}`);
    expect(answer.body).toEqual({
      order_id: expect.stringMatching(ORDER_ID),
      status: 'reserved',
      message: 'Order reserved until it is confirmed or expires',
      timestamp: expect.stringMatching(ISO_TIME),
      subtotal_amount: 10,
      charges_amount: 0,
      total_amount: 10,
      currency: 'USD',
      number: expect.any(String),
      expires_at: expect.stringMatching(ISO_TIME),
    });
    // The hold begins when the stock is reserved, a moment after the placement.
    expect(excessMs(answer)).toBeGreaterThanOrEqual(0);
    expect(excessMs(answer)).toBeLessThan(10_000);
    const order = await getOrder(service, answer.body.order_id);
    expect(order).toMatchObject({
      status: 'reserved',
      version: 2,
      expires_at: answer.body.expires_at,
      payments: [],
      payment_state: 'none',
    });
    expect(takenFrom(fleet.sandbox, product)).toEqual([-1]);
    const events = await listEvents(service, order.order_id);
    expect(events.map(({ to }) => to)).toEqual(['pending', 'reserved']);
    expect(events[1]?.data).toMatchObject({ expires_at: answer.body.expires_at });
  });

  it('is accepted asynchronously, and reserved then', async () => {
    const headers = { prefer: 'respond-async', 'idempotency-key': 'held-async' };
    const body = heldBody();
    const answer = await place(body, headers);
    expect([answer.status, answer.body.status]).toEqual([202, 'pending']);
    expect(answer.body).not.toHaveProperty('expires_at');
    const id: string = answer.body.order_id;
    await eventually(async () => (await getOrder(service, id)).status === 'reserved');
    const order = await getOrder(service, id);
    const replay = await place(body, headers);
    expect([replay.status, isReplay(replay)]).toEqual([201, true]);
    expect(replay.body).toMatchObject({ order_id: id, status: 'reserved', expires_at: order.expires_at });
  });

  it('without it is confirmed as before', async () => {
    const answer = await place(orderBody([line(newProduct(fleet.sandbox))]));
    expect(answer.body).toMatchObject({ status: 'confirmed', message: 'Order placed successfully' });
    expect(answer.body).not.toHaveProperty('expires_at');
    const order = await getOrder(service, answer.body.order_id);
    expect([order.status, order.expires_at]).toEqual(['confirmed', null]);
  });

  it('is rejected without a hold where the stock is short', async () => {
    const product = newProduct(fleet.sandbox, 1);
    const answer = await place(heldBody({ items: [line(product, 2)] }));
    expectProblem(answer, 400);
    expect(answer.body.type).toBe('/problems/insufficient-stock');
    expect(takenFrom(fleet.sandbox, product)).toEqual([]);
  });
});

const CHANGES: [what: string, change: (id: string) => Promise<unknown>][] = [
  ['confirmed', (id) => setStatus(service, id, 'confirmed')],
  ['cancelled', (id) => setStatus(service, id, 'cancelled')],
  ['expired', expire],
  [
    'confirmed and shipped',
    async (id) => {
      await setStatus(service, id, 'confirmed');
      await setStatus(service, id, 'shipped');
    },
  ],
  ['corrected', (id) => service.request('PATCH', `/orders/${id}`, { note: 'Ring' })],
  [
    'extended',
    (id) =>
      selectRows(
        fleet.database,
        `UPDATE orders SET expires_at = expires_at + interval '1 hour', version = version + 1 WHERE id = $1`,
        [id],
      ),
  ],
];

describe('the response of a reserved order is replayed after it was', () => {
  it.each(CHANGES)('%s, by key and by reference', async (_what, change) => {
    const { source, source_order_id } = newReference();
    const body = heldBody({ source, source_order_id });
    const headers = { 'idempotency-key': `held-${source_order_id}` };
    const first = await place(body, headers);
    expect([first.status, first.body.status]).toEqual([201, 'reserved']);
    const id: string = first.body.order_id;
    await change(id);
    expect((await getOrder(service, id)).version).toBeGreaterThan(2);
    for (const [again, at] of [
      [headers, service],
      [headers, strict],
      [{}, service],
    ] as const) {
      const replay = await place(body, again, '/orders', at);
      expect([replay.status, isReplay(replay), replay.headers.get('etag')]).toEqual([201, true, '"2"']);
      expect(replay.body).toEqual(first.body);
    }
  });

  it('nothing: another hold with the same key or reference is another request', async () => {
    const { source, source_order_id } = newReference();
    const body = heldBody({ source, source_order_id });
    const headers = { 'idempotency-key': `other-${source_order_id}` };
    expect((await place(body, headers)).status).toBe(201);
    for (const hold_seconds of [HOLD_SECONDS + 1, undefined]) {
      expectProblem(await place({ ...body, hold_seconds }, headers), 422);
      expectProblem(await place({ ...body, hold_seconds }), 409);
    }
  });
});

describe('hold_seconds', () => {
  const WRONG = [0, 59, -60, 60.5, LONGEST_HOLD_SECONDS + 1, 1e21, '900', null, true, [900], {}, '1 hour'];

  it.each(WRONG)('%j is refused with 400', async (hold_seconds) => {
    for (const path of ['/orders', '/orders/4711', '/orders/preview', '/orders/4711/preview'])
      expectProblem(await place(heldBody({ hold_seconds }), {}, path), 400, ['hold_seconds']);
  });

  it.each([60, LONGEST_HOLD_SECONDS])('%d is accepted', async (hold_seconds) => {
    const { status, body } = await place(heldBody({ hold_seconds }));
    expect([status, body.status]).toEqual([201, 'reserved']);
  });

  it('above HOLD_MAX_SECONDS is refused with 400, also when the order is accepted asynchronously', async () => {
    const body = heldBody({ hold_seconds: MAX_HOLD_SECONDS + 1 });
    for (const path of ['/orders', '/orders/4711', '/orders/preview']) {
      const answer = await place(body, { prefer: 'respond-async' }, path, strict);
      expectProblem(answer, 400, ['hold_seconds']);
      expect(answer.body.errors[0].message).toBe(`must be at most ${MAX_HOLD_SECONDS}`);
    }
    const answer = await place({ ...body, hold_seconds: MAX_HOLD_SECONDS }, {}, '/orders', strict);
    expect([answer.status, answer.body.status]).toEqual([201, 'reserved']);
  });

  it('of a preview holds nothing', async () => {
    const product = newProduct(fleet.sandbox);
    const answer = await place(heldBody({ items: [line(product)] }), {}, '/orders/preview');
    expect([answer.status, answer.body.can_be_placed]).toEqual([200, true]);
    expect(answer.body).not.toHaveProperty('expires_at');
    expect(takenFrom(fleet.sandbox, product)).toEqual([]);
  });
});
