import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { expectProblem, ORDER_ID, placeOrder } from '../support/builders.js';
import { queryDatabase } from '../support/invariants.js';
import { eventually, startTestService, type TestService } from '../support/service.js';
import { createWebhook, deleteWebhooks, NOWHERE } from '../support/webhook-api.js';
import { WebhookReceiver } from '../support/webhook-receiver.js';

let service: TestService;
let receiver: WebhookReceiver;

beforeAll(async () => {
  service = await startTestService();
  const order = await placeOrder(service);
  await eventually(async () => (await service.request('GET', '/events?limit=1')).body.last_feed_no === 2);
  expect(order).toMatch(ORDER_ID);
});
afterAll(() => service.stop());

beforeEach(async () => {
  receiver = await WebhookReceiver.start();
});
afterEach(async () => {
  await deleteWebhooks(service);
  await receiver.close();
});

const replayOf = async (id: string) => (await service.request('GET', `/webhooks/${id}`)).body.replay;

/** The order up to which the events from before the feed have their numbers. */
const setBackfill = (orderId: string | null) =>
  queryDatabase(service.database.url, `UPDATE event_feed SET backfill_order_id = $1, backfill_seq = 0`, [
    orderId,
  ]);

describe('while the feed is incomplete', () => {
  afterEach(() => setBackfill(null));

  it.each<[what: string, path: (id: string) => string, body: object]>([
    ['a new endpoint', () => '/webhooks', { url: NOWHERE }],
    ['a replay by numbers', (id) => `/webhooks/${id}/replay`, { after: 0 }],
    ['a replay by time', (id) => `/webhooks/${id}/replay`, { after: '2026-01-01T00:00:00Z' }],
  ])('%s is refused with how far it is', async (_what, path, body) => {
    const { id } = await createWebhook(service);
    await setBackfill('019a0000-0000-7000-8000-000000000000');
    const refused = await service.request('POST', path(id), body);
    expectProblem(refused, 409);
    expect(refused.body).toMatchObject({
      type: '/problems/feed-incomplete',
      detail: '2 events have their number in the feed, those of orders placed until 2025-10-20T05:03:11.360Z',
    });
    expect(refused.headers.get('retry-after')).toBe('30');
    await setBackfill(null);
    expect((await service.request('POST', path(id), body)).status).toBeLessThan(300);
  });
});

describe('DELETE /webhooks/{webhook_id}/replay', () => {
  it('ends a replay, so that its other events are not sent and another one may start', async () => {
    const { id } = await createWebhook(service, { url: receiver.url });
    await service.request('POST', `/webhooks/${id}/disable`);
    const start = () => service.request('POST', `/webhooks/${id}/replay`, { after: 0 });
    expect((await start()).status).toBe(202);
    expect(await replayOf(id)).toEqual({ after: 0, until: 2, read_until: 0 });
    const cancelled = await service.request('DELETE', `/webhooks/${id}/replay`);
    expect({ status: cancelled.status, body: cancelled.body }).toEqual({ status: 204, body: '' });
    expect(await replayOf(id)).toBeNull();
    await service.request('POST', `/webhooks/${id}/enable`);
    const order = await placeOrder(service);
    await eventually(() => receiver.ids.length === 2);
    expect(receiver.ids).toEqual([`${order}/1`, `${order}/2`]);
    expect((await start()).status).toBe(202);
    await eventually(() => receiver.ids.length >= 4);
  });

  it('has no effect without a replay, and returns 404 for an unknown endpoint', async () => {
    const { id } = await createWebhook(service);
    const before = (await service.request('GET', `/webhooks/${id}`)).body;
    expect((await service.request('DELETE', `/webhooks/${id}/replay`)).status).toBe(204);
    expect((await service.request('GET', `/webhooks/${id}`)).body).toEqual(before);
    expectProblem(await service.request('DELETE', `/webhooks/${randomUUID()}/replay`), 404);
  });
});
