import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem, line, newProduct, orderBody, placeOrder, selectRows } from '../support/builders.js';
import { listOrders, type OrderQuery } from '../support/client.js';
import { insertOrders } from '../support/many-orders.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

let service: TestService;
/** Oldest first. */
const ids: string[] = [];

const SHOP = { source: 'shop', source_order_id: 'W-100' };
const MARKET = { source: 'market', source_order_id: '402-1234567' };

const placeWith = (details: object): Promise<string> =>
  placeOrder(service, orderBody([line('PROD001')], details));

async function find(query: OrderQuery | Record<string, string>): Promise<(number | string)[]> {
  const { orders } = await listOrders(service, query);
  return orders.map((order) => {
    const index = ids.indexOf(order.order_id);
    return index === -1 ? order.order_id : index;
  });
}

beforeAll(async () => {
  service = await startTestService();
  ids.push(
    await placeWith({
      ...SHOP,
      number: 'A-1',
      tags: ['gift', 'Größe'],
      metadata: { campaign: 'autumn', score: 1.5 },
    }),
    await placeWith({
      ...MARKET,
      number: 'B-2',
      tags: ['gift'],
      metadata: { campaign: 'spring', vip: true },
    }),
    await placeWith({ source: 'shop', customer_id: 'c-1', number: 'Ñ-3' }),
  );
  ids.push(
    await placeOrder(service, {
      ...orderBody([]),
      items: [{ product_id: 'PROD002', quantity: 1, sku: 'SKU-Émail-9' }],
    }),
  );
});
afterAll(() => service.stop());

describe('GET /orders', () => {
  it.each<[string, Record<string, string>, number[]]>([
    ['number', { number: 'B-2' }, [1]],
    ['number that no order has', { number: 'b-2' }, []],
    ['source', { source: 'shop' }, [2, 0]],
    ['source and a customer', { source: 'shop', customer_id: 'c-1' }, [2]],
    ['source and a status', { source: 'market', status: 'confirmed' }, [1]],
    ['id in the source', { source_order_id: '402-1234567' }, [1]],
    ['whole reference', SHOP, [0]],
    ['id of another source', { source: 'market', source_order_id: 'W-100' }, []],
    ['tag', { tag: 'gift' }, [1, 0]],
    ['tag in another Unicode form', { tag: 'Gro\u{308}ße' }, [0]],
    ['text in the metadata', { 'metadata.campaign': 'autumn' }, [0]],
    ['number in the metadata', { 'metadata.score': '1.5' }, [0]],
    ['boolean in the metadata', { 'metadata.vip': 'true' }, [1]],
    ['several members of the metadata', { 'metadata.vip': 'true', 'metadata.campaign': 'autumn' }, []],
    ['name of a member as a value', { 'metadata.autumn': 'campaign' }, []],
    ['number and a condition that does not hold', { number: 'A-1', tag: 'other' }, []],
    ['tag and a total', { tag: 'gift', total_min: '1', 'metadata.campaign': 'spring' }, [1]],
  ])('filters by %s', async (_what, query, expected) => {
    expect(await find(query)).toEqual(expected);
  });

  it('finds rejected orders by the number that they had', async () => {
    const product = newProduct(service.sandbox, 0);
    const body = { ...orderBody([line(product)]), number: 'R-1' };
    const refused = await service.request('POST', '/orders', body, { prefer: 'respond-async' });
    expect(refused.status).toBe(202);
    await eventually(async () => (await find({ number: 'R-1', status: 'rejected' })).length === 1);
    const taken = await placeWith({ number: 'R-1' });
    expect(await find({ number: 'R-1' })).toEqual([taken, refused.body.order_id]);
  });

  it('checks a source beside a status on the newest orders of the source', async () => {
    await insertOrders(service.database, 11_000);
    await selectRows(
      service.database,
      `UPDATE orders SET source = 'many' WHERE source IS NULL AND customer_id IS NULL`,
    );
    const first = await listOrders(service, { source: 'many', status: 'failed' });
    expect(first).toMatchObject({ count: 0, total_is_exact: false });
    expect(first).toHaveProperty('searched.from');
    const alone = await listOrders(service, { source: 'many' });
    expect(alone).toMatchObject({ count: 50, total: 10_000 });
    expect(alone).not.toHaveProperty('searched');
  });

  it.each<[string, string, string?]>([
    ['tag', `tag=${'x'.repeat(51)}`],
    ['tag', 'tag='],
    ['number', `number=${'x'.repeat(33)}`],
    ['source', 'source=a%00b'],
    ['source', 'source=a&source=b'],
    ['source_order_id', `source_order_id=${'x'.repeat(129)}`],
    ['metadata', 'metadata=x'],
    ['metadata', 'metadata.=x'],
    ['metadata', 'metadata=x&metadata.a=b', 'metadata.a'],
    ['metadata', 'metadata.a=x&metadata.a=y'],
    ['metadata', `metadata.a=${'x'.repeat(501)}`],
    ['metadata', `metadata.${'k'.repeat(41)}=x`],
    ['metadata', 'metadata.a=1&metadata.b=1&metadata.c=1&metadata.d=1&metadata.e=1&metadata.f=1'],
    ['metadata.__proto__', 'metadata.__proto__=x'],
    ['metadatum.a', 'metadatum.a=x'],
  ])('refuses a wrong %s: %#', async (field, query, ...others) => {
    expectProblem(await service.request('GET', `/orders?${query}`), 400, [
      field,
      ...others.filter((other) => other !== undefined),
    ]);
  });
});

describe('GET /orders?q=', () => {
  it.each<[string, string, number[]]>([
    ['the number', 'B-2', [1]],
    ['the number in another Unicode form', 'N\u{303}-3', [2]],
    ['the id in the source', '402-1234567', [1]],
    ['a part of the id in the source', '2-12345', [1]],
    ['a part of the SKU of a line', 'email-9', [3]],
  ])('finds orders by %s', async (_what, q, expected) => {
    await eventually(async () => (await find({ q })).length > 0);
    expect(await find({ q })).toEqual(expected);
  });
});

it('exports by a filter', async () => {
  const { body } = await service.request(
    'GET',
    '/orders/export?format=ndjson&tag=gift&metadata.campaign=spring',
  );
  const [order] = (body as string)
    .split('\n')
    .map((text) => JSON.parse(text || '{}') as { order_id?: string });
  expect(order?.order_id).toBe(ids[1]);
});

it('counts the figures of a source', async () => {
  const placed = async (query: string): Promise<number> => {
    const { body } = await service.request('GET', `/operations/figures?window=day${query}`);
    return Object.values(body.by_status as Record<string, number>).reduce((sum, count) => sum + count, 0);
  };
  expect(await placed('&source=market')).toBe(1);
  expect(await placed('&source=shop')).toBe(2);
  expect(await placed('&source=none')).toBe(0);
  expect(await placed('')).toBeGreaterThan(3);
  expectProblem(await service.request('GET', '/operations/figures?source='), 400, ['source']);
});
