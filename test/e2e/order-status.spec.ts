import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  expectProblem,
  isReplay,
  line,
  newProduct,
  orderBody,
  placeOrder,
  placeWithKey,
  selectRows,
  statusesTold,
  stockOf,
} from '../support/builders.js';
import { getOrder, listEvents, refused, succeeded } from '../support/client.js';
import { eventually, startTestService, type TestResponse, type TestService } from '../support/service.js';

/** The transitions that the design allows, repeated here so that a mistake in the service is found. */
const ALLOWED: Record<string, string[]> = {
  pending: [],
  confirmed: ['processing', 'shipped', 'cancelled'],
  rejected: [],
  failed: [],
  processing: ['shipped', 'cancelled'],
  shipped: ['delivered'],
  delivered: ['returned'],
  cancelled: [],
  returned: [],
};
const STATUSES = Object.keys(ALLOWED);

/** Transitions that lead a new order to each status. */
const WAY_TO: Record<string, string[]> = {
  confirmed: [],
  processing: ['processing'],
  shipped: ['shipped'],
  delivered: ['shipped', 'delivered'],
  cancelled: ['cancelled'],
  returned: ['shipped', 'delivered', 'returned'],
};

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});

afterAll(() => service.stop());

function setStatus(
  id: string,
  status: string,
  more: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<TestResponse> {
  return service.request('PUT', `/orders/${id}`, { status, ...more }, headers);
}

const eventsOf = (id: string) => listEvents(service, id);

/** An order in a status. The three that only a placement reaches are written into the database. */
async function orderIn(status: string): Promise<string> {
  const id = await placeOrder(service, orderBody([line(newProduct(service.sandbox))]));
  const way = WAY_TO[status];
  for (const step of way ?? []) expect((await setStatus(id, step)).status).toBe(200);
  if (!way) {
    await selectRows(service.database, `UPDATE orders SET status = $2 WHERE id = $1`, [id, status]);
  }
  return id;
}

const PAIRS = STATUSES.flatMap((from) => STATUSES.map((to) => [from, to] as const));
const isAllowed = ([from, to]: readonly [string, string]): boolean => ALLOWED[from]?.includes(to) ?? false;

describe('status transition', () => {
  it.each(PAIRS.filter((pair) => isAllowed(pair)))('from %s to %s is allowed', async (from, to) => {
    const id = await orderIn(from);
    const before = await eventsOf(id);
    const answer = await setStatus(id, to);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ order_id: id, status: to, version: before.length + 1 });
    expect(await getOrder(service, id)).toMatchObject({ status: to });
    expect((await eventsOf(id))[before.length]).toMatchObject({ seq: before.length + 1, from, to });
  });

  it.each(PAIRS.filter((pair) => !isAllowed(pair) && pair[0] !== pair[1]))(
    'from %s to %s is rejected',
    async (from, to) => {
      const id = await orderIn(from);
      const before = await eventsOf(id);
      const answer = await setStatus(id, to);
      expectProblem(answer, 409);
      expect(answer.body).toMatchObject({
        type: '/problems/transition-not-allowed',
        current_status: from,
        allowed_transitions: ALLOWED[from],
      });
      expect(await getOrder(service, id)).toMatchObject({ status: from });
      if (from !== 'cancelled') expect(await eventsOf(id)).toEqual(before);
    },
  );

  it.each(STATUSES)('from %s to itself changes nothing and adds no event', async (status) => {
    const id = await orderIn(status);
    if (status === 'cancelled') await eventually(async () => (await eventsOf(id)).length === 4);
    const before = await eventsOf(id);
    const answer = await setStatus(id, status);
    expect([answer.status, answer.body.status, answer.body.version]).toEqual([200, status, before.length]);
    expect(await eventsOf(id)).toEqual(before);
  });
});

describe('status value', () => {
  it.each(['SHIPPED', 'Shipped', 'sHiPpEd'])('is case-insensitive: %s', async (status) => {
    expect((await setStatus(await orderIn('confirmed'), status)).body.status).toBe('shipped');
  });

  it.each(['Ordered', 'ordered', 'ORDERED'])('%s means confirmed', async (status) => {
    const answer = await setStatus(await orderIn('confirmed'), status);
    expect([answer.status, answer.body.status]).toEqual([200, 'confirmed']);
    expectProblem(await setStatus(await orderIn('shipped'), status), 409);
  });

  it.each(['', 'lost', 'shipped ', 'constructor', '__proto__', 'toString'])(
    'that is unknown returns 400: "%s"',
    async (status) => {
      expectProblem(await setStatus(await orderIn('confirmed'), status), 400, ['status']);
    },
  );

  it('of an unknown order returns 404', async () => {
    for (const id of ['01980000-0000-7000-8000-000000000000', '42', 'x']) {
      const answer = await setStatus(id, 'shipped');
      expectProblem(answer, 404);
      expect(answer.body.detail).toContain(id);
    }
  });
});

describe('ETag and If-Match of an order', () => {
  it('the ETag is the version, on every response with the order', async () => {
    const placed = await placeWithKey(service, 'etag', orderBody([line(newProduct(service.sandbox))]));
    const id: string = placed.body.order_id;
    expect([placed.headers.get('etag'), isReplay(placed)]).toEqual(['"2"', false]);
    const etag = async () => {
      const { response } = await service.api.GET('/orders/{id}', { params: { path: { id } } });
      return response.headers.get('etag');
    };
    expect(await etag()).toBe('"2"');
    expect((await setStatus(id, 'processing')).headers.get('etag')).toBe('"3"');
    expect((await setStatus(id, 'processing')).headers.get('etag')).toBe('"3"');
    expect(await etag()).toBe('"3"');
  });

  it.each(['"2"', '*', '"1", "2"', ' "2" ', '"other", "2"'])('If-Match accepts %s', async (tag) => {
    const answer = await setStatus(await orderIn('confirmed'), 'shipped', {}, { 'if-match': tag });
    expect([answer.status, answer.headers.get('etag')]).toEqual([200, '"3"']);
  });

  it.each(['"1"', '"3"', 'W/"2"', '2', '"two"', '""', '"1", W/"2"', '"02x"'])(
    'If-Match rejects %s',
    async (tag) => {
      const id = await orderIn('confirmed');
      const answer = await setStatus(id, 'shipped', {}, { 'if-match': tag });
      expectProblem(answer, 412);
      expect(answer.body).toMatchObject({ type: '/problems/version-conflict', current_version: 2 });
      expect(await eventsOf(id)).toHaveLength(2);
    },
  );

  it('If-Match does not change the 404 of an unknown order', async () => {
    const id = '01980000-0000-7000-8000-000000000000';
    expectProblem(await setStatus(id, 'shipped', {}, { 'if-match': '"1"' }), 404);
  });
});

describe('concurrent changes', () => {
  it('of one order leave a history without gaps that agrees with the status', async () => {
    const id = await orderIn('confirmed');
    const answers = await Promise.all(
      ['processing', 'shipped', 'cancelled', 'shipped', 'processing', 'cancelled'].map((to) =>
        setStatus(id, to),
      ),
    );
    for (const { status } of answers) expect([200, 409, 412]).toContain(status);
    expect(answers.some(({ status }) => status === 200)).toBe(true);

    const changes = (await eventsOf(id)).filter((event) => event.to !== null);
    changes.slice(1).forEach((event, index) => expect(event.from).toBe(changes[index]?.to));
    for (const { from, to } of changes.slice(2)) expect(ALLOWED[from ?? '']).toContain(to);
    const body = await getOrder(service, id);
    expect(body.status).toBe(changes.at(-1)?.to);
    const seqs = (await eventsOf(id)).map((event) => event.seq);
    expect(seqs).toEqual(seqs.map((_, index) => index + 1));
    await eventually(() => statusesTold(service.sandbox, id).length === changes.length - 1);
    expect(statusesTold(service.sandbox, id)).toEqual(changes.slice(1).map((event) => event.to));
  });

  it('with the same ETag are made once', async () => {
    const id = await orderIn('confirmed');
    const wishes = ['processing', 'shipped', 'cancelled'];
    const answers = await Promise.all(wishes.map((to) => setStatus(id, to, {}, { 'if-match': '"2"' })));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 412)).toHaveLength(2);
  });
});

describe('GET /orders/{order_id}/events', () => {
  it('returns who did what and why, without gaps', async () => {
    const product = newProduct(service.sandbox);
    const id = await placeOrder(service, orderBody([line(product, 3)]));
    await setStatus(id, 'processing', { reason: 'Picked by Carol' });
    await setStatus(id, 'cancelled', { reason: 'Broken on the way' });
    await eventually(async () => (await eventsOf(id)).length === 5);

    const params = { path: { order_id: id } };
    const body = await succeeded(service.api.GET('/orders/{order_id}/events', { params }));
    expect(body.order_id).toBe(id);
    expect(body.events).toMatchObject([
      { seq: 1, type: 'placed', from: null, to: 'pending', actor: 'anonymous', reason: null },
      { seq: 2, type: 'status_changed', from: 'pending', to: 'confirmed', actor: 'placement' },
      { seq: 3, type: 'status_changed', from: 'confirmed', to: 'processing', reason: 'Picked by Carol' },
      { seq: 4, type: 'status_changed', to: 'cancelled', actor: 'anonymous', reason: 'Broken on the way' },
      { seq: 5, type: 'stock_released', from: null, to: null, actor: 'stock-release', data: { lines: [1] } },
    ]);
    const duration_ms = expect.any(Number);
    expect(body.events.map(({ data }) => data?.calls)).toEqual([
      undefined,
      [{ operation: 'reserve', lines: { held: 1 }, attempts: { '2xx': 1 }, duration_ms }],
      undefined,
      undefined,
      [{ operation: 'release', lines: { released: 1 }, attempts: { '2xx': 1 }, duration_ms }],
    ]);
    const times = body.events.map((event) => Date.parse(event.timestamp));
    expect(times).toEqual(times.toSorted((one, other) => one - other));
    expect(JSON.stringify(body)).not.toMatch(/Alice|alice@/);
    expect(stockOf(service.sandbox, product)).toBe(10);
    expect(await getOrder(service, id)).toMatchObject({ version: 5 });
  });

  it('returns 404 for an unknown order', async () => {
    const path = { order_id: '01980000-0000-7000-8000-000000000000' };
    const problem = await refused(service.api.GET('/orders/{order_id}/events', { params: { path } }), 404);
    expect(problem.type).toBe('/problems/order-not-found');
  });
});
