import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { FeedTail, LINGER_MS, MAX_REMEMBERED } from '../../src/events/feed-tail.js';
import { insertOrders } from '../support/many-orders.js';
import { type FeedDatabase, type FeedInstance, openFeedDatabase } from './feed-database.js';

/** More events than stay in memory. */
const MANY = 2 * MAX_REMEMBERED + 500;

let database: FeedDatabase;
let instance: FeedInstance;
let tail: FeedTail;
const gone = new AbortController();

beforeAll(async () => {
  database = await openFeedDatabase();
  instance = await database.start();
});
beforeEach(() => {
  tail = new FeedTail(instance.feed);
});
afterEach(() => tail.close());
afterAll(() => database.close());

async function addEvents(count: number): Promise<number> {
  await insertOrders(database.database, count);
  await instance.numberAll();
  return (await instance.feed.findEnd()).lastNo;
}

/** Looks for new events until memory has them all. */
async function advanceTo(lastNo: number): Promise<void> {
  while (!tail.findPage(null, lastNo, 1)) await tail.advance();
}

describe('wait for events', () => {
  it('ends at its time when the reader wants none of the events, however many leave memory', async () => {
    const after = await addEvents(1);
    const begun = performance.now();
    const waiting = tail.wait(after, () => false, 3_000, gone.signal);
    let isOver = false;
    void waiting.then(() => (isOver = true));
    await advanceTo(await addEvents(MANY));
    expect(isOver).toBe(performance.now() - begun >= 3_000);
    await waiting;
    expect(performance.now() - begun).toBeGreaterThan(2_990);
  });

  it('ends at once for a reader whose events have left memory', async () => {
    const after = await addEvents(1);
    await tail.wait(after, () => true, 1, gone.signal);
    await advanceTo(await addEvents(MANY));
    const begun = performance.now();
    await tail.wait(after, () => true, 3_000, gone.signal);
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  it('leads to a look that finds lost events, also when it ends at once', async () => {
    const first = await addEvents(1);
    await tail.wait(first, () => true, 1, gone.signal);
    const last = await addEvents(50);
    await advanceTo(last);
    await sleep(LINGER_MS + 100);
    const kept = last - 25;
    await database.query('DELETE FROM order_events WHERE feed_no > $1', [kept]);
    await database.query('UPDATE event_feed SET last_no = $1', [kept]);
    await tail.wait(kept, () => true, 1_000, gone.signal);
    await tail.advance();
    expect(tail.losses).toBe(1);
    expect([tail.wasLost(kept), tail.wasLost(last)]).toEqual([false, true]);
  });
});
