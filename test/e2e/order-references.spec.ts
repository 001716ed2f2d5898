import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  clearFaults,
  expectProblem,
  isReplay,
  line,
  newProduct,
  orderBody,
  placeWithKey,
  selectRows,
  setStock,
  startFleet,
  statusesOfOrdersOf,
  takenFrom,
  type TestFleet,
} from '../support/builders.js';
import { setStatus } from '../support/client.js';
import { newReference } from '../support/details.js';
import { eventually, type TestResponse, type TestService } from '../support/service.js';

const SETTINGS = {
  UPSTREAM_TIMEOUT_MS: '400',
  REQUEST_DEADLINE_MS: '1200',
  RECOVERY_WINDOW_MS: '3000',
  RECOVERY_INTERVAL_MS: '100',
};

let fleet: TestFleet;
let service: TestService;
let other: TestService;

beforeAll(async () => {
  fleet = await startFleet(2, () => SETTINGS);
  [service, other] = fleet.services as [TestService, TestService];
});
afterEach(() => restore());
afterAll(() => fleet.stop());

/** A body with a reference of its own, for a product of its own. */
function newBody(quantity = 1) {
  const product = newProduct(fleet.sandbox);
  return { product, body: { ...orderBody([line(product, quantity)]), ...newReference() } };
}

const place = (body: object, headers?: Record<string, string>, at = service): Promise<TestResponse> =>
  at.request('POST', '/orders', body, headers);

/** Ends an outage, and waits until both instances place orders again: each has circuits of its own. */
async function restore(): Promise<void> {
  clearFaults(fleet.sandbox);
  for (const instance of [service, other])
    await eventually(async () => (await place(newBody().body, {}, instance)).status === 201);
}

const claims = (body: { source_order_id: string }) =>
  selectRows(fleet.database, `SELECT order_id FROM order_claims WHERE kind = 'reference' AND value LIKE $1`, [
    `%${body.source_order_id}`,
  ]);

describe('a repeated reference', () => {
  it('returns the same order as a replay, without a key', async () => {
    const { product, body } = newBody();
    const first = await place(body);
    expect([first.status, isReplay(first)]).toEqual([201, false]);
    const again = await place(body);
    expect([again.status, isReplay(again), again.body]).toEqual([201, true, first.body]);
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
    expect(takenFrom(fleet.sandbox, product)).toEqual([-1]);
  });

  it('returns it with another key, and the key answers the same from then on', async () => {
    const { product, body } = newBody();
    const first = await placeWithKey(service, 'reference one key', body);
    const again = await placeWithKey(service, 'reference another key', body);
    expect([again.status, isReplay(again), again.body]).toEqual([201, true, first.body]);
    expect((await placeWithKey(service, 'reference another key', body)).body).toEqual(first.body);
    expectProblem(await placeWithKey(service, 'reference another key', orderBody()), 422);
    expect(takenFrom(fleet.sandbox, product)).toEqual([-1]);
  });

  it('returns it when the products are sold out, or cost more by now', async () => {
    const { product, body } = newBody();
    const first = await place(body);
    setStock(fleet.sandbox, product, 0, 99);
    const again = await place(body);
    expect([again.status, isReplay(again), again.body]).toEqual([201, true, first.body]);
  });

  it('returns it after it was cancelled', async () => {
    const { product, body } = newBody();
    const first = await place(body);
    await setStatus(service, first.body.order_id as string, 'cancelled');
    expect((await place(body)).body).toEqual(first.body);
    expect(await statusesOfOrdersOf(fleet.database, product)).toEqual(['cancelled']);
  });

  it('is refused with another content', async () => {
    const { body } = newBody();
    const first = await place(body);
    for (const more of [{ note: 'other' }, { items: [line('PROD001', 2)] }, { customer_name: 'Bob' }]) {
      const refused = await place({ ...body, ...more });
      expectProblem(refused, 409);
      expect(refused.body).toMatchObject({
        type: '/problems/reference-already-used',
        order_id: first.body.order_id,
      });
    }
    expect((await place(body)).body).toEqual(first.body);
  });

  it('is one order for concurrent requests, with and without keys, at two instances', async () => {
    const { product, body } = newBody();
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        place(
          body,
          n % 3 === 0 ? {} : { 'idempotency-key': `concurrent reference ${n % 3 === 1 ? n : 'one'}` },
          n % 2 ? service : other,
        ),
      ),
    );
    const placed = answers.filter(({ status }) => status === 201);
    expect(new Set(placed.map((answer) => answer.body.order_id as string)).size).toBe(1);
    for (const { status } of answers) expect([201, 409]).toContain(status);
    const again = await place(body);
    expect([again.status, again.body.order_id]).toEqual([201, placed[0]?.body.order_id]);
    expect(await statusesOfOrdersOf(fleet.database, product)).toEqual(['confirmed']);
    expect(takenFrom(fleet.sandbox, product)).toEqual([-1]);
  });

  it('is one order for concurrent requests that take the last unit', async () => {
    const { product, body } = newBody(10);
    const answers = await Promise.all(Array.from({ length: 6 }, () => place(body)));
    for (const { status } of answers) expect([201, 409]).toContain(status);
    expect(await statusesOfOrdersOf(fleet.database, product)).toEqual(['confirmed']);
  });

  it('returns 202 for a pending order to a client that prefers it', async () => {
    const { body } = newBody();
    fleet.sandbox.services.inventory.faults.add({ kind: 'away' });
    const prefer = { prefer: 'respond-async' };
    const first = await place(body, prefer);
    const again = await place(body, prefer);
    expect([again.status, isReplay(again), again.body.order_id]).toEqual([202, true, first.body.order_id]);
  });
});

describe('a reference is freed', () => {
  it('by a rejected order', async () => {
    const { product, body } = newBody();
    const rule = { kind: 'status', method: 'PUT', path: `/inventory/${product}/reserve` } as const;
    fleet.sandbox.services.inventory.faults.add({ ...rule, status: 400, times: 1 });
    expectProblem(await place(body), 400);
    expect(await claims(body)).toEqual([]);
    const again = await place(body);
    expect([again.status, isReplay(again)]).toEqual([201, false]);
    expect(await statusesOfOrdersOf(fleet.database, product)).toEqual(['rejected', 'confirmed']);
  });

  it('by a refusal before there is an order', async () => {
    const { product, body } = newBody(11);
    expectProblem(await place(body), 400);
    setStock(fleet.sandbox, product, 11);
    expect((await place(body)).status).toBe(201);
  });

  it('by an order that failed, and the next request places another one', async () => {
    const { product, body } = newBody();
    fleet.sandbox.services.inventory.faults.add({ kind: 'status', method: 'PUT', status: 500 });
    expectProblem(await place(body), 503);
    // The outcome is unknown until recovery ends: the reference still holds the order.
    expect(await claims(body)).toHaveLength(1);
    await eventually(async () => (await claims(body)).length === 0);
    await restore();
    expect((await place(body)).status).toBe(201);
    expect(await statusesOfOrdersOf(fleet.database, product)).toEqual(['failed', 'confirmed']);
  });
});

it('resumes the placement of a reference whose first request got no outcome', async () => {
  const { product, body } = newBody();
  fleet.sandbox.services.inventory.faults.add({ kind: 'status', method: 'PUT', status: 500 });
  const first = await place(body);
  expectProblem(first, 503);
  expect(first.body.type).toBe('/problems/placement-unsettled');
  await restore();
  const settled = await eventually(async () => {
    const answer = await place(body);
    return answer.status === 201 ? answer : undefined;
  });
  expect(settled.body.order_id).toBe(first.body.order_id);
  expect(await statusesOfOrdersOf(fleet.database, product)).toEqual(['confirmed']);
});
