import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { expectProblem, line, newProduct, orderBody, placeOrder, selectRows } from '../support/builders.js';
import { setStatus } from '../support/client.js';
import { insertOrders } from '../support/many-orders.js';
import { startTestService, type TestService } from '../support/service.js';

const MINUTE_MS = 60_000;

/** More than the service counts in one interval. */
const MANY = 3_000;

let service: TestService;

// Figures are those of the whole database.
beforeEach(async () => {
  service = await startTestService();
});
afterEach(() => service.stop());

/** Asks an instance without cached figures. */
async function figuresOf(window?: string) {
  const fresh = await startTestService({ beside: service });
  const { body } = await fresh.request('GET', `/operations/figures${window ? `?window=${window}` : ''}`);
  await fresh.stop();
  return body;
}

const NO_HOLDS = {
  reserved: 0,
  confirmed: 0,
  expired: 0,
  cancelled: 0,
  conversion: null,
  expired_share: null,
};

const total = (points: Record<string, number>[], name: string): number =>
  points.reduce((sum, point) => sum + (point[name] ?? 0), 0);

describe('GET /operations/figures', () => {
  it('reports zero for every figure of an empty database', async () => {
    const body = await figuresOf();
    expect(body).toMatchObject({
      step_seconds: 60,
      is_estimate: false,
      by_status: {},
      rejected_by_reason: [],
    });
    expect(body.points).toHaveLength(60);
    expect(body.time_to_confirm_ms).toEqual({ p50: null, p95: null });
    expect(body.holds).toEqual(NO_HOLDS);
  });

  it('counts placed orders by outcome', async () => {
    const product = newProduct(service.sandbox, 100);
    const ids = [];
    for (let at = 0; at < 3; at += 1) ids.push(await placeOrder(service, orderBody([line(product)])));
    await setStatus(service, ids[0] ?? '', 'shipped');
    await setStatus(service, ids[1] ?? '', 'cancelled');
    const [rejected] = await insertOrders(service.database, 1, { status: 'rejected' });
    await insertOrders(service.database, 1, { status: 'failed' });
    await selectRows(service.database, `UPDATE orders SET failure = 'insufficient-stock' WHERE id = $1`, [
      rejected,
    ]);
    for (const [window, steps] of [
      ['hour', 60],
      ['day', 96],
    ] as const) {
      const body = await figuresOf(window);
      expect(body.points).toHaveLength(steps);
      const sums = ['placed', 'confirmed', 'rejected', 'failed'].map((name) => total(body.points, name));
      expect(sums).toEqual([5, 3, 1, 1]);
      expect(body.by_status).toEqual({ shipped: 1, cancelled: 1, confirmed: 1, rejected: 1, failed: 1 });
      expect(body.rejected_by_reason).toEqual([{ reason: '/problems/insufficient-stock', count: 1 }]);
      expect(body.time_to_confirm_ms.p50).toBeGreaterThan(0);
      expect(body.time_to_confirm_ms.p95).toBeGreaterThanOrEqual(body.time_to_confirm_ms.p50);
      expect(body.upstreams).toContainEqual(
        expect.objectContaining({ name: 'inventory service', state: 'up' }),
      );
    }
  });

  it('counts holds by what became of them', async () => {
    await placeOrder(service);
    const placeHeld = async (): Promise<string> => {
      const body = { ...orderBody([line(newProduct(service.sandbox))]), hold_seconds: 900 };
      const { body: placed } = await service.request('POST', '/orders', body);
      return placed.order_id;
    };
    const ids = await Promise.all(Array.from({ length: 7 }, placeHeld));
    expect((await figuresOf()).holds).toEqual({ ...NO_HOLDS, reserved: 7 });
    const [confirmed = '', shipped = '', cancelledLater = '', cancelled = '', expired = ''] = ids;
    for (const id of [confirmed, shipped, cancelledLater]) await setStatus(service, id, 'confirmed');
    await setStatus(service, shipped, 'shipped');
    for (const id of [cancelledLater, cancelled]) await setStatus(service, id, 'cancelled');
    await selectRows(service.database, `UPDATE orders SET status = 'expired' WHERE id = $1`, [expired]);
    const body = await figuresOf();
    expect(body.holds).toEqual({
      reserved: 2,
      confirmed: 3,
      expired: 1,
      cancelled: 1,
      conversion: 0.6,
      expired_share: 0.2,
    });
    // An order that is cancelled or expires before its payment was never confirmed.
    expect([total(body.points, 'placed'), total(body.points, 'confirmed')]).toEqual([8, 4]);
    // The wait for the customer is no delay of the service.
    expect(body.time_to_confirm_ms.p95).toBeLessThan(60_000);
  });

  it('counts orders by the minute in which they were placed, and omits older ones', async () => {
    const before = await figuresOf();
    const start = Date.parse(before.points[30].time);
    await insertOrders(service.database, 7, { from: new Date(start + 1_000) });
    await insertOrders(service.database, 5, { from: new Date(start - 90 * MINUTE_MS) });
    const after = await figuresOf();
    const at = after.points.findIndex((point: { time: string }) => Date.parse(point.time) === start);
    expect(after.points[at].placed).toBe(7);
    expect(total(after.points, 'placed') - total(before.points, 'placed')).toBe(7);
    expect(total((await figuresOf('day')).points, 'placed') - total(after.points, 'placed')).toBe(5);
  });

  it('estimates intervals with too many orders to count', async () => {
    const before = await figuresOf();
    const start = Date.parse(before.points[20].time);
    // One order in each millisecond of the first three seconds of a minute; the estimate extends that rate to the end.
    await insertOrders(service.database, MANY, { from: new Date(start) });
    const { is_estimate, points } = await figuresOf();
    const point = points.find(({ time }: { time: string }) => Date.parse(time) === start);
    expect(is_estimate).toBe(true);
    expect(point.placed).toBeGreaterThan(59_000);
    expect(point.placed).toBeLessThan(61_000);
  });

  it('returns the same figures to concurrent requests', async () => {
    const answers = await Promise.all([1, 2, 3].map(() => service.request('GET', '/operations/figures')));
    expect(new Set(answers.map(({ body }) => body.to)).size).toBe(1);
  });

  it.each(['window=week', 'window=', 'step=1'])('rejects an invalid query: %s', async (query) => {
    expectProblem(await service.request('GET', `/operations/figures?${query}`), 400, [
      query.split('=')[0] ?? '',
    ]);
  });
});
