import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { PointReads } from '../../src/platform/database/batching/point-reads.js';
import { DeliveryRepository } from '../../src/webhooks/delivery/delivery.repository.js';
import { groupsOf } from '../../src/webhooks/dispatch/cursor-groups.js';
import {
  type Batch,
  DispatchRepository,
  REPLAY_WINDOW,
} from '../../src/webhooks/dispatch/dispatch.repository.js';
import { insertOrders } from '../support/many-orders.js';
import { insertEndpoint } from '../support/webhooks.js';
import { type FeedDatabase, type FeedInstance, openFeedDatabase } from './feed-database.js';

/** More than the window of a replay holds. */
const EVENTS = 3_500;

let feed: FeedDatabase;
let instance: FeedInstance;

beforeEach(async () => {
  feed = await openFeedDatabase();
  instance = await feed.start();
});
afterEach(() => feed.close());

/** Queues until every endpoint is full or has all its events. @returns the last batches */
async function queueAll({ dataSource, tasks }: FeedInstance): Promise<Batch[]> {
  const dispatcher = new DispatchRepository(dataSource, tasks);
  for (;;) {
    const rows = await new DeliveryRepository(dataSource, new PointReads(dataSource)).listEndpoints();
    const batches: Batch[] = [];
    for (const group of groupsOf(rows)) batches.push(await dispatcher.queueNext(group));
    if (!batches.some(({ isMore }) => isMore)) return batches;
  }
}

const countTasks = async (endpointId: string): Promise<number> =>
  (
    await feed.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM tasks WHERE kind = 'webhook:' || $1`,
      [endpointId],
    )
  )[0]?.count ?? 0;

it('a replay fills its window, leaves room for new events, and goes on when some are done', async () => {
  await insertOrders(feed.database, EVENTS);
  await instance.numberAll(5_000);
  const id = await insertEndpoint(feed.database);
  await feed.query(
    `UPDATE webhook_endpoints SET replay_after = 0, replay_read_until = 0, replay_until = $2 WHERE id = $1`,
    [id, EVENTS],
  );
  expect(await queueAll(instance)).toEqual([{ isMore: false, full: [id] }]);
  const replayed = await countTasks(id);
  expect(replayed).toBeLessThanOrEqual(REPLAY_WINDOW);
  expect(replayed).toBeGreaterThan(0);
  await insertOrders(feed.database, EVENTS);
  await instance.numberAll(5_000);
  await queueAll(instance);
  expect(await countTasks(id)).toBe(replayed + EVENTS);
  for (let round = 1; round <= 10 && (await countTasks(id)) > 0; round += 1) {
    await feed.query(`DELETE FROM tasks WHERE kind = 'webhook:' || $1`, [id]);
    await queueAll(instance);
  }
  expect(
    await feed.query(
      `SELECT replay_until AS replay, read_until AS read FROM webhook_endpoints WHERE id = $1`,
      [id],
    ),
  ).toEqual([{ replay: null, read: String(2 * EVENTS) }]);
}, 60_000);
