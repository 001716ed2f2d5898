import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import {
  expectProblem,
  isReplay,
  line,
  newProduct,
  orderBody,
  placeOrder,
  selectRows,
  statusesTold,
} from '../support/builders.js';
import { listEvents, setStatus } from '../support/client.js';
import { insertOrders } from '../support/many-orders.js';
import { eventually, startTestService, type TestResponse, type TestService } from '../support/service.js';

const UNKNOWN_ORDER = '01a1ffe2-9b80-748a-ba30-787d85a2b441';

/** Orders of one request that are changed at the same time. */
const AT_ONCE = 4;

let service: TestService;
let product = '';

beforeAll(async () => {
  service = await startTestService();
  product = newProduct(service.sandbox, 100_000);
});
afterAll(() => service.stop());

const place = () => placeOrder(service, orderBody([line(product)]));

const bulk = (body: unknown, headers: Record<string, string> = {}, on = service): Promise<TestResponse> =>
  on.request('POST', '/orders/bulk-status', body, headers);

const named = (ids: readonly string[]) => ids.map((order_id) => ({ order_id }));

const outcomesOf = ({ body }: TestResponse): string[] =>
  body.results.map((result: { outcome: string }) => result.outcome);

/** How often each of the orders was shipped. */
async function shipments(ids: readonly string[]): Promise<number[]> {
  const rows = await selectRows<{ count: number }>(
    service.database,
    `SELECT (SELECT count(*)::int FROM order_events e WHERE e.order_id = id AND e.to_status = 'shipped') AS count
     FROM unnest($1::uuid[]) WITH ORDINALITY AS wanted (id, at) ORDER BY at`,
    [ids],
  );
  return rows.map(({ count }) => count);
}

/** Locks orders until the returned function is called. */
async function hold(ids: readonly string[]): Promise<() => Promise<void>> {
  const client = new Client({ connectionString: service.database.url });
  await client.connect();
  await client.query('BEGIN');
  await client.query('SELECT id FROM orders WHERE id = ANY ($1) FOR UPDATE', [ids]);
  return () => client.end();
}

describe('POST /orders/bulk-status', () => {
  it('changes each order on its own and returns a result for each', async () => {
    const [fit, done, lost, stale] = [await place(), await place(), await place(), await place()];
    await setStatus(service, done, 'shipped');
    await setStatus(service, lost, 'cancelled');
    const answer = await bulk({
      status: 'SHIPPED',
      reason: 'Left with the courier',
      orders: [
        { order_id: lost },
        { order_id: fit.toUpperCase(), version: 2 },
        { order_id: UNKNOWN_ORDER },
        { order_id: done },
        { order_id: stale, version: 1 },
      ],
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ status: 'shipped', changed: 1, unchanged: 1, refused: 3 });
    expect(answer.body.results).toMatchObject([
      {
        order_id: lost,
        outcome: 'refused',
        problem: {
          type: '/problems/transition-not-allowed',
          current_status: 'cancelled',
          allowed_transitions: [],
        },
      },
      { order_id: fit, outcome: 'changed', status: 'shipped', version: 3 },
      {
        order_id: UNKNOWN_ORDER,
        outcome: 'refused',
        problem: { type: '/problems/order-not-found', status: 404 },
      },
      { order_id: done, outcome: 'unchanged', status: 'shipped', version: 3 },
      {
        order_id: stale,
        outcome: 'refused',
        problem: { type: '/problems/version-conflict', current_version: 2 },
      },
    ]);
    expect(await shipments([fit, done, lost, stale])).toEqual([1, 1, 0, 0]);
    const last = (await listEvents(service, fit)).at(-1);
    expect(last).toMatchObject({ to: 'shipped', actor: 'anonymous', reason: 'Left with the courier' });
    await eventually(() => statusesTold(service.sandbox, fit).includes('shipped'));
  });

  it('can be repeated: completed changes are kept', async () => {
    const ids = [await place(), await place()];
    const orders = ids.map((order_id) => ({ order_id, version: 2 }));
    expect(outcomesOf(await bulk({ status: 'shipped', orders }))).toEqual(['changed', 'changed']);
    const again = await bulk({ status: 'shipped', orders });
    expect(outcomesOf(again)).toEqual(['unchanged', 'unchanged']);
    expect(again.body.results[0].version).toBe(3);
    expect(await shipments(ids)).toEqual([1, 1]);
  });

  it('changes each order once when two requests run at the same time', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, place));
    const body = { status: 'shipped', orders: named(ids) };
    const answers = await Promise.all([bulk(body), bulk(body)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(await shipments(ids)).toEqual(ids.map(() => 1));
    const changed = answers.map(({ body: { changed: count } }) => count as number);
    expect((changed[0] ?? 0) + (changed[1] ?? 0)).toBe(20);
  });

  it('changes a thousand orders in one request', async () => {
    const ids = await insertOrders(service.database, 1_000);
    const orders = ids.map((order_id) => ({ order_id, version: 1 }));
    const { status, body } = await bulk({ status: 'shipped', orders });
    expect({ status, changed: body.changed, refused: body.refused }).toEqual({
      status: 200,
      changed: 1_000,
      refused: 0,
    });
    expect(body.results.map((result: { order_id: string }) => result.order_id)).toEqual(ids);
    expect(await shipments(ids)).toEqual(ids.map(() => 1));
  });
});

describe('POST /orders/bulk-status with an Idempotency-Key', () => {
  it('replays the first response, even when a new one would differ', async () => {
    const ids = [await place(), await place()];
    const body = { status: 'shipped', orders: named([...ids, UNKNOWN_ORDER]) };
    const key = { 'idempotency-key': 'bulk-1' };
    const [first, second] = [await bulk(body, key), await bulk(body, key)];
    expect([isReplay(first), isReplay(second)]).toEqual([false, true]);
    expect(second.body).toEqual(first.body);
    expect(outcomesOf(second)).toEqual(['changed', 'changed', 'refused']);
    expectProblem(await bulk({ ...body, reason: 'Another one' }, key), 422);
    expectProblem(await bulk({ ...body, orders: named(ids) }, key), 422);
  });

  it('returns 422 for a key that was used for an order, and the reverse', async () => {
    const key = { 'idempotency-key': 'bulk-2' };
    const id = await placeOrder(service, orderBody([line(product)]), { 'Idempotency-Key': 'bulk-2' });
    expectProblem(await bulk({ status: 'shipped', orders: named([id]) }, key), 422);
    const other = { 'idempotency-key': 'bulk-3' };
    await bulk({ status: 'shipped', orders: named([id]) }, other);
    expectProblem(await service.request('POST', '/orders', orderBody([line(product)]), other), 422);
  });

  it('completes with the same key what the deadline cut off', async () => {
    const hurried = await startTestService({
      settings: { REQUEST_DEADLINE_MS: '300', UPSTREAM_TIMEOUT_MS: '100', RECOVERY_WINDOW_MS: '600' },
      beside: service,
    });
    const ids = await Promise.all(Array.from({ length: 10 }, place));
    const letGo = await hold(ids.slice(0, AT_ONCE));
    const body = { status: 'shipped', orders: named(ids) };
    const key = { 'idempotency-key': 'bulk-4' };
    const cut = bulk(body, key, hurried);
    const { results } = (await cut).body;
    await letGo();
    // The first group waited for the lock; the others were never started.
    const locked = { type: '/problems/database-unavailable', status: 503 };
    const late = { type: '/problems/overloaded', status: 503 };
    expect(results).toMatchObject(ids.map((_, at) => ({ problem: at < AT_ONCE ? locked : late })));
    const again = await bulk(body, key, hurried);
    expect([again.body.changed, again.body.unchanged, isReplay(again)]).toEqual([10, 0, false]);
    expect(await shipments(ids)).toEqual(ids.map(() => 1));
    expect(isReplay(await bulk(body, key, hurried))).toBe(true);
    await hurried.stop();
  });
});

describe('POST /orders/bulk-status rejects a request as a whole', () => {
  it.each<[string, (id: string) => unknown, string[]]>([
    ['without orders', () => ({ status: 'shipped' }), ['orders']],
    ['with an empty list', () => ({ status: 'shipped', orders: [] }), ['orders']],
    ['with another type than a list', (id) => ({ status: 'shipped', orders: { order_id: id } }), ['orders']],
    [
      'with invalid entries',
      (id) => ({ status: 'shipped', orders: [id, null] }),
      ['orders', 'orders[0]', 'orders[1]'],
    ],
    [
      'with too many orders',
      (id) => ({ status: 'shipped', orders: named(Array(1_001).fill(id) as string[]) }),
      ['orders'],
    ],
    [
      'with the same order twice',
      (id) => ({ status: 'shipped', orders: named([id, UNKNOWN_ORDER, id.toUpperCase()]) }),
      ['orders[2].order_id'],
    ],
    [
      'with an invalid id, an invalid version and an unknown field',
      (id) => ({
        status: 'shipped',
        orders: [{ order_id: 'x' }, { order_id: id, version: 0 }, { order_id: id, v: 1 }],
      }),
      ['orders[0].order_id', 'orders[1].version', 'orders[2].v'],
    ],
    ['without a status', (id) => ({ orders: named([id]) }), ['status']],
    ['with an unknown status', (id) => ({ status: 'lost', orders: named([id]) }), ['status']],
    ['with an invalid reason', (id) => ({ status: 'shipped', reason: 7, orders: named([id]) }), ['reason']],
  ])('%s', async (_name, body, fields) => {
    const id = await place();
    expectProblem(await bulk(body(id)), 400, fields);
    expect(await shipments([id])).toEqual([0]);
  });

  it('when versions are required and missing', async () => {
    const strict = await startTestService({ settings: { REQUIRE_IF_MATCH: 'true' }, beside: service });
    const [one, other] = [await place(), await place()];
    const orders = [{ order_id: one, version: 2 }, { order_id: other }];
    expectProblem(await bulk({ status: 'shipped', orders }, {}, strict), 428);
    expect(await shipments([one, other])).toEqual([0, 0]);
    const withVersion = { status: 'shipped', orders: [{ order_id: one, version: 2 }] };
    expect(outcomesOf(await bulk(withVersion, {}, strict))).toEqual(['changed']);
    await strict.stop();
  });

  it('when too many bulk requests run at the same time', async () => {
    const ids = await Promise.all(Array.from({ length: AT_ONCE }, place));
    const letGo = await hold(ids);
    const body = { status: 'shipped', orders: named(ids) };
    // One caller may hold three of the four permits.
    const waiting = Array.from({ length: 3 }, () => bulk(body));
    const fifth = await eventually(async () => {
      const answer = await bulk({ status: 'shipped', orders: named([UNKNOWN_ORDER]) });
      return answer.status === 503 ? answer : undefined;
    });
    expectProblem(fifth, 503);
    await letGo();
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await shipments(ids)).toEqual(ids.map(() => 1));
  });
});
