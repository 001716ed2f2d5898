import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { countRows, expectProblem, line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import {
  getOrder,
  getOrdersOf,
  listOrders,
  type OrderList,
  type OrderQuery,
  type PlaceOrderBody,
  setStatus,
} from '../support/client.js';
import { startTestService, type TestService } from '../support/service.js';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});

afterAll(() => service.stop());

function list(query: OrderQuery): Promise<OrderList> {
  return listOrders(service, query);
}

function idsOf({ orders }: OrderList): string[] {
  return orders.map((order) => order.order_id);
}

/** Follows the cursors to the end and runs a function between the pages. @returns the ids of all orders */
async function walk(
  page: (cursor: { cursor?: string }) => Promise<OrderList>,
  between: () => Promise<unknown> = async () => undefined,
): Promise<{ ids: string[]; pages: number }> {
  const ids: string[] = [];
  let pages = 0;
  let cursor: string | null = null;
  do {
    const seen: OrderList = await page(cursor === null ? {} : { cursor });
    expect(seen.count).toBe(seen.orders.length);
    ids.push(...idsOf(seen));
    pages += 1;
    cursor = seen.next_cursor;
    // No list here has as many pages: stops the test when a cursor does not advance.
    expect(pages).toBeLessThan(50);
    await between();
  } while (cursor !== null);
  return { ids, pages };
}

const walkThrough = (query: OrderQuery) => walk((cursor) => list({ ...query, ...cursor }));

/** Places orders one after another. @returns their ids, newest first */
async function placeMany(count: number, body: PlaceOrderBody): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) ids.unshift(await placeOrder(service, body));
  return ids;
}

describe('pages of the list of orders', () => {
  it('have no gap and no duplicate, newest first, while new orders are placed', async () => {
    const product = newProduct(service.sandbox, 1000);
    const body = orderBody([line(product)]);
    const ids = await placeMany(17, body);
    const seen = await walk(
      (cursor) => list({ limit: 5, product_id: product, ...cursor }),
      () => placeMany(2, body),
    );
    expect(seen.ids).toEqual(ids);
    expect(seen.pages).toBe(4);
    expect((await walkThrough({ limit: 200, product_id: product })).ids).toHaveLength(17 + 2 * 4);
  });

  it('of a customer have no gap and no duplicate', async () => {
    const product = newProduct(service.sandbox, 1000);
    const body = orderBody([line(product)], { customer_id: 'pages' });
    const ids = await placeMany(7, body);
    await placeMany(3, orderBody([line(product)], { customer_id: 'pages-of-another' }));
    const seen = await walk(
      (cursor) => getOrdersOf(service, 'pages', { limit: 3, ...cursor }),
      () => placeMany(1, body),
    );
    expect(seen).toEqual({ ids, pages: 3 });
  });

  it('end without a next cursor when the last page is exactly full', async () => {
    const product = newProduct(service.sandbox);
    const ids = await placeMany(4, orderBody([line(product)]));
    expect(await walkThrough({ limit: 2, product_id: product })).toEqual({ ids, pages: 2 });
    expect((await list({ limit: 4, product_id: product })).next_cursor).toBeNull();
  });

  it('have 50 orders by default and 200 at most', async () => {
    const product = newProduct(service.sandbox, 1000);
    const body = orderBody([line(product)]);
    for (let batch = 0; batch < 21; batch += 1) {
      await Promise.all(Array.from({ length: 10 }, () => placeOrder(service, body)));
    }
    expect((await list({ product_id: product })).count).toBe(50);
    expect((await list({ product_id: product, limit: 200 })).count).toBe(200);
    expect((await list({ product_id: product, limit: 1 })).count).toBe(1);
    const { ids } = await walkThrough({ product_id: product });
    expect(new Set(ids).size).toBe(210);
    expect(ids).toEqual(ids.toSorted((one, other) => (one < other ? 1 : -1)));
  });
});

describe('filter of the list of orders', () => {
  const [alice, bob] = ['alice.filter@example.com', 'bob.filter@example.com'];
  let products: [string, string];
  let times: string[];
  /** Orders of Alice, of Bob and of Alice again; the last one is shipped. */
  let ids: [string, string, string];

  beforeAll(async () => {
    products = [newProduct(service.sandbox, 100), newProduct(service.sandbox, 100)];
    times = [];
    const place = async (customer: string, email: string, product: string): Promise<string> => {
      // Times have milliseconds: no other order may be placed in the millisecond that bounds a filter.
      await sleep(5);
      times.push(new Date().toISOString());
      await sleep(5);
      const items = [line(product), line(product, 2), line('PROD002')];
      return placeOrder(service, orderBody(items, { customer_id: customer, customer_email: email }));
    };
    ids = [
      await place('filter-a', alice, products[0]),
      await place('filter-b', bob, products[1]),
      await place('filter-a', alice, products[1]),
    ];
    await setStatus(service, ids[2], 'shipped');
  });

  it.each<[string, () => OrderQuery, number[]]>([
    ['of a status', () => ({ status: 'shipped' }), [2]],
    ['of a status in another case', () => ({ status: 'SHIPPED' }), [2]],
    ['of Ordered', () => ({ status: 'Ordered', customer_id: 'filter-a' }), [0]],
    ['of a customer', () => ({ customer_id: 'filter-a' }), [2, 0]],
    ['of an e-mail', () => ({ customer_email: bob }), [1]],
    ['of an e-mail in another case', () => ({ customer_email: alice.toUpperCase() }), [2, 0]],
    ['of a product', () => ({ product_id: products[1] }), [2, 1]],
    ['of all orders since a time', () => ({ placed_from: times[1] ?? '' }), [2, 1]],
    ['of a time range', () => ({ placed_from: times[1] ?? '', placed_to: times[2] ?? '' }), [1]],
    ['of two conditions', () => ({ product_id: products[1], customer_id: 'filter-a' }), [2]],
    ['of conditions that no order matches', () => ({ customer_id: 'filter-b', status: 'shipped' }), []],
    ['of an unknown customer', () => ({ customer_id: 'unknown' }), []],
    ['of a time in the future', () => ({ placed_from: '2999-01-01T00:00:00Z' }), []],
    ['of a time before all others', () => ({ placed_to: '1969-12-31T23:59:59Z' }), []],
  ])('%s returns the matching orders only', async (_name, query, expected) => {
    expect(idsOf(await list(query()))).toEqual(expected.map((index) => ids[index]));
  });

  it('excludes orders placed at the end of a time range, or later', async () => {
    const { timestamp } = await getOrder(service, ids[1]);
    expect(idsOf(await list({ placed_to: timestamp, customer_id: 'filter-b' }))).toEqual([]);
    expect(idsOf(await list({ placed_from: timestamp, customer_id: 'filter-b' }))).toEqual([ids[1]]);
  });

  it('applies to every page', async () => {
    expect(await walkThrough({ customer_id: 'filter-a', limit: 1 })).toEqual({
      ids: [ids[2], ids[0]],
      pages: 2,
    });
    const span = { placed_from: times[0] ?? '', placed_to: times[2] ?? '', limit: 1 };
    expect(await walkThrough(span)).toEqual({ ids: [ids[1], ids[0]], pages: 2 });
  });
});

describe('invalid query of a list returns 400 and names the field', () => {
  it.each<[query: string, fields: string[]]>([
    ['limit=0', ['limit']],
    ['limit=201', ['limit']],
    ['limit=-1', ['limit']],
    ['limit=1.5', ['limit']],
    ['limit=ten', ['limit']],
    ['limit=', ['limit']],
    ['limit=1&limit=2', ['limit']],
    ['limit=1e999', ['limit']],
    ['cursor=', ['cursor']],
    ['cursor=abc', ['cursor']],
    [`cursor='%20OR%201=1`, ['cursor']],
    ['status=lost', ['status']],
    ['status=', ['status']],
    ['status=constructor', ['status']],
    ['status=confirmed,', ['status']],
    ['status=confirmed,lost', ['status']],
    ['total_min=', ['total_min']],
    ['total_min=-1', ['total_min']],
    ['total_min=1e3', ['total_min']],
    ['total_min=1.23456', ['total_min']],
    ['total_max=1,5', ['total_max']],
    ['total_max=1&total_max=2', ['total_max']],
    [`total_max=${'9'.repeat(12)}`, ['total_max']],
    ['status=confirmed&status=shipped', ['status']],
    ['customer_id=', ['customer_id']],
    ['customer_id=a%00b', ['customer_id']],
    ['customer_id=a&customer_id=b', ['customer_id']],
    [`customer_id=${'x'.repeat(129)}`, ['customer_id']],
    ['customer_email=unknown', ['customer_email']],
    ['product_id=%0a', ['product_id']],
    ['placed_from=yesterday', ['placed_from']],
    ['placed_from=2026-02-30', ['placed_from']],
    ['placed_from=2026-13-01T00:00:00Z', ['placed_from']],
    ['placed_from=2026-W05', ['placed_from']],
    ['placed_from=2026-W05-1', ['placed_from']],
    ['placed_from=20260101', ['placed_from']],
    ['placed_from=20260101T120000Z', ['placed_from']],
    ['placed_from=-0001-01-01', ['placed_from']],
    ['placed_to=', ['placed_to']],
    ['placed_to=2026-01-01&placed_to=2026-01-02', ['placed_to']],
    ['placed_to=1767225600000', ['placed_to']],
    ['placed_to=2026-001', ['placed_to']],
    ['offset=10', ['offset']],
    ['Status=shipped', ['Status']],
    ['constructor=1', ['constructor']],
    ['__proto__=1', ['__proto__']],
    ['a=1&limit=0&status=x', ['a', 'limit', 'status']],
  ])('%s', async (query, fields) => {
    expectProblem(await service.request('GET', `/orders?${query}`), 400, fields);
  });

  it.each<[query: string, fields: string[]]>([
    ['limit=0', ['limit']],
    ['cursor=x', ['cursor']],
    ['status=shipped', ['status']],
    ['x=', ['x']],
  ])('also for the list of a customer: %s', async (query, fields) => {
    expectProblem(await service.request('GET', `/orders/filter-a?${query}`), 400, fields);
  });
});

describe('GET requests', () => {
  it('write nothing', async () => {
    const before = await countRows(service.database);
    for (const path of ['/orders', '/orders/filter-a', '/orders/unknown']) await service.request('GET', path);
    expect(await countRows(service.database)).toEqual(before);
  });
});
