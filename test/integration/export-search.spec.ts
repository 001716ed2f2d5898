import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { OrderExport } from '../../src/orders/export/order-export.js';
import { NDJSON_WRITER } from '../../src/orders/export/order-writers.js';
import { OrderRepository } from '../../src/orders/order.repository.js';
import { OrderSearchRepository } from '../../src/orders/search/order-search.repository.js';
import { dataSourceOptions } from '../../src/platform/database/data-source.js';
import { PointReads } from '../../src/platform/database/batching/point-reads.js';
import { insertOrders } from '../support/many-orders.js';
import { type FeedDatabase, openFeedDatabase } from './feed-database.js';

/** More than a page of an export. */
const COUNT = 300;

const SEARCH = { search: 'example.o', findsFragments: true } as const;

let feed: FeedDatabase;
let dataSource: DataSource;
let exports: OrderExport;
let ids: string[];

beforeEach(async () => {
  feed = await openFeedDatabase();
  const settings = { DATABASE_URL: feed.database.url, DATABASE_TLS: 'off', DATABASE_POOL_SIZE: 4 } as const;
  dataSource = await new DataSource(await dataSourceOptions(settings)).initialize();
  exports = new OrderExport(new OrderRepository(dataSource, new PointReads(dataSource)));
  ids = await insertOrders(feed.database, COUNT);
  await (await feed.start()).numberAll();
  await new OrderSearchRepository(dataSource).indexNext(COUNT);
});
afterEach(async () => {
  await dataSource.destroy();
  await feed.close();
});

describe('an export by a part of a value', () => {
  it('keeps the meaning of its search to the end', async () => {
    const stream = await exports.begin(null, SEARCH, NDJSON_WRITER);
    // From now on the text is a whole value.
    await feed.query(`UPDATE orders SET customer_id = 'example.o' WHERE id = $1`, [ids[0]]);
    const lines = (await text(stream)).trim().split('\n');
    expect(lines).toHaveLength(COUNT + 1);
  });

  it('is refused while older orders have no text', async () => {
    await feed.query('UPDATE order_search_state SET backfill_order_id = $1', [ids[9]]);
    const refusal = 'Older orders can not be searched';
    await expect(exports.begin(null, SEARCH, NDJSON_WRITER)).rejects.toThrow(refusal);
    await expect(exports.count(null, SEARCH)).rejects.toThrow(refusal);
    const newer = { ...SEARCH, fromId: ids[10] };
    expect(await exports.count(null, newer)).toBe(COUNT - 10);
  });
});
