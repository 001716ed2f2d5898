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
import { openConnection } from './raw-http.js';

/** Far more than socket buffers hold: 25 MB as NDJSON. */
const MANY = 60_000;

/** Page size of the service. */
const PAGE_SIZE = 250;

/** Long enough for the service to read another page, if it did not wait for the client. */
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

/** Cells of a CSV without quoted cells, row by row: the column names first and the end marker last. */
const cellsOf = (text: string): string[][] =>
  text
    .replace('\u{FEFF}', '')
    .trimEnd()
    .split('\r\n')
    .map((row) => row.split(',').map((cell) => cell.replace(/^"(.*)"$/, '$1')));

/** The orders of a complete NDJSON export. */
function ordersIn(ndjson: string): { order_id: string }[] {
  const lines = ndjson.split('\n').map((text) => (text === '' ? null : (JSON.parse(text) as object)));
  const orders = lines.slice(0, -2);
  expect(lines.slice(-2)).toEqual([{ count: orders.length }, null]);
  return orders as { order_id: string }[];
}

const idsIn = (ndjson: string): string[] => ordersIn(ndjson).map((order) => order.order_id);

/** Starts an export without reading its body. */
async function begin(query: string, on = service): Promise<IncomingMessage> {
  const request = get(`${on.url}/orders/export?${query}`);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  // A reset is also an error of the request; the tests look at the response.
  request.on('error', () => undefined);
  return response;
}

/** Counts the pages that the service reads. */
const countPages = (on = service) => jest.spyOn(on.app.get(OrderRepository), 'listOrdersOf');

/** Waits until no more pages are read. @returns the number of pages */
async function settled(pages: ReturnType<typeof countPages>): Promise<number> {
  return eventually(async () => {
    const before = pages.mock.calls.length;
    await sleep(A_WHILE_MS);
    return pages.mock.calls.length === before ? before : 0;
  });
}

describe('GET /orders/export', () => {
  it('returns the orders of a filter as CSV, one row per line', async () => {
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
    expect(rows.pop()).toEqual(['end of export: 1 orders', ...Array<string>(16).fill('')]);
    expect(rows.map((row) => [row[0], row[7], ...row.slice(10, 13), ...row.slice(14)])).toEqual([
      [id, "'=Alice", '30', '1', products[0], '2', '10', '20'],
      [id, "'=Alice", '30', '2', products[1], '1', '10', '10'],
    ]);
  });

  it('returns NDJSON with the same orders as the list', async () => {
    const { headers, body } = await exported('format=ndjson&customer_id=export-a');
    expect(headers.get('content-disposition')).toMatch(/\.ndjson"$/);
    const { orders } = await listOrders(service, { customer_id: 'export-a' });
    expect(ordersIn(body as string)).toEqual(orders);
  });

  it('returns the column names and the end marker when no order matches', async () => {
    expect((await exported('format=ndjson&customer_id=unknown')).body).toBe('{"count":0}\n');
    const [, end, ...others] = cellsOf((await exported('customer_id=unknown')).body as string);
    expect(end?.[0]).toBe('end of export: 0 orders');
    expect(others).toEqual([]);
  });

  it('continues after an order, given its cursor', async () => {
    const ids = await insertOrders(service.database, 2 * PAGE_SIZE + 1, { product: 'to-go-on' });
    const newestFirst = ids.toReversed();
    const all = await exported('format=ndjson&q=to-go-on');
    expect(idsIn(all.body as string)).toEqual(newestFirst);
    const rest = await exported(`format=ndjson&q=to-go-on&cursor=${newestFirst[9] ?? ''}`);
    expect(idsIn(rest.body as string)).toEqual(newestFirst.slice(10));
    expect(cellsOf((await exported('product_id=to-go-on')).body as string)).toHaveLength(ids.length + 2);
  });

  it.each<[string, string[]]>([
    ['format=xml', ['format']],
    ['format=', ['format']],
    ['limit=5', ['limit']],
    ['cursor=x&status=lost', ['cursor', 'status']],
  ])('rejects an invalid query: %s', async (query, fields) => {
    expectProblem(await exported(query), 400, fields);
  });

  it('only counts for HEAD, with every filter of the list', async () => {
    const ids = await insertOrders(service.database, 2 * PAGE_SIZE + 1, { product: 'to-count' });
    const pages = countPages();
    const countOf = async (query: string): Promise<string | null> => {
      const { status, headers } = await exported(query, 'HEAD');
      expect(status).toBe(200);
      return headers.get('x-total-count');
    };
    const { headers } = await exported('format=ndjson', 'HEAD');
    expect(headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8');
    expect(await countOf('format=ndjson&product_id=to-count')).toBe(`${ids.length}`);
    expect(await countOf('q=to-count&status=confirmed')).toBe(`${ids.length}`);
    expect(await countOf(`q=to-count&cursor=${ids[10] ?? ''}`)).toBe('10');
    expect(await countOf('customer_id=export-a&status=confirmed')).toBe('1');
    expect(await countOf('customer_email=unknown@example.org')).toBe('0');
    expect(pages).not.toHaveBeenCalled();
  });

  it('returns only the orders of the customer who asks', async () => {
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

describe('export of many orders', () => {
  const QUERY = 'format=ndjson&product_id=many';
  let newestFirst: string[];

  beforeAll(async () => {
    newestFirst = (await insertOrders(service.database, MANY)).toReversed();
    // As autovacuum would do: without statistics each page reads and sorts all lines of the product.
    await selectRows(service.database, 'ANALYZE orders, order_items');
  });

  it('reads pages only as fast as the client reads, and is complete', async () => {
    const pages = countPages();
    const response = await begin(QUERY);
    expect(await settled(pages)).toBeLessThan(MANY / PAGE_SIZE / 2);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    expect(idsIn(Buffer.concat(chunks).toString())).toEqual(newestFirst);
  });

  it('stops reading when the client disconnects', async () => {
    const pages = countPages();
    const response = await begin(QUERY);
    await once(response, 'readable');
    response.destroy();
    expect(await settled(pages)).toBeLessThan(MANY / PAGE_SIZE / 2);
  });

  it('is rejected while the address has its limit of exports, and accepted after that', async () => {
    const open = [await begin(QUERY), await begin(QUERY), await begin(QUERY)];
    expectProblem(await exported(QUERY), 503);
    open[0]?.destroy();
    await eventually(async () => (await exported('customer_id=unknown')).status === 200);
    for (const response of open) response.destroy();
  });

  it('is reset when it fails, so that an HTTP/1.0 client does not take it as complete', async () => {
    const socket = await openConnection(service.url);
    const ending = new Promise<string>((resolve) => {
      socket.once('end', () => resolve('end'));
      socket.once('error', (error) => resolve(String(error)));
    });
    let text = '';
    socket.setEncoding('utf8').on('data', (data: string) => {
      // The first page was sent; the next one fails.
      if (text === '') {
        jest
          .spyOn(service.app.get(OrderRepository), 'listOrdersOf')
          .mockRejectedValue(Object.assign(new Error('terminating connection'), { code: '57P01' }));
      }
      text += data;
    });
    socket.write(`GET /orders/export?${QUERY} HTTP/1.0\r\n\r\n`);
    expect(await ending).toContain('ECONNRESET');
    expect(text).toMatch(/^HTTP\/1\.. 200 /);
    expect(text).not.toContain('{"count":');
  });

  it('is cut off when the service stops, without delaying the stop', async () => {
    const other = await startTestService({ beside: service });
    const response = await begin(QUERY, other);
    await once(response, 'readable');
    await other.stop();
    await expect(response.toArray()).rejects.toThrow(/aborted|ECONNRESET/);
  });
});
