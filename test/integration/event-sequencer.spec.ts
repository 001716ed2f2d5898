import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from '../../src/platform/database/data-source.js';
import { insertOrders } from '../support/many-orders.js';
import {
  addEvent,
  type FeedDatabase,
  type FeedInstance,
  findDisorder,
  openFeedDatabase,
  readFeed,
} from './feed-database.js';

/** Smaller than any id of an order. */
const NIL_ID = '00000000-0000-0000-0000-000000000000';

let feed: FeedDatabase;
let instance: FeedInstance;

beforeEach(async () => {
  feed = await openFeedDatabase();
  instance = await feed.start();
});
afterEach(() => feed.close());

async function changeInTransaction(orderId: string): Promise<void> {
  const client = await feed.connect();
  await client.query('BEGIN');
  await addEvent(client, orderId);
  await client.query('COMMIT');
  await client.end();
}

/** As after an upgrade: the events that exist have no number and do not wait for one. */
const forgetNumbers = () =>
  feed.query(
    `WITH forgotten AS (UPDATE order_events SET feed_no = NULL)
     UPDATE event_feed SET last_no = 0, backfill_order_id = '${NIL_ID}', backfill_seq = 0`,
  );

describe('the sequencer', () => {
  it('numbers without a gap and in order per order, beside concurrent writers and another sequencer', async () => {
    const orders = await insertOrders(feed.database, 20);
    const other = await feed.start();
    const [writers, changes] = [8, 40];
    const running = new Set(Array.from({ length: writers }, (_, writer) => writer));
    const write = async (writer: number): Promise<void> => {
      const client = await feed.connect();
      for (let n = 0; n < changes; n += 1) {
        await client.query('BEGIN');
        // Every writer takes its two orders in the same sequence, so that there is no deadlock.
        const [one, two] = [(writer + n) % 10, 10 + ((writer * 3 + n) % 10)];
        await addEvent(client, orders[one] ?? '');
        await sleep(n % 5);
        await addEvent(client, orders[two] ?? '');
        await client.query('COMMIT');
      }
      running.delete(writer);
    };
    const number = async ({ sequencer }: FeedInstance): Promise<void> => {
      while (running.size > 0) {
        await sequencer.numberNext(7);
        await sleep(1);
      }
    };
    await Promise.all([
      ...Array.from({ length: writers }, (_, writer) => write(writer)),
      number(instance),
      number(other),
    ]);
    await instance.numberAll();
    const events = await readFeed(instance);
    expect(events).toHaveLength(orders.length + writers * changes * 2);
    expect(findDisorder(events)).toEqual([]);
  });

  it('leaves the work to an instance that does it, and takes over when that is killed', async () => {
    await insertOrders(feed.database, 3);
    const holder = await feed.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM event_feed FOR UPDATE');
    const { rows } = await holder.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    expect(await instance.sequencer.numberNext(10)).toBeUndefined();
    await feed.query('SELECT pg_terminate_backend($1, 5000)', [rows[0]?.pid]);
    expect(await instance.sequencer.numberNext(10)).toMatchObject({ count: 3, lastNo: 3 });
  });

  it('is not held up by a transaction that is open elsewhere', async () => {
    const [slow = '', quick = ''] = await insertOrders(feed.database, 2);
    const open = await feed.connect();
    await open.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await addEvent(open, slow);
    await changeInTransaction(quick);
    await instance.numberAll();
    expect((await readFeed(instance)).map(({ orderId, seq }) => [orderId, seq])).toEqual([
      [slow, 1],
      [quick, 1],
      [quick, 2],
    ]);
    await open.query('COMMIT');
    await instance.numberAll();
    expect((await readFeed(instance, 3)).map(({ feedNo, orderId, seq }) => [feedNo, orderId, seq])).toEqual([
      [4, slow, 2],
    ]);
  });

  it('assigns no number when an event of its batch is deleted, and the next batch has no gap', async () => {
    const [first = '', ...others] = await insertOrders(feed.database, 3);
    const open = await feed.connect();
    await open.query('BEGIN');
    await open.query('DELETE FROM order_events WHERE order_id = $1', [first]);
    const batch = instance.sequencer.numberNext(10);
    await sleep(200);
    await open.query('COMMIT');
    await expect(batch).rejects.toThrow('an event was changed');
    await instance.numberAll();
    expect((await readFeed(instance)).map(({ feedNo, orderId }) => [feedNo, orderId])).toEqual([
      [1, others[0]],
      [2, others[1]],
    ]);
  });

  it('knows without a lock whether an event waits', async () => {
    expect(await instance.sequencer.hasNew()).toBe(false);
    await insertOrders(feed.database, 1);
    expect(await instance.sequencer.hasNew()).toBe(true);
    await instance.numberAll();
    expect(await instance.sequencer.hasNew()).toBe(false);
  });
});

describe('events from before the feed', () => {
  it('are found by the migration of a filled database', async () => {
    const settings = { DATABASE_URL: feed.database.url, DATABASE_TLS: 'off', DATABASE_POOL_SIZE: 2 } as const;
    const source = await new DataSource(await dataSourceOptions(settings)).initialize();
    const hasFeed = async () =>
      (await feed.query<{ found: unknown }>(`SELECT to_regclass('event_feed') AS found`))[0]?.found !== null;
    while (await hasFeed()) await source.undoLastMigration();
    const orders = await insertOrders(feed.database, 3);
    await source.runMigrations();
    await source.destroy();
    await changeInTransaction(orders[0] ?? '');
    const { backfillOrderId } = await instance.feed.findPage(null, { after: 0, limit: 1 });
    expect(backfillOrderId).toBe(orders[0]);
    await instance.numberAll();
    const ids = (await readFeed(instance)).map(({ orderId, seq }) => `${orderId}/${seq}`);
    expect(ids).toEqual([`${orders[0]}/1`, `${orders[0]}/2`, `${orders[1]}/1`, `${orders[2]}/1`]);
  });

  it('are numbered oldest first, and new events behind them, across restarts', async () => {
    const orders = await insertOrders(feed.database, 50);
    await forgetNumbers();
    expect(await instance.sequencer.numberNext(20)).toMatchObject({
      count: 20,
      backfillOrderId: orders[19],
    });
    // Orders on both sides of the place that the backfill has reached.
    await changeInTransaction(orders[3] ?? '');
    await changeInTransaction(orders[40] ?? '');
    const restarted = await feed.start();
    const { backfillOrderId } = await restarted.feed.findPage(null, { after: 0, limit: 1 });
    expect(backfillOrderId).toBe(orders[19]);
    await restarted.numberAll(20);
    const events = await readFeed(restarted);
    expect(findDisorder(events)).toEqual([]);
    const expected = orders.flatMap((id, index) => (index === 40 ? [`${id}/1`, `${id}/2`] : [`${id}/1`]));
    expect(events.map(({ orderId, seq }) => `${orderId}/${seq}`)).toEqual([...expected, `${orders[3]}/2`]);
    expect(await restarted.sequencer.numberNext(20)).toMatchObject({ count: 0, backfillOrderId: null });
  });
});
