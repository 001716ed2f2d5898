import { get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { buffer, text } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Order } from '../../src/orders/order.entity.js';
import { ExportOrdersDto, writerOf } from '../../src/orders/export/export-orders.dto.js';
import { OrderExport } from '../../src/orders/export/order-export.js';
import { selectRows } from '../support/builders.js';
import { listOrders } from '../support/client.js';
import { insertOrders } from '../support/many-orders.js';
import { startTestService, type TestService } from '../support/service.js';

const ORDERS = 30;
const LINES = 100;
const MAX_LINES_OF_PAGE = 1_000;

/** Approximate size of a page of 1,000 lines, at 120 bytes a line. */
const MAX_ANSWER_BYTES = 200_000;

let service: TestService;
let ids: string[];

beforeAll(async () => {
  service = await startTestService();
  ids = await insertOrders(service.database, ORDERS, { customerId: 'large' });
  await selectRows(
    service.database,
    `INSERT INTO order_items (order_id, id, product_id, product_name, quantity, price, reservation)
     SELECT id, line, 'many', 'A product with a name of usual length', 1, 9.99, 'held'
     FROM unnest($1::uuid[]) id, generate_series(2, $2) line`,
    [ids, LINES],
  );
});
afterAll(() => service.stop());

describe('list of orders with many lines', () => {
  it('ends a page before 1,000 lines, and omits no order', async () => {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await listOrders(service, {
        customer_id: 'large',
        limit: 200,
        ...(cursor !== null && { cursor }),
      });
      const lines = page.orders.reduce((sum, order) => sum + order.items.length, 0);
      expect(lines).toBeLessThanOrEqual(MAX_LINES_OF_PAGE);
      expect(JSON.stringify(page).length).toBeLessThan(MAX_ANSWER_BYTES);
      seen.push(...page.orders.map((order) => order.order_id));
      cursor = page.next_cursor;
    } while (cursor !== null);
    expect(seen).toEqual(ids.toReversed());
  });

  it("ends pages of a customer's orders in the same way", async () => {
    const { body } = await service.request('GET', '/orders/large?limit=200');
    expect(body['count']).toBe(MAX_LINES_OF_PAGE / LINES);
    expect(body['next_cursor']).toBe(ids.at(-MAX_LINES_OF_PAGE / LINES));
  });
});

it('writes an export in slices, so that other requests are served in between', async () => {
  const slices: number[] = [];
  const csv = writerOf(new ExportOrdersDto());
  const write = (orders: readonly Order[]): Iterable<string> => {
    slices.push(orders.reduce((sum, { items }) => sum + items.length, 0));
    return csv.write(orders);
  };
  let turns = 0;
  let isOver = false;
  const turn = (): void => {
    turns += 1;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  const writer = { ...csv, write };
  const stream = await service.app.get(OrderExport).begin(null, { customerId: 'large' }, writer);
  const rows = (await text(stream)).trimEnd().split('\r\n');
  isOver = true;
  // In addition to the lines of the orders: a header and the end marker.
  expect(rows).toHaveLength(2 + ORDERS * LINES);
  expect(slices).toEqual(Array.from({ length: ORDERS }, () => LINES));
  expect(turns).toBeGreaterThanOrEqual(ORDERS);
});

/** With plain node:http, because fetch asks for compression by default. */
async function fetchRaw(
  path: string,
  encoding?: string,
): Promise<{ response: IncomingMessage; bytes: Buffer }> {
  const headers = encoding === undefined ? {} : { 'accept-encoding': encoding };
  const [response] = (await once(get(`${service.url}${path}`, { headers }), 'response')) as [IncomingMessage];
  return { response, bytes: await buffer(response) };
}

describe('response compression', () => {
  const PATH = '/orders?customer_id=large&limit=5';

  it.each(['gzip', 'deflate, gzip;q=0.5', 'br;q=1, *;q=0.1', 'GZIP'])('is used for %s', async (encoding) => {
    const plain = await fetchRaw(PATH);
    const { response, bytes } = await fetchRaw(PATH, encoding);
    expect(response.headers['content-encoding']).toBe('gzip');
    expect(response.headers.vary).toMatch(/accept-encoding/i);
    expect(gunzipSync(bytes).toString()).toBe(plain.bytes.toString());
    expect(bytes.length).toBeLessThan(plain.bytes.length / 5);
  });

  it.each([undefined, 'identity', 'gzip;q=0', 'br', 'gzip;q=0.0, *;q=1', ''])(
    'is not used for %s',
    async (encoding) => {
      const { response, bytes } = await fetchRaw(PATH, encoding);
      expect(response.headers['content-encoding']).toBeUndefined();
      expect(response.headers.vary).toMatch(/accept-encoding/i);
      expect(JSON.parse(bytes.toString())).toMatchObject({ count: 5 });
    },
  );

  it.each(['/health/live', `/orders/unknown`])('leaves %s as it is', async (path) => {
    const { response } = await fetchRaw(path, 'gzip');
    expect(response.headers['content-encoding']).toBeUndefined();
  });

  it('leaves a response with an ETag as it is', async () => {
    const { response } = await fetchRaw(`/orders/${ids[0]}`, 'gzip');
    expect(response.headers.etag).toBe('"1"');
    expect(response.headers['content-encoding']).toBeUndefined();
  });

  it('runs for at most two responses at a time', async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => fetchRaw('/orders?limit=30', 'gzip')));
    for (const { response, bytes } of answers) {
      const json = response.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
      expect(JSON.parse(json.toString())).toMatchObject({ count: MAX_LINES_OF_PAGE / LINES });
    }
  });
});
