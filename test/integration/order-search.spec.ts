import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource, type MigrationInterface } from 'typeorm';
import { PersonalDataRepository } from '../../src/operations/personal-data/personal-data.repository.js';
import { OrderFinder, type SearchLimits } from '../../src/orders/search/order-finder.js';
import { OrderSearchRepository } from '../../src/orders/search/order-search.repository.js';
import { dataSourceOptions } from '../../src/platform/database/data-source.js';
import { inTransaction } from '../../src/platform/database/transaction.js';
import { insertOrders } from '../support/many-orders.js';
import { addEvent, type FeedDatabase, openFeedDatabase } from './feed-database.js';

/** A window of ten orders, and an index that finds up to fifteen. */
const LIMITS: SearchLimits = { windowSize: 10, indexedWindowSize: 10, maxMatches: 15, indexTimeoutMs: 5_000 };

let feed: FeedDatabase;
let dataSource: DataSource;
let index: OrderSearchRepository;

const settingsOf = (url: string) =>
  ({ DATABASE_URL: url, DATABASE_TLS: 'off', DATABASE_POOL_SIZE: 4 }) as const;

beforeEach(async () => {
  feed = await openFeedDatabase();
  dataSource = await new DataSource(await dataSourceOptions(settingsOf(feed.database.url))).initialize();
  index = new OrderSearchRepository(dataSource);
});
afterEach(async () => {
  await dataSource.destroy();
  await feed.close();
});

/** Numbers all events and writes all texts. */
async function indexAll(): Promise<void> {
  const instance = await feed.start();
  await instance.numberAll();
  for (;;) if (!(await index.indexNext(7))?.isFull) return;
}

/** The texts, newest order first. */
async function texts(): Promise<string[]> {
  const rows = await feed.query<{ text: string }>('SELECT text FROM order_search ORDER BY order_id DESC');
  return rows.map(({ text }) => text);
}

const progress = () => index.readProgress();

/** Runs one direction of the migration that creates the tables, alone: others may come after it. */
async function migrateSearch(direction: 'up' | 'down', source = dataSource): Promise<void> {
  const migration: MigrationInterface | undefined = source.migrations.find(
    ({ constructor: { name } }) => name === 'OrderSearch1795789000000',
  );
  const runner = source.createQueryRunner();
  await runner.startTransaction();
  await migration?.[direction](runner);
  await runner.commitTransaction();
  await runner.release();
}

const erase = (id: string, work: () => Promise<void>) =>
  inTransaction(dataSource, async (transaction) => {
    const repository = new PersonalDataRepository(dataSource);
    expect(await repository.erase(transaction, [id], new Date())).toMatchObject([{ id }]);
    await work();
  });

const find = (search: string, filter: object = {}, limits = LIMITS) =>
  new OrderFinder(dataSource, limits).find(null, { search, findsFragments: true, ...filter }, 6);
const count = (search: string) =>
  new OrderFinder(dataSource, LIMITS).count(null, { search, findsFragments: true }, 10_001);

describe('search texts', () => {
  it('follow the feed of events, in batches', async () => {
    const ids = await insertOrders(feed.database, 20);
    expect(await index.indexNext(7)).toMatchObject({ count: 0, isFull: false });
    await (await feed.start()).numberAll();
    expect(await progress()).toMatchObject({ waiting: 20 });
    expect(await index.indexNext(7)).toMatchObject({ count: 7, isFull: true });
    expect(await progress()).toMatchObject({ waiting: 13, backfillOrderId: null });
    await indexAll();
    expect(await progress()).toMatchObject({ waiting: 0 });
    expect((await texts())[0]).toBe(`${ids.at(-1)}\nname 20\n20@example.org\nmany\nproduct`);
    expect(await texts()).toHaveLength(20);
  });

  it('are not read again after a change of status', async () => {
    const [id = ''] = await insertOrders(feed.database, 1);
    await indexAll();
    const client = await feed.connect();
    await addEvent(client, id);
    await (await feed.start()).numberAll();
    expect(await index.indexNext(7)).toMatchObject({ count: 0 });
    expect(await progress()).toMatchObject({ waiting: 0 });
  });

  it('do not wait for events that were deleted', async () => {
    await insertOrders(feed.database, 3);
    await (await feed.start()).numberAll();
    await feed.query('DELETE FROM order_events');
    await index.indexNext(7);
    expect(await progress()).toMatchObject({ waiting: 0 });
  });

  it('are left to the instance that writes them', async () => {
    await insertOrders(feed.database, 3);
    await (await feed.start()).numberAll();
    const holder = await feed.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM order_search_state FOR UPDATE');
    expect(await index.indexNext(7)).toBeUndefined();
    await holder.query('ROLLBACK');
    expect(await index.indexNext(7)).toMatchObject({ count: 3 });
  });
});

describe('texts of orders from before the search', () => {
  it('are written from new to old, across restarts, and new orders first', async () => {
    await migrateSearch('down');
    const old = await insertOrders(feed.database, 20, { from: new Date(Date.now() - 60_000) });
    await (await feed.start()).numberAll();
    await migrateSearch('up');
    expect(await progress()).toMatchObject({ waiting: 0, backfillOrderId: old[19] });
    expect(await index.indexNext(8)).toMatchObject({ count: 8, isFull: true, backfillOrderId: old[11] });
    const [newer = ''] = await insertOrders(feed.database, 1);
    await (await feed.start()).numberAll();
    const restarted = new OrderSearchRepository(dataSource);
    expect(await restarted.indexNext(8)).toMatchObject({ count: 1, isFull: true });
    const written = await feed.query<{ id: string }>(
      'SELECT order_id AS id FROM order_search ORDER BY order_id DESC',
    );
    expect(written.map(({ id }) => id)).toEqual([newer, ...old.slice(12).toReversed()]);

    const finder = new OrderFinder(dataSource, LIMITS);
    const found = await finder.find(null, { search: 'example.o', findsFragments: true }, 50);
    expect(found).toMatchObject({ searchedTo: old[11] });
    expect(found.sizes).toHaveLength(9);
    expect(await finder.count(null, { search: 'example.o', findsFragments: true }, 50)).toMatchObject({
      isExact: false,
    });
    await indexAll();
    expect(await progress()).toMatchObject({ waiting: 0, backfillOrderId: null });
    expect(await texts()).toHaveLength(21);
  });

  it('are written from new to old while events of old orders are still numbered', async () => {
    await migrateSearch('down');
    const old = await insertOrders(feed.database, 20);
    await migrateSearch('up');
    const { sequencer } = await feed.start();
    await sequencer.numberNext(7);
    expect(await index.indexNext(8)).toMatchObject({ count: 8, isFull: true, backfillOrderId: old[11] });
    expect(await progress()).toMatchObject({ waiting: 0 });
    await sequencer.numberNext(10);
    expect(await index.indexNext(4)).toMatchObject({ count: 4, backfillOrderId: old[7] });
    await indexAll();
    expect(await progress()).toMatchObject({ waiting: 0, backfillOrderId: null });
    expect(await texts()).toHaveLength(20);
  });
});

describe('an erasure', () => {
  it('removes the text in its transaction, and no text is written until its end', async () => {
    const [id = ''] = await insertOrders(feed.database, 1);
    await indexAll();
    await insertOrders(feed.database, 1);
    await (await feed.start()).numberAll();
    await erase(id, async () => {
      expect(await index.indexNext(7)).toBeUndefined();
    });
    expect((await texts()).join()).not.toContain('name 1');
    expect(await index.indexNext(7)).toMatchObject({ count: 1 });
  });

  it('waits for a batch that has read the old name', async () => {
    const [id = ''] = await insertOrders(feed.database, 1);
    const writer = await feed.connect();
    await writer.query('BEGIN');
    await writer.query('SELECT 1 FROM order_search_state FOR UPDATE');
    const erased = erase(id, async () => undefined);
    // Long enough for an erasure that does not wait.
    await sleep(500);
    await writer.query(`INSERT INTO order_search (order_id, text) VALUES ($1, 'old name')`, [id]);
    await writer.query('COMMIT');
    await erased;
    expect(await texts()).toEqual([]);
  });
});

describe('a search for a fragment', () => {
  const nth = (n: number) => ids[ids.length - n] ?? '';
  /** Oldest first. Their names are `Name 1` to `Name 100`. */
  let ids: string[];

  beforeEach(async () => {
    ids = await insertOrders(feed.database, 100);
    await indexAll();
  });

  it('that many orders have reads the newest only', async () => {
    const { sizes, searchedTo } = await find('name');
    expect(sizes.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6].map(nth));
    expect(searchedTo).toBeUndefined();
  });

  it('that few orders have finds all of them by the index', async () => {
    // Of 1, 10 to 19 and 100, the last one is in the window.
    const { sizes, searchedTo } = await find('name 1');
    expect(sizes).toHaveLength(6);
    expect(sizes[0]?.id).toBe(nth(1));
    expect(searchedTo).toBeUndefined();
    expect(await count('name 1')).toEqual({ count: 12, isExact: true });
  });

  it('that more orders have than the index may find ends with the window, and continues there', async () => {
    const narrow = { ...LIMITS, maxMatches: 5 };
    const first = await find('name 1', {}, narrow);
    expect(first).toEqual({ sizes: [{ id: nth(1), lines: 1 }], searchedTo: nth(10), continues: true });
    const found: string[] = [];
    let beforeId: string | undefined;
    for (let pages = 0; pages < 20; pages += 1) {
      const page = await find('name 1', { beforeId }, narrow);
      found.push(...page.sizes.map(({ id }) => id));
      if (page.searchedTo === undefined && page.sizes.length < 6) break;
      beforeId = page.searchedTo ?? page.sizes.at(-1)?.id;
    }
    expect(found).toEqual([ids[99], ...ids.slice(9, 19).toReversed(), ids[0]]);
  });

  it('without the extension reads the newest orders page by page', async () => {
    await feed.query('DROP EXTENSION pg_trgm CASCADE');
    expect(await progress()).toMatchObject({ hasTrigramIndex: false });
    expect(await find('name 1')).toMatchObject({ searchedTo: nth(10), continues: true });
    expect(await count('name 1')).toEqual({ count: 1, isExact: false });
    const whole = await find('1@example.org');
    expect(whole.sizes).toEqual([{ id: ids[0], lines: 1 }]);
    expect(whole.searchedTo).toBeUndefined();
  });

  it('of two characters reads the newest orders', async () => {
    expect(await find('zz')).toMatchObject({ searchedTo: nth(10) });
  });

  it('that takes the index too long ends with the window', async () => {
    // All trigrams of the fragment, and not the fragment.
    await feed.query(
      `INSERT INTO order_search SELECT gen_random_uuid(), repeat('name 0 1name ', 100) FROM generate_series(1, 5000)`,
    );
    const found = await find('name 1', {}, { ...LIMITS, indexTimeoutMs: 1 });
    expect(found).toMatchObject({ sizes: [{ id: nth(1) }], searchedTo: nth(10), continues: true });
  });
});

it('the migration succeeds where the role may not create the extension', async () => {
  await feed.query('DROP EXTENSION pg_trgm CASCADE');
  const role = `searcher_${process.pid}`;
  await feed.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
  try {
    await migrateSearch('down');
    await feed.query(`GRANT CREATE, USAGE ON SCHEMA public TO ${role}`);
    await feed.query(`GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role}`);
    const url = new URL(feed.database.url);
    url.username = role;
    url.password = 'x';
    const restricted = await new DataSource(await dataSourceOptions(settingsOf(url.href))).initialize();
    await migrateSearch('up', restricted);
    expect(await new OrderSearchRepository(restricted).readProgress()).toMatchObject({
      hasTrigramIndex: false,
    });
    await restricted.destroy();
  } finally {
    await feed.query(`DROP OWNED BY ${role}`);
    await feed.query(`DROP ROLE ${role}`);
  }
});
