import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { expectProblem, ISO_TIME, line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { violationsOf } from '../support/contract/check.js';
import { pointerTo } from '../support/contract/document.js';
import { queryDatabase } from '../support/invariants.js';
import { eventually, startTestService, type TestService } from '../support/service.js';
import { createWebhook, deleteWebhooks, NOWHERE } from '../support/webhook-api.js';
import { isSignedWith, WebhookReceiver } from '../support/webhook-receiver.js';

let service: TestService;
let receiver: WebhookReceiver;
let product = '';

beforeAll(async () => {
  service = await startTestService();
  product = newProduct(service.sandbox, 10_000);
});
afterAll(() => service.stop());

beforeEach(async () => {
  receiver = await WebhookReceiver.start();
});
afterEach(async () => {
  await deleteWebhooks(service);
  await receiver.close();
});

const place = () => placeOrder(service, orderBody([line(product)]));
const lastNo = async (): Promise<number> =>
  (await service.request('GET', '/events?limit=1&include=none')).body.last_feed_no;
const untilReceived = (...ids: string[]) => eventually(() => ids.every((id) => receiver.ids.includes(id)));

/** Places an order and waits until its two events have numbers. */
async function placeNumbered(): Promise<string> {
  const before = await lastNo();
  const id = await place();
  await eventually(async () => (await lastNo()) >= before + 2);
  return id;
}

/** Waits for the end of a replay and of its deliveries: a further replay would not send one again that is under way. */
const untilRepeated = (id: string) =>
  eventually(async () => {
    const { body } = await service.request('GET', `/webhooks/${id}`);
    return body.replay === null && body.queued === 0;
  });

/** How the bodies of calls differ from the section `webhooks` of the API document. */
const undocumented = ({ calls }: WebhookReceiver): string[] =>
  calls.flatMap(({ body }) => {
    const event = JSON.parse(body) as { type: string };
    const content = ['post', 'requestBody', 'content', 'application/json', 'schema'];
    return violationsOf(pointerTo('webhooks', event.type, ...content), event);
  });

async function deliveriesOf(id: string, query = '') {
  const { status, body } = await service.request('GET', `/webhooks/${id}/deliveries${query}`);
  expect(status).toBe(200);
  return body as { deliveries: { event_id: string; state: string }[]; next_cursor: string | null };
}

describe('POST /webhooks/{webhook_id}/test', () => {
  it('sends a signed event at once, which is no delivery', async () => {
    const { id, secret } = await createWebhook(service, { url: receiver.url, events: ['order.returned'] });
    const { status, body } = await service.request('POST', `/webhooks/${id}/test`);
    expect(status).toBe(200);
    expect(body).toEqual({
      delivered: true,
      status: 200,
      duration_ms: expect.any(Number),
      answer: 'ok',
      error: null,
    });
    const [call] = receiver.calls;
    if (!call) throw new Error('no call came');
    expect(isSignedWith(secret, call)).toBe(true);
    const event = JSON.parse(call.body);
    expect(event).toEqual({
      feed_no: 0,
      previous_feed_no: null,
      id: expect.stringMatching(new RegExp(`^${id}/test/[0-9a-f-]{36}$`)),
      type: 'webhook.test',
      time: expect.stringMatching(ISO_TIME),
      order_id: null,
      version: null,
      data: null,
    });
    expect(call.headers['webhook-id']).toBe(event.id);
    expect(undocumented(receiver)).toEqual([]);
    expect((await deliveriesOf(id)).deliveries).toEqual([]);
  });

  it('returns a refusal of the endpoint, with its answer', async () => {
    const { id } = await createWebhook(service, { url: receiver.url });
    receiver.answer = { status: 503, body: 'maintenance' };
    const { body } = await service.request('POST', `/webhooks/${id}/test`);
    expect(body).toMatchObject({ delivered: false, status: 503, answer: 'maintenance' });
    expect(body.error).not.toBeNull();
  });

  it('returns why nothing was reached, also for a disabled endpoint', async () => {
    const { id } = await createWebhook(service, { url: NOWHERE });
    await service.request('POST', `/webhooks/${id}/disable`);
    const { status, body } = await service.request('POST', `/webhooks/${id}/test`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ delivered: false, status: null, error: expect.any(String) });
  });
});

describe('GET /webhooks/{webhook_id}/deliveries', () => {
  it('lists what was sent with the last attempt', async () => {
    const { id } = await createWebhook(service, { url: receiver.url });
    const order = await place();
    await eventually(async () => (await deliveriesOf(id)).deliveries.length === 2);
    const { deliveries, next_cursor: next } = await deliveriesOf(id);
    expect(next).toBeNull();
    expect(deliveries.find(({ event_id }) => event_id === `${order}/2`)).toEqual({
      event_id: `${order}/2`,
      feed_no: expect.any(Number),
      order_id: order,
      version: 2,
      type: 'order.confirmed',
      state: 'delivered',
      attempts: 1,
      status: 200,
      duration_ms: expect.any(Number),
      answer: 'ok',
      error: null,
      attempted_at: expect.stringMatching(ISO_TIME),
    });
  });

  it('pages through all of them, newest first, also within a microsecond', async () => {
    const { id } = await createWebhook(service);
    await queryDatabase(
      service.database.url,
      `INSERT INTO webhook_deliveries (order_id, endpoint_id, seq, feed_no, state, attempts, duration_ms, attempted_at)
       SELECT gen_random_uuid(), $1, 1, n, CASE WHEN n % 3 = 0 THEN 'failed' ELSE 'delivered' END, 1, 1,
         timestamptz '2026-11-27T20:00:00.123456Z' + (n / 5) * interval '1 microsecond'
       FROM generate_series(1, 47) n`,
      [id],
    );
    const seen: string[] = [];
    let cursor: string | null = '';
    let pages = 0;
    while (cursor !== null) {
      const page = await deliveriesOf(id, `?limit=10${cursor && `&cursor=${cursor}`}`);
      seen.push(...page.deliveries.map(({ event_id }) => event_id));
      cursor = page.next_cursor;
      pages += 1;
    }
    const rows = await queryDatabase<{ id: string }>(
      service.database.url,
      `SELECT order_id || '/' || seq AS id FROM webhook_deliveries WHERE endpoint_id = $1
       ORDER BY attempted_at DESC, order_id DESC`,
      [id],
    );
    expect(seen).toEqual(rows.map((row) => row.id));
    expect(pages).toBe(5);
    const failed = await deliveriesOf(id, '?state=failed');
    expect(failed.deliveries).toHaveLength(15);
    expect(new Set(failed.deliveries.map(({ state }) => state))).toEqual(new Set(['failed']));
  });
});

describe('POST /webhooks/{webhook_id}/replay', () => {
  it('sends the events of a range again, under their ids', async () => {
    const after = await lastNo();
    const first = await placeNumbered();
    const until = await lastNo();
    const second = await placeNumbered();
    const { id } = await createWebhook(service, { url: receiver.url });
    const { status, body } = await service.request('POST', `/webhooks/${id}/replay`, { after, until });
    expect(status).toBe(202);
    expect(body.replay).toEqual({ after, until, read_until: after });
    await untilReceived(`${first}/1`, `${first}/2`);
    await untilRepeated(id);
    expect(receiver.ids.filter((each) => each.startsWith(second))).toEqual([]);
    receiver.calls.length = 0;
    await service.request('POST', `/webhooks/${id}/replay`, { after });
    await untilReceived(`${first}/1`, `${first}/2`, `${second}/1`, `${second}/2`);
    expect(undocumented(receiver)).toEqual([]);
  });

  it('finds a range by time', async () => {
    const old = await placeNumbered();
    const recent = await placeNumbered();
    await queryDatabase(
      service.database.url,
      `UPDATE order_events SET occurred_at = occurred_at - interval '2 days' WHERE feed_no <= (
         SELECT max(feed_no) FROM order_events WHERE order_id = $1)`,
      [old],
    );
    const { id } = await createWebhook(service, { url: receiver.url });
    const dayAgo = new Date(Date.now() - 86_400_000).toISOString();
    await service.request('POST', `/webhooks/${id}/replay`, { after: dayAgo });
    await untilReceived(`${recent}/1`, `${recent}/2`);
    await untilRepeated(id);
    expect(receiver.ids.filter((each) => each.startsWith(old))).toEqual([]);
    receiver.calls.length = 0;
    const threeDaysAgo = new Date(Date.now() - 3 * 86_400_000).toISOString();
    const range = { after: threeDaysAgo, until: dayAgo };
    await service.request('POST', `/webhooks/${id}/replay`, range);
    await untilReceived(`${old}/1`, `${old}/2`);
    expect(receiver.ids.filter((each) => each.startsWith(recent))).toEqual([]);
  });

  it('returns 409 while a replay is not finished', async () => {
    await placeNumbered();
    const { id } = await createWebhook(service);
    await service.request('POST', `/webhooks/${id}/disable`);
    const start = () => service.request('POST', `/webhooks/${id}/replay`, { after: 0 });
    const answers = await Promise.all([start(), start(), start()]);
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(2);
    const refused = answers.find(({ status }) => status === 409);
    expect(refused?.body.type).toBe('/problems/replay-in-progress');
    expect(refused?.headers.get('retry-after')).toBe('2');
  });

  it('refuses a range without events', async () => {
    await placeNumbered();
    const { id } = await createWebhook(service);
    const end = await lastNo();
    const replay = (body: object) => service.request('POST', `/webhooks/${id}/replay`, body);
    expectProblem(await replay({ after: end }), 400, ['after']);
    expectProblem(await replay({ after: Number.MAX_SAFE_INTEGER }), 400, ['after']);
    expectProblem(await replay({ after: '2100-01-01T00:00:00Z' }), 400, ['after']);
    expectProblem(await replay({ after: 1, until: 1 }), 400, ['until']);
    expectProblem(await replay({ after: 1, until: '2000-01-01T00:00:00Z' }), 400, ['until']);
  });
});
