import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MAX_SCANNED } from '../../src/events/event-feed.repository.js';
import { Availability } from '../../src/health/availability.js';
import type { components } from '../../docs/openapi.js';
import { expectProblem, line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { API_KEYS, CUSTOMER, type Headers, knownCallers } from '../support/callers.js';
import { TestIssuer } from '../support/issuer.js';
import { queryDatabase } from '../support/invariants.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

type Feed = components['schemas']['FeedResponse'];

let issuer: TestIssuer;
let service: TestService;
let callers: Awaited<ReturnType<typeof knownCallers>>;
let product = '';

beforeAll(async () => {
  issuer = await TestIssuer.start();
  service = await startTestService({ settings: { ...issuer.settings, AUTH: 'jwt,api-key', API_KEYS } });
  callers = await knownCallers(issuer);
  product = newProduct(service.sandbox, 10_000);
});
afterAll(async () => {
  await service.stop();
  await issuer.close();
});

async function read(query: Record<string, string | number> = {}, as: Headers = callers.admin): Promise<Feed> {
  const parameters = new URLSearchParams(
    Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
  );
  const { status, body } = await service.request('GET', `/events?${parameters.toString()}`, undefined, as);
  expect(status).toBe(200);
  return body as Feed;
}

/** Places an order and waits until the feed has its two events. @returns the order and the end of the feed before it */
async function placeOne(as: Headers = callers.admin): Promise<{ id: string; after: number }> {
  const after = (await read({ include: 'none', limit: 1 })).last_feed_no;
  const id = await placeOrder(service, orderBody([line(product)]), as);
  await eventually(
    async () => (await read({ after })).events.filter((event) => event.order_id === id).length === 2,
  );
  return { id, after };
}

async function timed<T>(action: Promise<T>): Promise<{ result: T; seconds: number }> {
  const startedAt = performance.now();
  const result = await action;
  return { result, seconds: (performance.now() - startedAt) / 1_000 };
}

describe('GET /events', () => {
  it('returns the events of an order with the order as it is now', async () => {
    const { id, after } = await placeOne();
    const { events, next_after, last_feed_no, is_complete, numbered_until } = await read({ after });
    expect(events).toEqual([
      {
        feed_no: after + 1,
        id: `${id}/1`,
        type: 'order.placed',
        time: expect.any(String),
        order_id: id,
        version: 1,
        data: { from: null, to: 'pending', actor: expect.any(String), reason: null, details: null },
        order: expect.objectContaining({ order_id: id, status: 'confirmed', version: 2 }),
      },
      expect.objectContaining({ feed_no: after + 2, id: `${id}/2`, type: 'order.confirmed', version: 2 }),
    ]);
    expect({ next_after, last_feed_no, is_complete, numbered_until }).toEqual({
      next_after: after + 2,
      last_feed_no: after + 2,
      is_complete: true,
      numbered_until: null,
    });
  });

  it('leaves the orders out on request', async () => {
    const { after } = await placeOne();
    const { events } = await read({ after, include: 'none' });
    expect(events).toHaveLength(2);
    for (const event of events) expect(event).not.toHaveProperty('order');
  });

  it('continues at next_after, page by page, with nothing left out', async () => {
    const { after } = await placeOne();
    await placeOne();
    const numbers: number[] = [];
    for (let next = after; ;) {
      const page = await read({ after: next, limit: 1 });
      numbers.push(...page.events.map(({ feed_no }) => feed_no));
      if (page.events.length === 0) break;
      next = page.next_after;
    }
    expect(numbers).toEqual([after + 1, after + 2, after + 3, after + 4]);
  });

  it('returns the types that are asked for, and skips the others', async () => {
    const { id, after } = await placeOne();
    await service.request('PUT', `/orders/${id}`, { status: 'cancelled' }, callers.admin);
    // The last event of the order: one that came later would be in the feed of the next test.
    await eventually(async () => (await read({ after, types: 'order.stock_released' })).events.length === 1);
    const { events, next_after, last_feed_no } = await read({
      after,
      types: 'order.confirmed,order.cancelled',
    });
    expect(events.map(({ type }) => type)).toEqual(['order.confirmed', 'order.cancelled']);
    expect(next_after).toBe(last_feed_no);
  });

  it('returns nothing and the last number to a consumer that is ahead of the feed', async () => {
    await placeOne();
    const { last_feed_no } = await read({ limit: 1 });
    const { result, seconds } = await timed(read({ after: last_feed_no + 1_000, wait: 30 }));
    expect(result).toMatchObject({ events: [], next_after: last_feed_no, last_feed_no });
    expect(seconds).toBeLessThan(10);
  });

  it('looks at a bounded part of the feed when a filter passes no event', async () => {
    const { last_feed_no } = await read({ limit: 1 });
    await queryDatabase(service.database.url, 'UPDATE event_feed SET last_no = last_no + 2 * $1::bigint', [
      MAX_SCANNED,
    ]);
    const page = await read({ after: last_feed_no, types: 'order.returned', wait: 1 });
    expect(page).toMatchObject({ events: [], next_after: last_feed_no + MAX_SCANNED });
    await queryDatabase(service.database.url, 'UPDATE event_feed SET last_no = $1', [last_feed_no]);
  });

  it('names every wrong field', async () => {
    const query = 'after=-1&limit=501&wait=31&types=order.placed,order.eaten&include=all&since=1';
    const answer = await service.request('GET', `/events?${query}`, undefined, callers.admin);
    expectProblem(answer, 400, ['after', 'limit', 'types', 'wait', 'include', 'since']);
    expect(JSON.stringify(answer.body)).toContain('order.eaten');
  });
});

describe('a request that waits', () => {
  it('returns when an event comes', async () => {
    const { last_feed_no: after } = await read({ limit: 1 });
    const waiting = timed(read({ after, wait: 30 }));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const id = await placeOrder(service, orderBody([line(product)]), callers.admin);
    const { result, seconds } = await waiting;
    expect(result.events[0]).toMatchObject({ feed_no: after + 1, order_id: id });
    expect(seconds).toBeLessThan(15);
  });

  it('returns nothing when its time is over', async () => {
    const { last_feed_no: after } = await placeOne().then(() => read({ limit: 1 }));
    const { result, seconds } = await timed(read({ after, wait: 1 }));
    expect(result.events).toEqual([]);
    expect(seconds).toBeGreaterThanOrEqual(0.9);
  });

  it("does not return for another type or another customer's event", async () => {
    const { last_feed_no: after } = await read({ limit: 1 });
    const others = timed(read({ after, wait: 2 }, callers.otherCustomer));
    const types = timed(read({ after, wait: 2, types: 'order.returned' }));
    await placeOne(callers.customer);
    for (const { result, seconds } of await Promise.all([others, types])) {
      expect(result.events).toEqual([]);
      expect(seconds).toBeGreaterThanOrEqual(1.9);
    }
  });

  it('may be silent, and take longer, than other requests', async () => {
    const limits = { headMs: 5_000, requestMs: 5_000, idleMs: 5_000, silentMs: 500, checkMs: 100 };
    const settings = { AUTH: 'none', UPSTREAM_TIMEOUT_MS: '300', REQUEST_DEADLINE_MS: '1000' };
    const beside = await startTestService({ settings, limits, beside: service });
    try {
      const { status, body } = await beside.request('GET', '/events?wait=2&types=order.returned');
      expect([status, body.events]).toEqual([200, []]);
    } finally {
      await beside.stop();
    }
  });

  it('returns at once when the service stops', async () => {
    const beside = await startTestService({ settings: { AUTH: 'none' }, beside: service });
    const waiting = timed(beside.request('GET', '/events?wait=30&types=order.returned'));
    await new Promise((resolve) => setTimeout(resolve, 500));
    // As the program does: the client leaves its connection with the answer.
    beside.app.get(Availability).withdraw();
    await beside.stop();
    const { result, seconds } = await waiting;
    expect([result.status, result.body.events]).toEqual([200, []]);
    expect(seconds).toBeLessThan(15);
  });

  it('holds no connection to the database', async () => {
    const { last_feed_no: after } = await read({ limit: 1 });
    const waiting = Array.from({ length: 20 }, () => read({ after, wait: 3 }));
    await new Promise((resolve) => setTimeout(resolve, 500));
    const [row] = await queryDatabase<{ count: number }>(
      service.database.url,
      `SELECT count(*)::int AS count FROM pg_stat_activity
       WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()`,
    );
    expect(row?.count).toBeLessThan(5);
    await placeOrder(service, orderBody([line(product)]), callers.admin);
    for (const { events } of await Promise.all(waiting)) expect(events.length).toBeGreaterThan(0);
  });
});

describe('a customer', () => {
  it('has a quarter of the requests that may wait', async () => {
    const { last_feed_no: after } = await read({ limit: 1 });
    const path = `/events?after=${after}&wait=5&types=order.returned`;
    const answers = await Promise.all(
      Array.from({ length: 27 }, () => service.request('GET', path, undefined, callers.customer)),
    );
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused.map(({ status, body }) => [status, body.type])).toEqual(
      Array.from({ length: 2 }, () => [429, '/problems/concurrency-limit-exceeded']),
    );
  });

  it('reads the events of its own orders only', async () => {
    const mine = await placeOne(callers.customer);
    await placeOne(callers.otherCustomer);
    const { events, next_after, last_feed_no } = await read({ after: mine.after }, callers.customer);
    expect(events.map(({ id }) => id)).toEqual([`${mine.id}/1`, `${mine.id}/2`]);
    expect(events[0]?.order?.customer_id).toBe(CUSTOMER);
    expect(next_after).toBe(last_feed_no);
  });
});
