import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { PointReads } from '../../src/platform/database/batching/point-reads.js';
import { DeliveryRepository } from '../../src/webhooks/delivery/delivery.repository.js';
import { insertOrders } from '../support/many-orders.js';
import { insertEndpoint } from '../support/webhooks.js';
import { type FeedDatabase, openFeedDatabase } from './feed-database.js';

let feed: FeedDatabase;

beforeEach(async () => {
  feed = await openFeedDatabase();
});
afterEach(() => feed.close());

it('the record of an attempt does not wait for the disk, and leaves the setting of its connection', async () => {
  const { dataSource } = await feed.start();
  const [orderId = ''] = await insertOrders(feed.database, 1);
  const endpointId = await insertEndpoint(feed.database);
  await feed.query('CREATE TABLE seen (setting text)');
  await feed.query(
    `CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
     $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$`,
  );
  await feed.query('CREATE TRIGGER note AFTER INSERT ON webhook_deliveries EXECUTE FUNCTION note()');
  const repository = new DeliveryRepository(dataSource, new PointReads(dataSource));
  await repository.record([
    {
      orderId,
      endpointId,
      seq: 1,
      feedNo: '1',
      state: 'delivered',
      attempts: 1,
      status: 200,
      durationMs: 5,
      answer: null,
      error: null,
      attemptedAt: new Date(),
      orderVersion: 1,
    },
  ]);
  expect(await feed.query('SELECT setting FROM seen')).toEqual([{ setting: 'off' }]);
  expect(await dataSource.query('SHOW synchronous_commit')).toEqual([{ synchronous_commit: 'on' }]);
});
