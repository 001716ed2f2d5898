import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FIND_PAGE, FIND_PAGE_OF_CUSTOMER, MAX_SCANNED } from '../../src/events/event-feed.repository.js';
import { insertOrders } from '../support/many-orders.js';
import { eventually } from '../support/service.js';
import { type FeedDatabase, openFeedDatabase } from './feed-database.js';

const EVENTS = 200_000;
const PAGE = 100;

/** From the root of an index to the entries of a page, and the row of the feed. */
const INDEX_PAGES = 10;

/** The event, and its order by the primary key. */
const PAGES_OF_EVENT = 1 + 4;

/** Takes 15 s; on a busy machine several times that. */
const SETUP_TIMEOUT_MS = 180_000;

let feed: FeedDatabase;

beforeAll(async () => {
  feed = await openFeedDatabase();
  const orders = await insertOrders(feed.database, EVENTS / 4);
  await insertOrders(feed.database, 20, { customerId: 'customer' });
  // As the sequencer leaves them: the four events of an order are far apart.
  await feed.query(
    `INSERT INTO order_events (order_id, seq, type, from_status, to_status, actor, occurred_at)
     SELECT id, seq, 'status_changed', 'pending', 'confirmed', 'test', now()
     FROM unnest($1::uuid[]) id, generate_series(2, 4) seq`,
    [orders],
  );
  const instance = await feed.start();
  await instance.numberAll(5_000);
  await eventually(async () => (await removeOldVersions()) === 0);
  await feed.query('ANALYZE');
}, SETUP_TIMEOUT_MS);
afterAll(() => feed.close());

/** Vacuums the events. Returns how many old versions are left, because a snapshot of another session, such as an autovacuum's, may read them. */
async function removeOldVersions(): Promise<number> {
  await feed.query('VACUUM order_events');
  const [row] = await feed.query<{ left: number }>(
    `SELECT n_dead_tup::integer AS left FROM pg_stat_user_tables WHERE relname = 'order_events'`,
  );
  return row?.left ?? NaN;
}

/** Pages of 8 kB that a statement touches, in the buffers or not. */
async function buffersOf(text: string, values: unknown[]): Promise<number> {
  type Plan = { 'QUERY PLAN': { Plan: Record<string, number> }[] };
  const [row] = await feed.query<Plan>(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, values);
  const plan = row?.['QUERY PLAN'][0]?.Plan ?? {};
  return (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);
}

const pageAfter = (after: number): Promise<number> =>
  buffersOf(FIND_PAGE, [after, null, PAGE, after + MAX_SCANNED]);

describe('a page of the feed of 200,000 events', () => {
  it('costs no more than its events, their customers and a look into the index, at the start and at the end', async () => {
    for (const after of [0, EVENTS / 2, EVENTS - PAGE, EVENTS])
      expect(await pageAfter(after)).toBeLessThanOrEqual(PAGE * PAGES_OF_EVENT + INDEX_PAGES);
  });

  it('reads a bounded part when no event passes the filter', async () => {
    const buffers = await buffersOf(FIND_PAGE, [0, ['returned'], PAGE, MAX_SCANNED]);
    // Some 70 events fit into 8 kB; the whole feed has 20 times as many pages.
    expect(buffers).toBeLessThan(MAX_SCANNED / 20);
  });

  it('costs a customer as much as its own orders', async () => {
    expect(await buffersOf(FIND_PAGE_OF_CUSTOMER, [0, null, PAGE, 'customer'])).toBeLessThan(20 * 10);
    expect(await buffersOf(FIND_PAGE_OF_CUSTOMER, [0, null, PAGE, 'no such customer'])).toBeLessThan(10);
  });
});

describe('looking for an event without a number among 200,000', () => {
  it('costs a few pages', async () => {
    const client = await feed.connect();
    await client.query('SET enable_seqscan = off');
    const { rows } = await client.query(
      'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT 1 FROM order_events e WHERE e.feed_no = 0 LIMIT 1',
    );
    const plan =
      (rows[0] as { 'QUERY PLAN': { Plan: Record<string, number> }[] })['QUERY PLAN'][0]?.Plan ?? {};
    expect((plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0)).toBeLessThan(10);
  });
});
