import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { listOrders, type OrderQuery, setStatus } from '../support/client.js';
import { insertOrders } from '../support/many-orders.js';
import { startTestService, type TestService } from '../support/service.js';

let service: TestService;
let product: string;
/** Of one, two and three units at 29.99, oldest first. */
const ids: string[] = [];

beforeAll(async () => {
  service = await startTestService();
  product = newProduct(service.sandbox, 100);
  for (const quantity of [1, 2, 3])
    ids.push(
      await placeOrder(
        service,
        orderBody([line('PROD002', quantity), line(product)], { customer_id: 'totals' }),
      ),
    );
  await setStatus(service, ids[0] ?? '', 'shipped');
  await setStatus(service, ids[1] ?? '', 'processing');
});
afterAll(() => service.stop());

describe('filter of the list of orders', () => {
  let totals: string[];

  beforeAll(async () => {
    const { orders } = await listOrders(service, { product_id: product });
    totals = orders.map((order) => String(order.total_amount)).toReversed();
  });

  it.each<[string, () => OrderQuery, number[]]>([
    ['several statuses', () => ({ status: 'shipped,processing' }), [1, 0]],
    [
      'several statuses in any case, one of them twice',
      () => ({ status: 'Shipped, ordered,SHIPPED' }),
      [2, 0],
    ],
    ['all statuses of the orders', () => ({ status: 'shipped,processing,confirmed,failed' }), [2, 1, 0]],
    ['several statuses of a product', () => ({ status: 'shipped,processing', product_id: product }), [1, 0]],
    [
      'several statuses of a customer',
      () => ({ status: 'shipped,processing', customer_id: 'totals' }),
      [1, 0],
    ],
    ['a smallest total, which is included', () => ({ total_min: totals[1] ?? '' }), [2, 1]],
    ['a largest total, which is included', () => ({ total_max: totals[1] ?? '' }), [1, 0]],
    ['one total', () => ({ total_min: totals[1] ?? '', total_max: totals[1] ?? '' }), [1]],
    ['a total that differs by the smallest decimal', () => ({ total_min: `${totals[2] ?? ''}01` }), []],
    ['a total and a status', () => ({ total_min: '0', status: 'processing' }), [1]],
    ['totals that exclude each other', () => ({ total_min: '2', total_max: '1' }), []],
  ])('%s', async (_what, query, expected) => {
    const list = await listOrders(service, query());
    expect(list.orders.map((order) => order.order_id)).toEqual(expected.map((index) => ids[index]));
    expect(list).toMatchObject({ total: expected.length, total_is_exact: true });
  });

  it('applies to an export', async () => {
    const { body } = await service.request(
      'GET',
      `/orders/export?format=ndjson&status=shipped,processing&total_min=${totals[1] ?? ''}`,
    );
    expect((JSON.parse((body as string).split('\n')[0] ?? '') as { order_id: string }).order_id).toBe(ids[1]);
  });
});

describe('list of orders', () => {
  it('links to the next page with all filters, until the last page', async () => {
    const seen: string[] = [];
    let path: string | undefined =
      `/orders?status=shipped,processing,confirmed&limit=2&product_id=${product}`;
    for (let pages = 0; path !== undefined && pages < 5; pages += 1) {
      const { body, headers } = await service.request('GET', path);
      expect(body).toMatchObject({ total: 3, total_is_exact: true });
      seen.push(...body.orders.map((order: { order_id: string }) => order.order_id));
      path = /^<(\/[^<>]+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
      expect(path === undefined).toBe(body.next_cursor === null);
    }
    expect(seen).toEqual(ids.toReversed());
  });
});

describe('list of the orders of a customer', () => {
  // The filters above select from all orders of a database.
  let crowded: TestService;

  beforeAll(async () => {
    crowded = await startTestService();
  });
  afterAll(() => crowded.stop());

  it('links to its next page', async () => {
    await insertOrders(crowded.database, 3, { customerId: 'a b<c>' });
    const { body, headers } = await crowded.request('GET', `/orders/${encodeURIComponent('a b<c>')}?limit=2`);
    expect(body).toMatchObject({ count: 2, total: 3, total_is_exact: true });
    const link = headers.get('link') ?? '';
    expect(link).toBe(`</orders/a%20b%3Cc%3E?limit=2&cursor=${body.next_cursor}>; rel="next"`);
    const { body: last, headers: end } = await crowded.request('GET', link.slice(1, link.indexOf('>')));
    expect(last).toMatchObject({ count: 1, total: 3, next_cursor: null });
    expect(end.get('link')).toBeNull();
  });

  it('is counted exactly up to 10,000', async () => {
    await insertOrders(crowded.database, 10_000, { customerId: 'counted' });
    const count = async () => listOrders(crowded, { customer_id: 'counted', limit: 1 });
    expect(await count()).toMatchObject({ count: 1, total: 10_000, total_is_exact: true });
    await insertOrders(crowded.database, 1, { customerId: 'counted' });
    expect(await count()).toMatchObject({ count: 1, total: 10_000, total_is_exact: false });
  });
});
