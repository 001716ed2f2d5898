import { NIL as NIL_ID } from 'uuid';
import { Client } from 'pg';
import { FIND_DEAD, FIND_WEBHOOKS } from '../../src/operations/task-reports.repository.js';
import { MAX_COUNTED_OFTEN, MEASURE } from '../../src/webhooks/endpoints/endpoint-standings.repository.js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { placeOrder, selectRows } from '../support/builders.js';
import { insertOrders } from '../support/many-orders.js';
import { parseMetrics, type Sample } from '../support/metrics.js';
import { startTestService, type TestService } from '../support/service.js';
import { insertWebhookTasks } from '../support/webhook-rows.js';
import { insertEndpoint } from '../support/webhooks.js';

/** Tasks of each state that an endpoint has that is dead. */
const TASKS = 10_000;

const ENDPOINTS = 3;

/** Pages from the root of an index to its entries. */
const INDEX_PAGES = 10;

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.stop());

async function scrape(): Promise<Sample[]> {
  return parseMetrics(String((await service.request('GET', '/metrics')).body));
}

const ofEndpoint = (samples: readonly Sample[], endpoint: string): Record<string, number> =>
  Object.fromEntries(
    samples.filter(({ labels }) => labels['endpoint'] === endpoint).map(({ name, value }) => [name, value]),
  );

describe('metrics of webhooks', () => {
  it('say for each endpoint what it has not received', async () => {
    const [busy, disabled, idle, deleted] = [
      await insertEndpoint(service.database),
      await insertEndpoint(service.database, { state: 'disabled' }),
      await insertEndpoint(service.database),
      await insertEndpoint(service.database, { state: 'deleted' }),
    ];
    const orderId = await placeOrder(service);
    for (const endpointId of [busy, disabled, deleted])
      await insertWebhookTasks(service.database, [
        { orderId, endpointId, seq: 1, state: 'ready' },
        { orderId, endpointId, seq: 2, state: 'blocked' },
      ]);
    const [other = ''] = await insertOrders(service.database, 1);
    await insertWebhookTasks(service.database, [{ orderId: other, endpointId: busy, seq: 1, state: 'dead' }]);
    // As if the endpoints had read the whole feed.
    await selectRows(
      service.database,
      `UPDATE tasks SET created_at = now() - interval '900 s' WHERE kind LIKE 'webhook:%' AND seq = 2 RETURNING 1`,
    );
    await selectRows(service.database, `UPDATE webhook_endpoints SET read_until = 1000000 RETURNING 1`);
    const samples = await scrape();
    expect(ofEndpoint(samples, busy)).toEqual({
      webhook_events_waiting: 2,
      webhook_events_failed: 1,
      webhook_oldest_undelivered_age_seconds: expect.closeTo(900, -2),
    });
    expect(ofEndpoint(samples, disabled)).toEqual({ webhook_events_waiting: 2, webhook_events_failed: 0 });
    expect(ofEndpoint(samples, idle)).toEqual({
      webhook_events_waiting: 0,
      webhook_events_failed: 0,
      webhook_oldest_undelivered_age_seconds: 0,
    });
    expect(ofEndpoint(samples, deleted)).toEqual({});
  });
});

describe('with 10,000 waiting and 10,000 failed events for each of three endpoints', () => {
  let client: Client;
  let orders: string[];
  let endpoints: string[];

  beforeAll(async () => {
    const { database } = service;
    orders = await insertOrders(database, 2 * TASKS);
    endpoints = await Promise.all(
      Array.from({ length: ENDPOINTS }, () => insertEndpoint(database, { state: 'disabled' })),
    );
    for (const endpointId of endpoints)
      await insertWebhookTasks(
        database,
        orders.map((orderId, n) => ({ orderId, endpointId, seq: 1, state: n < TASKS ? 'dead' : 'ready' })),
      );
    client = new Client({ connectionString: database.url });
    await client.connect();
  }, 60_000);
  afterAll(() => client.end());

  /** Pages of 8 kB that a statement touches, in the buffers or not. */
  async function buffersOf(text: string, values: unknown[]): Promise<number> {
    const { rows } = await client.query<{ 'QUERY PLAN': { Plan: Record<string, number> }[] }>(
      `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`,
      values,
    );
    const plan = rows[0]?.['QUERY PLAN'][0]?.Plan ?? {};
    return (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);
  }

  // Before and after the planner knows of them.
  it.each(['SELECT 1', 'VACUUM ANALYZE tasks'])('the cost is bounded after %s', async (statement) => {
    await client.query(statement);
    const kinds = endpoints.map((id) => `webhook:${id}`);
    // The first page of incidents, of 50 and one order's more.
    expect(await buffersOf(FIND_DEAD, [kinds, NIL_ID, 251, null])).toBeLessThan(
      ENDPOINTS * (251 + INDEX_PAGES) * 2,
    );
    expect(await buffersOf(FIND_WEBHOOKS, [orders[0], 500])).toBeLessThan(ENDPOINTS * INDEX_PAGES * 3);
    await client.query('SET enable_seqscan = off');
    const scraped = await buffersOf(MEASURE, [endpoints, MAX_COUNTED_OFTEN]);
    await client.query('RESET enable_seqscan');
    expect(scraped).toBeLessThan(ENDPOINTS * 2 * (MAX_COUNTED_OFTEN + INDEX_PAGES) * 2);
  });

  it('counts to the limit', async () => {
    const { rows } = await client.query<{ queued: number; failed: number }>(MEASURE, [
      endpoints,
      MAX_COUNTED_OFTEN,
    ]);
    expect(rows.map(({ queued, failed }) => [queued, failed])).toEqual(
      endpoints.map(() => [MAX_COUNTED_OFTEN, MAX_COUNTED_OFTEN]),
    );
  });
});
