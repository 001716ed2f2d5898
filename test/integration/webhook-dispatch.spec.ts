import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { PointReads } from '../../src/platform/database/batching/point-reads.js';
import { DeliveryRepository } from '../../src/webhooks/delivery/delivery.repository.js';
import { type CursorGroup, groupsOf } from '../../src/webhooks/dispatch/cursor-groups.js';
import {
  type Batch,
  DispatchRepository,
  MAX_TASKS,
  MAX_WAITING,
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

/** Queues one batch for each group of endpoints. */
async function queueOnce({ dataSource, tasks }: FeedInstance): Promise<Batch[]> {
  const rows = await new DeliveryRepository(dataSource, new PointReads(dataSource)).listEndpoints();
  const dispatcher = new DispatchRepository(dataSource, tasks);
  const batches: Batch[] = [];
  for (const group of groupsOf(rows)) batches.push(await dispatcher.queueNext(group));
  return batches;
}

/** Queues all that may be queued. */
async function queueAll(from = instance): Promise<void> {
  while ((await queueOnce(from)).some(({ isMore }) => isMore));
}

interface QueuedTask {
  orderId: string;
  seq: number;
  state: string;
  feedNo: number;
  previousFeedNo: number | null;
}

const listTasks = (endpointId: string) =>
  feed.query<QueuedTask>(
    `SELECT order_id AS "orderId", seq, state, (payload->>'feedNo')::int AS "feedNo",
       (payload->>'previousFeedNo')::int AS "previousFeedNo"
     FROM tasks WHERE kind = 'webhook:' || $1 ORDER BY (payload->>'feedNo')::int`,
    [endpointId],
  );

const numbersOf = async (endpointId: string): Promise<number[]> =>
  (await listTasks(endpointId)).map(({ feedNo }) => feedNo);

/** What is wrong with the chain of numbers by which a receiver finds gaps. */
async function findGaps(endpointId: string): Promise<string[]> {
  let last: number | null = null;
  return (await listTasks(endpointId)).flatMap(({ feedNo, previousFeedNo }) => {
    const gap = previousFeedNo === last ? [] : [`${feedNo} names ${previousFeedNo}, not ${last}`];
    last = feedNo;
    return gap;
  });
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);

async function change(...orderIds: string[]): Promise<void> {
  const client = await feed.connect();
  for (const orderId of orderIds) await addEvent(client, orderId);
  await client.end();
}

const setEndpoint = (id: string, values: string) =>
  feed.query(`UPDATE webhook_endpoints SET ${values} WHERE id = $1`, [id]);

const readEndpoint = async (id: string) =>
  (await feed.query<Record<string, string>>('SELECT * FROM webhook_endpoints WHERE id = $1', [id]))[0];

describe('events of the feed', () => {
  it('are queued for a new endpoint from its creation on, in order per order', async () => {
    const [first = '', second = ''] = await insertOrders(feed.database, 2);
    await instance.numberAll();
    const id = await insertEndpoint(feed.database);
    await change(first, second, first);
    await instance.numberAll();
    await queueAll();
    await change(first);
    await instance.numberAll();
    await queueAll();
    const tasks = await listTasks(id);
    expect(tasks.filter(({ orderId }) => orderId === first)).toMatchObject([
      { seq: 2, state: 'ready' },
      { seq: 3, state: 'blocked' },
      { seq: 4, state: 'blocked' },
    ]);
    expect(tasks.filter(({ orderId }) => orderId === second)).toMatchObject([{ seq: 2, state: 'ready' }]);
    expect(tasks.map(({ feedNo }) => feedNo)).toEqual([3, 4, 5, 6]);
    expect(await findGaps(id)).toEqual([]);
    expect(await readEndpoint(id)).toMatchObject({ read_until: '6', last_matched: '6' });
  });

  it('are queued for the endpoints whose types they have; each names the one before of that endpoint', async () => {
    const orders = await insertOrders(feed.database, 5);
    const placed = await insertEndpoint(feed.database, { eventTypes: ['order.placed'] });
    const shipped = await insertEndpoint(feed.database, { eventTypes: ['order.shipped', 'order.cancelled'] });
    const none = await insertEndpoint(feed.database, { eventTypes: ['order.rejected'] });
    await instance.numberAll();
    await change(...orders);
    await instance.numberAll();
    await queueAll();
    expect(await numbersOf(placed)).toEqual(range(1, 5));
    expect(await numbersOf(shipped)).toEqual(range(6, 10));
    expect(await numbersOf(none)).toEqual([]);
    expect([await findGaps(placed), await findGaps(shipped)]).toEqual([[], []]);
    expect(await readEndpoint(none)).toMatchObject({ read_until: '10', last_matched: null });
  });

  it('are queued exactly once by two instances beside writers', async () => {
    const orders = await insertOrders(feed.database, 30);
    const other = await feed.start();
    const ids = await Promise.all(range(1, 12).map(() => insertEndpoint(feed.database)));
    const rounds = new Set(range(1, 8));
    const write = async (): Promise<void> => {
      for (const round of range(1, 8)) {
        await change(...orders);
        rounds.delete(round);
      }
    };
    const work = async (own: FeedInstance): Promise<void> => {
      while (rounds.size > 0) {
        await own.sequencer.numberNext(20);
        await queueOnce(own);
        await sleep(1);
      }
    };
    await Promise.all([write(), work(instance), work(other)]);
    await instance.numberAll();
    await queueAll();
    for (const id of ids) {
      expect(await numbersOf(id)).toEqual(range(1, 270));
      expect(await findGaps(id)).toEqual([]);
    }
  });

  it('are queued once where another instance has the lock, or has moved the cursor', async () => {
    await insertOrders(feed.database, 3);
    const id = await insertEndpoint(feed.database);
    await instance.numberAll();
    const dispatcher = new DispatchRepository(instance.dataSource, instance.tasks);
    const group: CursorGroup = { cursor: 'feed', endpointIds: [id], after: 0, until: 3 };
    const holder = await feed.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM webhook_endpoints FOR UPDATE');
    await dispatcher.queueNext(group);
    expect(await numbersOf(id)).toEqual([]);
    await holder.query('ROLLBACK');
    await dispatcher.queueNext(group);
    expect(await numbersOf(id)).toEqual([1, 2, 3]);
    // What an instance knows may be old: these events are delivered already.
    await feed.query('DELETE FROM tasks');
    await dispatcher.queueNext(group);
    expect(await numbersOf(id)).toEqual([]);
    expect(await readEndpoint(id)).toMatchObject({ read_until: '3' });
  });

  it('are not skipped when the feed is shorter than it was, as after a failover', async () => {
    await insertOrders(feed.database, 3);
    const id = await insertEndpoint(feed.database);
    await instance.numberAll();
    const dispatcher = new DispatchRepository(instance.dataSource, instance.tasks);
    await dispatcher.queueNext({ cursor: 'feed', endpointIds: [id], after: 0, until: 50 });
    expect(await readEndpoint(id)).toMatchObject({ read_until: '3' });
  });

  it('rest while the endpoint is disabled, and follow without a gap', async () => {
    const [order = ''] = await insertOrders(feed.database, 1);
    const id = await insertEndpoint(feed.database);
    await instance.numberAll();
    await queueAll();
    await setEndpoint(id, `state = 'disabled'`);
    await change(order, order);
    await instance.numberAll();
    await queueAll();
    expect(await numbersOf(id)).toEqual([1]);
    await setEndpoint(id, `state = 'enabled'`);
    await queueAll();
    expect(await numbersOf(id)).toEqual([1, 2, 3]);
    expect(await findGaps(id)).toEqual([]);
  });
});

describe('a batch', () => {
  it('has a bounded number of tasks, however many endpoints it serves', async () => {
    const ids = await Promise.all(range(1, 10).map(() => insertEndpoint(feed.database)));
    await insertOrders(feed.database, 150);
    await instance.numberAll();
    expect(await queueOnce(instance)).toEqual([{ isMore: true, full: [] }]);
    const [count] = await feed.query<{ tasks: number }>('SELECT count(*)::int AS tasks FROM tasks');
    expect(count).toEqual({ tasks: MAX_TASKS });
    await queueAll();
    for (const id of ids) expect(await numbersOf(id)).toEqual(range(1, 150));
  });

  it('leaves out an endpoint that has all the tasks it may have, until some are done', async () => {
    const rest = 700;
    const dead = await insertEndpoint(feed.database);
    await insertOrders(feed.database, MAX_WAITING + rest);
    await instance.numberAll(5_000);
    await queueAll();
    expect(await numbersOf(dead)).toHaveLength(MAX_WAITING);
    expect(await queueOnce(instance)).toEqual([{ isMore: false, full: [dead] }]);
    const well = await insertEndpoint(feed.database);
    const [order = ''] = await insertOrders(feed.database, 1);
    await instance.numberAll();
    await queueAll();
    expect(await listTasks(well)).toMatchObject([{ orderId: order }]);
    await feed.query(
      `DELETE FROM tasks WHERE kind = 'webhook:' || $1 AND (payload->>'feedNo')::int <= 1000`,
      [dead],
    );
    await queueAll();
    expect(await numbersOf(dead)).toEqual(range(1_001, MAX_WAITING + rest + 1));
  }, 60_000);
});

const startReplay = (id: string, after: number, until: number) =>
  setEndpoint(
    id,
    `replay_after = ${after}, replay_read_until = ${after}, replay_until = ${until}, replay_last_matched = NULL`,
  );

describe('a replay', () => {
  const NO_REPLAY = {
    replay_after: null,
    replay_read_until: null,
    replay_until: null,
    replay_last_matched: null,
  };

  it('queues the events of its range again, beside new ones, and ends', async () => {
    const orders = await insertOrders(feed.database, 8);
    const id = await insertEndpoint(feed.database);
    await instance.numberAll();
    await queueAll();
    await feed.query('DELETE FROM tasks');
    await startReplay(id, 2, 6);
    await change(orders[3] ?? '');
    await instance.numberAll();
    await queueAll();
    const tasks = await listTasks(id);
    expect(tasks.map(({ feedNo, previousFeedNo }) => [feedNo, previousFeedNo])).toEqual([
      [3, null],
      [4, 3],
      [5, 4],
      [6, 5],
      [9, 8],
    ]);
    expect(await readEndpoint(id)).toMatchObject({ ...NO_REPLAY, read_until: '9', last_matched: '9' });
  });

  it('leaves tasks that still wait as they are', async () => {
    await insertOrders(feed.database, 4);
    const id = await insertEndpoint(feed.database);
    await instance.numberAll();
    await queueAll();
    await feed.query(`UPDATE tasks SET attempts = 3, last_error = 'answered 500'`);
    await feed.query(`DELETE FROM tasks WHERE (payload->>'feedNo')::int <= 2`);
    await startReplay(id, 0, 4);
    await queueAll();
    expect(await numbersOf(id)).toEqual([1, 2, 3, 4]);
    const attempts = await feed.query(`SELECT attempts FROM tasks ORDER BY (payload->>'feedNo')::int`);
    expect(attempts).toEqual([0, 0, 3, 3].map((count) => ({ attempts: count })));
    expect(await readEndpoint(id)).toMatchObject(NO_REPLAY);
  });

  it('keeps its place and its chain over several batches', async () => {
    const id = await insertEndpoint(feed.database, { eventTypes: ['order.placed'] });
    await insertOrders(feed.database, 2_300);
    await instance.numberAll();
    await setEndpoint(id, 'read_until = 2300');
    await startReplay(id, 100, 2_300);
    await queueOnce(instance);
    expect(await readEndpoint(id)).toMatchObject({ replay_after: '100', replay_read_until: '1100' });
    for (const _ of range(1, 2)) {
      // Those no longer fill the window of the replay.
      await feed.query(`UPDATE tasks SET state = 'blocked'`);
      await queueAll();
    }
    expect(await numbersOf(id)).toEqual(range(101, 2_300));
    expect(await findGaps(id)).toEqual([]);
    expect(await readEndpoint(id)).toMatchObject({ ...NO_REPLAY, last_matched: null });
  });
});
