import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type Batch,
  DispatchRepository,
  MAX_SCANNED,
  MAX_TASKS,
} from '../../src/webhooks/dispatch/dispatch.repository.js';
import { insertOrders } from '../support/many-orders.js';
import { insertEndpoint } from '../support/webhooks.js';
import { addEvent, type FeedDatabase, type FeedInstance, openFeedDatabase } from './feed-database.js';

let feed: FeedDatabase;
let instance: FeedInstance;

beforeEach(async () => {
  feed = await openFeedDatabase();
  instance = await feed.start();
});
afterEach(() => feed.close());

/** Queues one batch for endpoints whose cursors are equal. */
const queue = (endpointIds: string[], after: number, until: number): Promise<Batch> =>
  new DispatchRepository(instance.dataSource, instance.tasks).queueNext({
    cursor: 'feed',
    endpointIds,
    after,
    until,
  });

const readUntil = async (): Promise<number[]> =>
  (await feed.query<{ at: number }>('SELECT DISTINCT read_until::int AS at FROM webhook_endpoints')).map(
    ({ at }) => at,
  );

const listTasks = () =>
  feed.query<{ orderId: string; seq: number; previous: number | null }>(
    `SELECT order_id AS "orderId", seq, (payload->>'previousFeedNo')::int AS previous FROM tasks
     WHERE kind LIKE 'webhook:%' ORDER BY (payload->>'feedNo')::int`,
  );

describe('a batch of events for webhooks', () => {
  it('is cut by the tasks that it makes, not by the events that match no endpoint', async () => {
    const [order = ''] = await insertOrders(feed.database, 2 * MAX_TASKS);
    const id = await insertEndpoint(feed.database, { eventTypes: ['order.shipped'] });
    const client = await feed.connect();
    await instance.numberAll();
    await addEvent(client, order);
    await instance.numberAll();
    const end = 2 * MAX_TASKS + 1;
    expect(await queue([id], 0, end)).toEqual({ isMore: false, full: [] });
    expect(await listTasks()).toEqual([{ orderId: order, seq: 2, previous: null }]);
    expect(await readUntil()).toEqual([end]);
  });

  it('has a bounded number of tasks for several endpoints with filters', async () => {
    const wanted = { eventTypes: ['order.placed'] };
    const ids = [
      await insertEndpoint(feed.database, wanted),
      await insertEndpoint(feed.database, wanted),
      await insertEndpoint(feed.database, { eventTypes: ['order.shipped'] }),
    ];
    await insertOrders(feed.database, MAX_TASKS);
    await instance.numberAll();
    expect(await queue(ids, 0, MAX_TASKS)).toEqual({ isMore: true, full: [] });
    expect(await listTasks()).toHaveLength(MAX_TASKS);
    expect(await readUntil()).toEqual([MAX_TASKS / 2]);
  });

  it('looks at a bounded number of events', async () => {
    const id = await insertEndpoint(feed.database, { eventTypes: ['order.placed'] });
    const [order = ''] = await insertOrders(feed.database, 1);
    await instance.numberAll();
    const far = MAX_SCANNED + 10;
    await feed.query('UPDATE order_events SET feed_no = $1', [far]);
    await feed.query('UPDATE event_feed SET last_no = $1', [far]);
    expect(await queue([id], 0, far)).toEqual({ isMore: true, full: [] });
    expect(await listTasks()).toEqual([]);
    expect(await readUntil()).toEqual([MAX_SCANNED]);
    expect(await queue([id], MAX_SCANNED, far)).toEqual({ isMore: false, full: [] });
    expect(await listTasks()).toMatchObject([{ orderId: order }]);
  });

  it('leaves out the decisions about failed deliveries, which would make more of them', async () => {
    const [order = ''] = await insertOrders(feed.database, 1);
    const id = await insertEndpoint(feed.database);
    for (const [seq, kind] of ['webhook_failed', 'notification', null].entries())
      await feed.query(
        `INSERT INTO order_events (order_id, seq, type, actor, occurred_at, data) VALUES ($1, $2, 'incident_settled', 'test', now(), $3)`,
        [order, seq + 2, kind && JSON.stringify({ kind })],
      );
    await instance.numberAll();
    await queue([id], 0, 4);
    expect(await listTasks()).toEqual([
      { orderId: order, seq: 1, previous: null },
      { orderId: order, seq: 3, previous: 1 },
      { orderId: order, seq: 4, previous: 3 },
    ]);
  });
});
