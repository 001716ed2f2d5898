import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from '../../src/platform/database/data-source.js';
import { insertOrders } from '../support/many-orders.js';
import { addEvent, type FeedDatabase, type FeedInstance, openFeedDatabase } from './feed-database.js';

/** Smaller than any id of an order. */
const NIL_ID = '00000000-0000-0000-0000-000000000000';

const CONTEXT = { 'x-request-id': 'r-1' };

let feed: FeedDatabase;
let instance: FeedInstance;

beforeEach(async () => {
  feed = await openFeedDatabase();
  instance = await feed.start();
});
afterEach(() => feed.close());

/** Changes the status of orders, in one transaction, so that their customers are notified. */
async function change(...orderIds: string[]): Promise<void> {
  const client = await feed.connect();
  await client.query('BEGIN');
  for (const orderId of orderIds) await addEvent(client, orderId, CONTEXT);
  await client.query('COMMIT');
  await client.end();
}

const listTasks = () =>
  feed.query<{ orderId: string; seq: number; state: string; context: object }>(
    `SELECT order_id AS "orderId", seq, state, context FROM tasks WHERE kind = 'notify' ORDER BY order_id, seq`,
  );

const listDue = () => feed.query('SELECT 1 FROM order_events WHERE notification IS NOT NULL');

describe('an event that notifies the customer', () => {
  it('leads to one task, inserted with its number, which passes on the headers of the request', async () => {
    const [orderId = ''] = await insertOrders(feed.database, 1);
    await change(orderId);
    expect(await listTasks()).toEqual([]);
    await instance.numberAll();
    expect(await listTasks()).toEqual([{ orderId, seq: 2, state: 'ready', context: CONTEXT }]);
    expect(await listDue()).toEqual([]);
  });

  it('leads to no task while its number is rolled back', async () => {
    const [first = '', second = ''] = await insertOrders(feed.database, 2);
    await instance.numberAll();
    await change(first, second);
    const open = await feed.connect();
    await open.query('BEGIN');
    await open.query('DELETE FROM order_events WHERE order_id = $1 AND seq = 2', [first]);
    const batch = instance.sequencer.numberNext(10);
    await sleep(200);
    await open.query('COMMIT');
    await expect(batch).rejects.toThrow('an event was changed');
    expect(await listTasks()).toEqual([]);
    await instance.numberAll();
    expect(await listTasks()).toMatchObject([{ orderId: second, seq: 2 }]);
  });

  it('waits behind earlier tasks of its order, those of the same batch included', async () => {
    const [orderId = '', other = ''] = await insertOrders(feed.database, 2);
    await change(orderId, other, orderId);
    await instance.numberAll();
    await change(orderId);
    await instance.numberAll();
    expect((await listTasks()).map(({ orderId: id, seq, state }) => [id, seq, state])).toEqual([
      [orderId, 2, 'ready'],
      [orderId, 3, 'blocked'],
      [orderId, 4, 'blocked'],
      [other, 2, 'ready'],
    ]);
  });

  it('leads to one task when two instances number events beside writers', async () => {
    const orders = await insertOrders(feed.database, 20);
    const other = await feed.start();
    const rounds = new Set(Array.from({ length: 10 }, (_, round) => round));
    const write = async (): Promise<void> => {
      for (const round of rounds) {
        await change(...orders);
        rounds.delete(round);
      }
    };
    const number = async ({ sequencer }: FeedInstance): Promise<void> => {
      while (rounds.size > 0) {
        await sequencer.numberNext(7);
        await sleep(1);
      }
    };
    await Promise.all([write(), number(instance), number(other)]);
    await instance.numberAll();
    const tasks = await listTasks();
    const expected = orders.flatMap((orderId) => Array.from({ length: 10 }, (_, n) => [orderId, n + 2]));
    expect(tasks.map(({ orderId, seq }) => [orderId, seq])).toEqual(expected);
    expect(tasks.filter(({ state }) => state === 'ready').map(({ seq }) => seq)).toEqual(orders.map(() => 2));
  });
});

describe('notifications after an upgrade', () => {
  it('are not repeated for events from before it', async () => {
    const settings = { DATABASE_URL: feed.database.url, DATABASE_TLS: 'off', DATABASE_POOL_SIZE: 2 } as const;
    const source = await new DataSource(await dataSourceOptions(settings)).initialize();
    const isOld = async () =>
      (await feed.query<{ found: unknown }>(`SELECT to_regclass('event_feed') AS found`))[0]?.found === null;
    while (!(await isOld())) await source.undoLastMigration();
    const orders = await insertOrders(feed.database, 3, { status: 'confirmed' });
    await feed.query(
      `INSERT INTO order_events (order_id, seq, type, from_status, to_status, actor, occurred_at)
       SELECT id, 2, 'status_changed', 'pending', 'confirmed', 'test', now() FROM orders`,
    );
    await feed.query('UPDATE orders SET version = 2');
    await source.runMigrations();
    await source.destroy();
    await change(orders[1] ?? '');
    await instance.numberAll();
    expect(await listTasks()).toMatchObject([{ orderId: orders[1], seq: 3 }]);
  });

  it('do not wait until the existing events have their numbers', async () => {
    const orders = await insertOrders(feed.database, 50);
    await feed.query(
      `WITH forgotten AS (UPDATE order_events SET feed_no = NULL)
       UPDATE event_feed SET backfill_order_id = '${NIL_ID}', backfill_seq = 0`,
    );
    const last = orders.at(-1) ?? '';
    await change(last, last);
    expect(await instance.sequencer.numberNext(20)).toMatchObject({ backfillOrderId: orders[19] });
    const expected = [
      { orderId: last, seq: 2, state: 'ready' },
      { orderId: last, seq: 3, state: 'blocked' },
    ];
    expect(await listTasks()).toMatchObject(expected);
    await instance.numberAll(20);
    expect(await listTasks()).toMatchObject(expected);
  });
});
