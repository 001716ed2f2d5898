import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { OrderRepository } from '../../src/orders/order.repository.js';
import { expectProblem, line, newProduct, orderBody, placeOrder, selectRows } from '../support/builders.js';
import { API_KEYS, CUSTOMER, knownCallers } from '../support/callers.js';
import { listOrders } from '../support/client.js';
import { TestIssuer } from '../support/issuer.js';
import { insertOrders } from '../support/many-orders.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

/** Far more than connections hold on their way: 25 MB as NDJSON. */
const MANY = 60_000;

/** As the service reads them. */
const PAGE_SIZE = 250;

/** Long enough for the service to read on, if it did. */
const A_WHILE_MS = 300;

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.stop());
afterEach(() => {
  jest.restoreAllMocks();
});

const exported = (query: string, method = 'GET') => service.request(method, `/orders/export?${query}`);

/** Cells of a CSV that has no comma or quote within a cell, row by row, with the column names first. */
const cellsOf = (text: string): string[][] =>
  text
    .replace('\u{FEFF}', '')
    .trimEnd()
    .split('\r\n')
    .map((row) => row.split(',').map((cell) => cell.replace(/^"(.*)"$/, '$1')));

const idsIn = (ndjson: string): string[] =>
  ndjson
    .trimEnd()
    .split('\n')
    .map((text) => (JSON.parse(text) as { order_id: string }).order_id);

/** Begins an export and reads nothing of it yet. */
async function begin(query: string, on = service): Promise<IncomingMessage> {
  const [response] = (await once(get(`${on.url}/orders/export?${query}`), 'response')) as [IncomingMessage];
  return response;
}

/** Counts the pages that the service reads. */
const countPages = (on = service) => jest.spyOn(on.app.get(OrderRepository), 'listOrdersOf');

/** Waits until no more pages are read. @returns how many were */
async function settled(pages: ReturnType<typeof countPages>): Promise<number> {
  return eventually(async () => {
    const before = pages.mock.calls.length;
    await sleep(A_WHILE_MS);
    return pages.mock.calls.length === before ? before : 0;
  });
}

describe('an export', () => {
  it('has the orders of a filter, a row for each line', async () => {
    const products = [newProduct(service.sandbox), newProduct(service.sandbox)];
    const items = [line(products[0] ?? '', 2), line(products[1] ?? '', 1)];
    const id = await placeOrder(
      service,
      orderBody(items, { customer_id: 'export-a', customer_name: '=Alice' }),
    );
    await placeOrder(service, orderBody(items, { customer_id: 'export-b' }));
    const { status, headers, body } = await exported('customer_id=export-a');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(headers.get('content-disposition')).toMatch(/^attachment; filename="orders-\d{8}T\d{6}Z\.csv"$/);
    const [names, ...rows] = cellsOf(body as string);
    expect(names?.[0]).toBe('order_id');
    expect(rows.map((row) => [row[0], row[7], ...row.slice(10, 13), ...row.slice(14)])).toEqual([
      [id, "'=Alice", '30', '1', products[0], '2', '10', '20'],
      [id, "'=Alice", '30', '2', products[1], '1', '10', '10'],
    ]);
  });

  it('as NDJSON has the orders as the list has them', async () => {
    const { headers, body } = await exported('format=ndjson&customer_id=export-a');
    expect(headers.get('content-disposition')).toMatch(/\.ndjson"$/);
    const { orders } = await listOrders(service, { customer_id: 'export-a' });
    expect(
      (body as string)
        .trimEnd()
        .split('\n')
        .map((text) => JSON.parse(text) as unknown),
    ).toEqual(orders);
  });

  it('of nothing is empty, but for the names of the columns', async () => {
    expect((await exported('format=ndjson&customer_id=nobody')).body).toBe('');
    expect(cellsOf((await exported('customer_id=nobody')).body as string)).toHaveLength(1);
  });

  it('goes on behind an order', async () => {
    const ids = await insertOrders(service.database, 2 * PAGE_SIZE + 1, { product: 'to-go-on' });
    const newestFirst = ids.toReversed();
    const all = await exported('format=ndjson&q=to-go-on');
    expect(idsIn(all.body as string)).toEqual(newestFirst);
    const rest = await exported(`format=ndjson&q=to-go-on&cursor=${newestFirst[9] ?? ''}`);
    expect(idsIn(rest.body as string)).toEqual(newestFirst.slice(10));
    expect(cellsOf((await exported('product_id=to-go-on')).body as string)).toHaveLength(ids.length + 1);
  });

  it.each<[string, string[]]>([
    ['format=xml', ['format']],
    ['format=', ['format']],
    ['limit=5', ['limit']],
    ['cursor=x&status=lost', ['cursor', 'status']],
  ])('with a wrong query is refused: %s', async (query, fields) => {
    expectProblem(await exported(query), 400, fields);
  });

  it('is not written for who asks for its head alone', async () => {
    const pages = countPages();
    const { status, headers } = await exported('format=ndjson', 'HEAD');
    expect([status, headers.get('content-type')]).toEqual([200, 'application/x-ndjson; charset=utf-8']);
    expect(pages).not.toHaveBeenCalled();
  });

  it("of a customer has the customer's orders only", async () => {
    const issuer = await TestIssuer.start();
    const settings = { ...issuer.settings, AUTH: 'jwt,api-key', API_KEYS };
    const guarded = await startTestService({ settings, beside: service });
    const callers = await knownCallers(issuer);
    const [mine = ''] = await insertOrders(service.database, 1, { product: 'of-two', customerId: CUSTOMER });
    const [foreign = ''] = await insertOrders(service.database, 1, {
      product: 'of-two',
      customerId: 'another',
    });
    const seen = async (caller: 'customer' | 'admin') => {
      const path = '/orders/export?format=ndjson&product_id=of-two';
      return idsIn((await guarded.request('GET', path, undefined, callers[caller])).body as string);
    };
    expect(await seen('customer')).toEqual([mine]);
    expect((await seen('admin')).toSorted()).toEqual([mine, foreign].toSorted());
    await guarded.stop();
    await issuer.close();
  });
});

describe('an export of many orders', () => {
  const QUERY = 'format=ndjson&product_id=many';
  let newestFirst: string[];

  beforeAll(async () => {
    newestFirst = (await insertOrders(service.database, MANY)).toReversed();
    // As autovacuum would do: without statistics each page reads and sorts all lines of the product.
    await selectRows(service.database, 'ANALYZE orders, order_items');
  });

  it('is read from the database as fast as the client takes it, and has all of them', async () => {
    const pages = countPages();
    const response = await begin(QUERY);
    expect(await settled(pages)).toBeLessThan(MANY / PAGE_SIZE / 2);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    expect(idsIn(Buffer.concat(chunks).toString())).toEqual(newestFirst);
  });

  it('ends when the client goes away', async () => {
    const pages = countPages();
    const response = await begin(QUERY);
    await once(response, 'readable');
    response.destroy();
    expect(await settled(pages)).toBeLessThan(MANY / PAGE_SIZE / 2);
  });

  it('is refused while there are as many as there may be, and no longer', async () => {
    const [one, other] = [await begin(QUERY), await begin(QUERY)];
    expectProblem(await exported(QUERY), 503);
    one.destroy();
    await eventually(async () => (await exported('customer_id=nobody')).status === 200);
    other.destroy();
  });

  it('breaks off, and does not hold up the end, when the service is stopped', async () => {
    const other = await startTestService({ beside: service });
    const response = await begin(QUERY, other);
    await once(response, 'readable');
    await other.stop();
    await expect(response.toArray()).rejects.toThrow('aborted');
  });
});
