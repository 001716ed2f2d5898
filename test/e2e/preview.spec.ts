import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  callsTo,
  catalogSettings,
  countRows,
  endFaults,
  expectProblem,
  line,
  newProduct,
  type OrderLine,
  orderBody,
  restoreUpstreams,
  setStock,
  startFleet,
  statusesTold,
  takenFrom,
  type TestFleet,
} from '../support/builders.js';
import { eventually, type TestResponse, type TestService } from '../support/service.js';
import type { Sandbox } from '../../sandbox/sandbox.js';

const TIMEOUTS = { UPSTREAM_TIMEOUT_MS: '300', REQUEST_DEADLINE_MS: '1000' };

const KINDS: [kind: string, settingsFor: (sandbox: Sandbox) => Record<string, string>][] = [
  ['per product', () => ({})],
  ['reservations', () => ({ INVENTORY_API: 'reservations' })],
  ['without keys', () => ({ INVENTORY_HONOURS_IDEMPOTENCY_KEYS: 'false' })],
  ['the catalog of system B', catalogSettings],
];

let fleet: TestFleet;
let sandbox: Sandbox;
let service: TestService;

/** Stored rows, and the number of upstream calls that change state. */
async function traces(): Promise<unknown> {
  const changes = callsTo(sandbox).filter(({ method }) => method !== 'GET');
  return { rows: await countRows(fleet.database), changes: changes.length };
}

function preview(items: OrderLine[], more?: Record<string, unknown>): Promise<TestResponse> {
  return service.request('POST', '/orders/preview', { items, ...more });
}

/** Places the order that is previewed. */
function place(items: OrderLine[], more?: Record<string, unknown>): Promise<TestResponse> {
  return service.request('POST', '/orders', orderBody(items, more));
}

function productAt(price: number, quantity: number): string {
  const id = newProduct(sandbox);
  setStock(sandbox, id, quantity, price);
  return id;
}

describe.each(KINDS)('POST /orders/preview with an inventory of the kind: %s', (_kind, settingsFor) => {
  beforeAll(async () => {
    fleet = await startFleet(1, (stands) => ({ ...TIMEOUTS, ...settingsFor(stands) }));
    sandbox = fleet.sandbox;
    [service] = fleet.services as [TestService];
  });
  afterAll(() => fleet.stop());
  afterEach(() => restoreUpstreams(service, sandbox));

  it('returns the cost of the order without a side effect', async () => {
    const [one, other] = [productAt(79.99, 10), productAt(0.1, 3)];
    const before = await traces();
    const answer = await preview([line(one, 2, 79.99), line(other, 3)], { expected_total: 160.28 });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      lines: [
        {
          product_id: one,
          product_name: `Product ${one}`,
          quantity: 2,
          price: 79.99,
          line_total: 159.98,
          availability: 'enough',
          missing: 0,
        },
        {
          product_id: other,
          product_name: `Product ${other}`,
          quantity: 3,
          price: 0.1,
          line_total: 0.3,
          availability: 'enough',
          missing: 0,
        },
      ],
      subtotal_amount: 160.28,
      charges_amount: 0,
      total_amount: 160.28,
      currency: 'USD',
      can_be_placed: true,
      problems: [],
    });
    expect(await traces()).toEqual(before);
    // Placing the order has the same result.
    const order = await place([line(one, 2, 79.99), line(other, 3)]);
    expect([order.status, order.body.total_amount]).toEqual([201, 160.28]);
    const after = await preview([line(other, 1)]);
    expect(after.body).toMatchObject({ can_be_placed: false, lines: [{ missing: 1 }] });
    // The customer is notified in the background; later tests count calls.
    await eventually(() => statusesTold(sandbox, order.body.order_id).length === 1);
  });

  it('lists the problems that placing the order would return', async () => {
    const [short, changed] = [productAt(10, 3), productAt(20, 5)];
    const unknown = '999999';
    const cases: [items: OrderLine[], more: Record<string, unknown>, names: string[]][] = [
      [[line(short, 2), line(short, 2)], {}, ['insufficient-stock']],
      [[line(unknown), line(changed)], {}, ['unknown-product']],
      [[line(changed, 1, 19)], {}, ['price-changed']],
      [[line(changed, 1, 20)], { expected_total: 21 }, ['total-changed']],
      [
        [line(short, 4, 9), line(changed)],
        { expected_total: 56 },
        ['insufficient-stock', 'price-changed', 'total-changed'],
      ],
      [[line(unknown), line(changed, 1, 19)], { expected_total: 1 }, ['unknown-product', 'price-changed']],
    ];
    for (const [items, more, names] of cases) {
      const before = await traces();
      const { status, body } = await preview(items, more);
      expect(await traces()).toEqual(before);
      expect([status, body.can_be_placed]).toEqual([200, false]);
      expect(body.problems.map((problem: { type: string }) => problem.type)).toEqual(
        names.map((name) => `/problems/${name}`),
      );
      const refusal = await place(items, more);
      expectProblem(refusal, body.problems[0].status);
      expect(refusal.body).toEqual(body.problems[0]);
    }
    const { body } = await preview([line(short, 2), line(unknown, 7), line(short, 2)]);
    expect(body.total_amount).toBeNull();
    expect(body.lines).toMatchObject([
      { availability: 'short', missing: 1, line_total: 20 },
      { availability: 'unknown_product', missing: 7, product_name: null, price: null, line_total: null },
      { availability: 'short', missing: 1 },
    ]);
    expect(takenFrom(sandbox, short)).toEqual([]);
  });

  it('returns 503 with Retry-After during an outage', async () => {
    const product = newProduct(sandbox);
    const before = await traces();
    for (const name of ['inventory', 'catalog'] as const) sandbox.services[name].faults.add({ kind: 'away' });
    const answer = await preview([line(product)]);
    expectProblem(answer, 503);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await traces()).toEqual(before);
  });
});

describe('POST /orders/preview', () => {
  beforeAll(async () => {
    fleet = await startFleet(1, () => ({ ...TIMEOUTS, MAX_PLACEMENTS: '3', PLACEMENT_MODE: 'async' }));
    sandbox = fleet.sandbox;
    [service] = fleet.services as [TestService];
  });
  afterAll(() => fleet.stop());
  afterEach(() => endFaults(sandbox));

  it('needs no customer data, and validates it when given', async () => {
    const product = newProduct(sandbox);
    const person = { customer_name: 'Alice Johnson', customer_email: 'alice@example.com', customer_id: 42 };
    expect((await preview([line(product)], person)).body.can_be_placed).toBe(true);
    expectProblem(await preview([line(product)], { customer_email: 'no-address' }), 400, ['customer_email']);
  });

  it.each<[what: string, body: unknown, fields: string[]]>([
    ['no items', {}, ['items']],
    ['an empty list', { items: [] }, ['items']],
    ['no quantity', { items: [{ product_id: '1' }] }, ['items[0].quantity']],
    ['a price with too many decimals', { items: [line('1', 1, 9.999)] }, ['items[0].price']],
    ['another currency', { items: [line('1')], currency: 'EUR' }, ['currency']],
    ['an unknown field', { items: [line('1')], coupon: 'x' }, ['coupon']],
  ])('rejects invalid input as an order is rejected: %s', async (_what, body, fields) => {
    const answer = await service.request('POST', '/orders/preview', body);
    expectProblem(answer, 400, fields);
    const id = answer.headers.get('x-request-id');
    expect(id).toMatch(/./);
    // Tasks of earlier tests may call too.
    expect(callsTo(sandbox).filter(({ causedBy }) => causedBy?.['x-request-id'] === id)).toEqual([]);
  });

  it('rejects a total that is too large to be exact', async () => {
    expectProblem(await preview([line(productAt(1_000_000, 1_000_000_000), 100_000)]), 400, ['items']);
  });

  it('previews a cart, and reports one that is already ordered', async () => {
    const product = newProduct(sandbox, 3);
    sandbox.carts.give('77', [{ product_id: product, quantity: 2 }], { route: 'test', key: null });
    const before = await traces();
    const first = await service.request('POST', '/orders/77/preview');
    expect(first.body).toMatchObject({ can_be_placed: true, total_amount: 20, lines: [{ quantity: 2 }] });
    expect(await traces()).toEqual(before);
    // The cart stays as it is at its service, so only the order knows that it was ordered.
    sandbox.services.carts.faults.add({ kind: 'status', method: 'PUT', status: 500 });
    const order = await service.request('POST', '/orders/77');
    expect(order.status).toBe(202);
    const second = await service.request('POST', '/orders/77/preview');
    expect(second.body.can_be_placed).toBe(false);
    expect(second.body.problems.at(-1)).toMatchObject({
      type: '/problems/cart-already-ordered',
      order_id: order.body.order_id,
    });
  });

  it('returns 404 without a cart, unless items are given', async () => {
    expectProblem(await service.request('POST', '/orders/unknown/preview'), 404);
    const items = [line(newProduct(sandbox), 11)];
    const { body } = await service.request('POST', '/orders/unknown/preview', { items });
    expect(body).toMatchObject({ can_be_placed: false, lines: [{ availability: 'short', missing: 1 }] });
    expectProblem(await service.request('POST', '/orders/%00/preview'), 400, ['customer_id']);
  });

  it('shares the limit of concurrent placements', async () => {
    const product = newProduct(sandbox);
    const { faults } = sandbox.services.inventory;
    faults.add({ kind: 'hang', method: 'GET', times: 2 });
    const answers: TestResponse[] = [];
    const all = Promise.all(
      Array.from({ length: 8 }, () => preview([line(product)]).then((answer) => answers.push(answer))),
    );
    await eventually(() => answers.length === 6);
    for (const answer of answers) expectProblem(answer, 503);
    expect(answers.map((answer) => answer.body.type)).toEqual(
      Array.from({ length: 6 }, () => '/problems/overloaded'),
    );
    faults.release();
    await all;
    expect(answers.slice(-2).map((answer) => answer.status)).toEqual([200, 200]);
  });
});
