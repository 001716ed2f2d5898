import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { REMOVAL_LOCK } from '../../src/webhooks/history/webhook-history.repository.js';
import { placeOrder } from '../support/builders.js';
import { queryDatabase } from '../support/invariants.js';
import { eventually, startTestService, type TestService } from '../support/service.js';
import { parseMetrics, sumOf } from '../support/metrics.js';
import { insertDelivery, insertWebhookTasks } from '../support/webhook-rows.js';
import {
  type Answer,
  insertEndpoint,
  type Receiver,
  startReceiver,
  storedSecret,
} from '../support/webhooks.js';

let service: TestService;
let receiver: Receiver;

beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.stop());

beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver.close());

interface Rest {
  endpoints: number;
  tasks: number;
  deliveries: number;
}

const NOTHING: Rest = { endpoints: 0, tasks: 0, deliveries: 0 };

async function restOf(endpointId: string): Promise<Rest | undefined> {
  const [rest] = await queryDatabase<Rest>(
    service.database.url,
    `SELECT (SELECT count(*)::int FROM webhook_endpoints WHERE id = $1::uuid) AS endpoints,
       (SELECT count(*)::int FROM tasks WHERE kind = 'webhook:' || $1::uuid) AS tasks,
       (SELECT count(*)::int FROM webhook_deliveries WHERE endpoint_id = $1::uuid) AS deliveries`,
    [endpointId],
  );
  return rest;
}

const untilRemoved = (id: string) => eventually(async () => (await restOf(id))?.endpoints === 0);

/** Attempts that this process has made and recorded. */
async function countAttempts(): Promise<number> {
  const { body } = await service.request('GET', '/metrics');
  return sumOf(parseMetrics(String(body)), 'webhook_attempts_total');
}

it('an attempt that ends after the removal of its endpoint leaves no answer of the receiver', async () => {
  const { url, secret } = receiver;
  const held: ((answer: Answer) => void)[] = [];
  receiver.answer = () => new Promise<Answer>((resolve) => held.push(resolve));
  const id = await insertEndpoint(service.database, { url, secrets: [storedSecret(secret)] });
  await placeOrder(service);
  await eventually(() => held.length === 1);
  const before = await countAttempts();
  expect((await service.request('DELETE', `/webhooks/${id}`)).status).toBe(204);
  await untilRemoved(id);
  held[0]?.({ status: 200, body: 'personal' });
  await eventually(async () => (await countAttempts()) > before);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(await restOf(id)).toEqual(NOTHING);
});

it('a removal that a crash has interrupted is continued', async () => {
  const id = await insertEndpoint(service.database, { state: 'deleted' });
  const orders = [randomUUID(), randomUUID()];
  const [one = '', two = ''] = orders;
  await insertWebhookTasks(service.database, [
    { orderId: one, endpointId: id, seq: 1, state: 'dead' },
    { orderId: one, endpointId: id, seq: 2, state: 'blocked' },
    { orderId: two, endpointId: id, seq: 1, state: 'ready' },
  ]);
  for (const orderId of orders) {
    await insertDelivery(service.database, { orderId, endpointId: id, seq: 1 }, 'failed', 'answer');
  }
  await untilRemoved(id);
  expect(await restOf(id)).toEqual(NOTHING);
});

it('what an attempt records between the last batch of a removal and its end is deleted as well', async () => {
  const recording = new Client({ connectionString: service.database.url });
  await recording.connect();
  try {
    const id = await insertEndpoint(service.database, { state: 'disabled' });
    // As the record of an attempt does.
    await recording.query('BEGIN');
    await recording.query(`SELECT pg_advisory_xact_lock_shared(${REMOVAL_LOCK}, hashtext($1))`, [id]);
    expect((await service.request('DELETE', `/webhooks/${id}`)).status).toBe(204);
    // The batches are done: the removal waits for the record.
    await eventually(async () => {
      const waiting = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`;
      return (await queryDatabase(service.database.url, waiting)).length > 0;
    });
    await insertDelivery(service.database, { orderId: randomUUID(), endpointId: id, seq: 1 }, 'delivered');
    await recording.query('COMMIT');
    await untilRemoved(id);
    expect(await restOf(id)).toEqual(NOTHING);
  } finally {
    await recording.end();
  }
});
