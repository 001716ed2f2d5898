import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Big } from 'big.js';
import { expectProblem, line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { getOrder } from '../support/client.js';
import { DETAILS } from '../support/details.js';
import { startTestService, type TestService } from '../support/service.js';

const ORDERS = 4;

let service: TestService;
let ids: string[] = [];

beforeAll(async () => {
  service = await startTestService();
  for (let count = 1; count <= ORDERS; count += 1) {
    const items = Array.from({ length: count }, () => line(newProduct(service.sandbox), count));
    const charges = [
      { type: 'shipping' as const, amount: 4.99 },
      { type: 'discount' as const, amount: -1.1 * count },
    ].map((charge) => ({ ...charge, amount: Math.round(charge.amount * 100) / 100 }));
    ids.unshift(await placeOrder(service, orderBody(items, { ...DETAILS, charges, customer_id: 'columns' })));
  }
});
afterAll(() => service.stop());

const exported = (query: string, method = 'GET') =>
  service.request(method, `/orders/export?customer_id=columns&${query}`);

/** The rows of a complete file without quoted separators, after the names of its columns. */
async function rowsOf(query: string): Promise<string[][]> {
  const { status, body } = await exported(query);
  expect(status).toBe(200);
  const rows = (body as string).trimEnd().split('\r\n').slice(1);
  expect(rows.pop()).toMatch(/^"end of export: \d+ orders",*$/);
  return rows.map((row) => row.split(',').map((cell) => cell.replace(/^"(.*)"$/, '$1')));
}

describe('GET /orders/export with rows and columns', () => {
  it('returns a row for each order, whose amounts sum to those of the orders', async () => {
    const orders = await Promise.all(ids.map((id) => getOrder(service, id)));
    const rows = await rowsOf('rows=orders&columns=order_id,item_count,total_amount,metadata.campaign');
    expect(rows.map((row) => row[0])).toEqual(ids);
    expect(rows.map((row) => row[1])).toEqual(orders.map(({ items }) => String(items.length)));
    expect(rows.map((row) => row[3])).toEqual(ids.map(() => 'autumn'));
    const sum = rows.reduce((total, row) => total.plus(row[2] ?? ''), new Big(0));
    const expected = orders.reduce(
      (total, { total_amount: amount }) => total.plus(amount ?? NaN),
      new Big(0),
    );
    expect(sum.toFixed()).toBe(expected.toFixed());
  });

  it('returns the number and the counts in a row for each order without columns', async () => {
    const { body } = await exported('rows=orders');
    const [names, first] = (body as string).replace('\u{FEFF}', '').split('\r\n');
    expect(names).toBe(
      '"order_id","number","timestamp","status","version","updated_at","failure","customer_id","customer_name",' +
        '"customer_email","currency","item_count","unit_count","subtotal_amount","charges_amount","total_amount"',
    );
    expect(first).toMatch(/,"USD",4,16,160,0\.59,160\.59$/);
  });

  it.each(['rows=orders&columns=order_id', 'rows=lines&columns=order_id,line', 'columns=order_id'])(
    'continues after an order: %s',
    async (query) => {
      const all = await rowsOf(query);
      const rest = await rowsOf(`${query}&cursor=${ids[1] ?? ''}`);
      expect(new Set(rest.map((row) => row[0]))).toEqual(new Set(ids.slice(2)));
      expect(rest).toEqual(all.slice(-rest.length));
    },
  );

  it('counts orders for HEAD in either form', async () => {
    for (const query of ['rows=orders', 'rows=lines&columns=line']) {
      expect((await exported(query, 'HEAD')).headers.get('x-total-count')).toBe(String(ORDERS));
    }
  });

  it.each<[string, string[]]>([
    ['columns=order_id,foo', ['columns']],
    ['rows=orders&columns=price', ['columns']],
    ['columns=', ['columns']],
    ['columns=number&columns=number', ['columns']],
    ['rows=products', ['rows']],
    ['rows=', ['rows']],
    ['format=ndjson&rows=orders', ['rows']],
    ['format=ndjson&columns=order_id', ['columns']],
  ])('rejects an invalid query: %s', async (query, fields) => {
    expectProblem(await exported(query), 400, fields);
  });

  it('names the unknown column and those that there are', async () => {
    const { body } = await exported('columns=order_id,foo');
    expect(JSON.stringify(body)).toMatch(/\\"foo\\".*order_id, number, .*metadata\.<key>/);
  });
});
