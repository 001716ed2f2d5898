import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { OrderStream } from '../../src/events/order-stream.js';
import { line, newProduct, orderBody, placeOrder, selectRows } from '../support/builders.js';
import { type Follower, follow as open } from '../support/event-stream.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

let service: TestService;
let product = '';
const followers: Follower[] = [];

beforeAll(async () => {
  service = await startTestService();
  product = newProduct(service.sandbox, 100_000);
});
afterAll(() => service.stop());
afterEach(() => {
  for (const follower of followers.splice(0)) follower.leave();
});

async function follow(...of: Parameters<typeof open>): Promise<Follower> {
  const follower = await open(...of);
  followers.push(follower);
  return follower;
}

const place = () => placeOrder(service, orderBody([line(product)]));
const query = <Row extends object>(sql: string, values: unknown[] = []) =>
  selectRows<Row>(service.database, sql, values);

const versionsOf = (follower: Follower, id: string): number[] =>
  follower.changes().flatMap(({ order_id, version }) => (order_id === id ? [version] : []));
const resetsOf = (follower: Follower): number =>
  follower.blocks.filter(({ event }) => event === 'reset').length;

/** Places an order. @returns a position after its last event, and the order's id */
async function placeAndRead(follower: Follower): Promise<{ id: string; position: string }> {
  const id = await place();
  await eventually(() => versionsOf(follower, id).length === 2);
  return { id, position: follower.lastId() ?? '' };
}

/** As a failover to a standby that lacks the last two events, those of this order. */
const lose = (id: string) =>
  query(
    `WITH lost AS (DELETE FROM order_events WHERE order_id = $1 RETURNING 1)
     UPDATE event_feed SET last_no = last_no - (SELECT count(*) FROM lost)`,
    [id],
  );

describe('position that is no number of the feed', () => {
  it.each([
    '',
    'yesterday',
    '1 OR true',
    '-1',
    '999999999999999',
    '9'.repeat(30),
    // Positions of earlier releases.
    '810-b01c44d19a7e52f0',
    '812-01a1ffe2-9b80-748a-ba30-787d85a2b441-3',
  ])('causes a reset, and the stream continues from now on: %j', async (lastEventId) => {
    const { position } = await placeAndRead(await follow(service));
    const follower = await follow(service, lastEventId);
    await eventually(() => resetsOf(follower) === 1);
    expect(follower.lastId()).toBe(position);
    await placeAndRead(follower);
    expect(follower.changes()).toHaveLength(2);
  });
});

describe('number whose event the database has lost', () => {
  it('causes a reset for connected followers, which then receive new events', async () => {
    const follower = await follow(service);
    const { id } = await placeAndRead(follower);
    await lose(id);
    await eventually(() => resetsOf(follower) === 1);
    const next = await place();
    await eventually(() => versionsOf(follower, next).length === 2);
    expect(resetsOf(follower)).toBe(1);
  });

  it('causes a reset although other events have the number now', async () => {
    const follower = await follow(service);
    const before = await placeAndRead(follower);
    const { id, position } = await placeAndRead(follower);
    await query(
      `WITH lost AS (DELETE FROM order_events WHERE order_id = $1 RETURNING *)
       INSERT INTO order_events (order_id, seq, type, actor, occurred_at, feed_no)
       SELECT $2, seq + 7, type, actor, occurred_at, feed_no FROM lost`,
      [id, before.id],
    );
    await eventually(() => resetsOf(follower) === 1);
    const back = await follow(service, position);
    await eventually(() => resetsOf(back) === 1);
    const unaffected = await follow(service, before.position);
    await eventually(() => versionsOf(unaffected, before.id).length === 2);
    expect(versionsOf(unaffected, before.id)).toEqual([8, 9]);
    expect(resetsOf(unaffected)).toBe(0);
  });
});

describe('number whose event was deleted with its order', () => {
  it('can be resumed', async () => {
    const follower = await follow(service);
    const { id, position } = await placeAndRead(follower);
    await query('DELETE FROM order_events WHERE order_id = $1', [id]);
    const back = await follow(service, position);
    const next = await place();
    await eventually(() => [follower, back].every((one) => versionsOf(one, next).length === 2));
    expect([follower, back].map(resetsOf)).toEqual([0, 0]);
  });
});

describe('feed that is not complete', () => {
  it('causes resets instead of events from before the feed, until all have numbers', async () => {
    await query(
      `WITH old AS (UPDATE order_events SET feed_no = NULL)
       UPDATE event_feed SET last_no = 0, backfill_order_id = '00000000-0000-0000-0000-000000000000', backfill_seq = 0`,
    );
    const client = new Client({ connectionString: service.database.url });
    await client.connect();
    // Sequencers leave the work to the holder of the lock.
    await client.query('BEGIN');
    await client.query('SELECT 1 FROM event_feed FOR UPDATE');
    const upgraded = await startTestService({ beside: service });
    upgraded.app.get(OrderStream).heartbeatMs = 100;
    const follower = await follow(upgraded);
    await eventually(() => resetsOf(follower) > 2);
    await client.query('COMMIT');
    await client.end();
    await eventually(
      async () => (await query('SELECT 1 FROM event_feed WHERE backfill_order_id IS NULL')).length === 1,
    );
    // The last reset is one beat later.
    await sleep(1_000);
    await placeAndRead(follower);
    expect(follower.changes()).toHaveLength(2);
    await upgraded.stop();
  });
});
