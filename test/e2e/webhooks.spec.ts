import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { expectProblem, ISO_TIME, line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { queryDatabase } from '../support/invariants.js';
import { eventually, startTestService, type TestResponse, type TestService } from '../support/service.js';
import { createWebhook, deleteWebhooks, NOWHERE } from '../support/webhook-api.js';
import { WebhookReceiver } from '../support/webhook-receiver.js';

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
const get = async (id: string) => (await service.request('GET', `/webhooks/${id}`)).body;
const untilReceived = (...ids: string[]) => eventually(() => ids.every((id) => receiver.ids.includes(id)));

describe('POST /webhooks', () => {
  it('returns the endpoint with its secret, and its location', async () => {
    const body = { url: NOWHERE, events: ['order.shipped', 'order.shipped'], description: ' ERP ' };
    const created = await service.request('POST', '/webhooks', body);
    expect(created.status).toBe(201);
    expect(created.headers.get('location')).toBe(`/webhooks/${created.body.id}`);
    expect(created.body).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      url: NOWHERE,
      events: ['order.shipped'],
      description: 'ERP',
      state: 'enabled',
      disabled_reason: null,
      disabled_at: null,
      is_in_trouble: false,
      queued: 0,
      failed: 0,
      oldest_undelivered_at: null,
      read_until: expect.any(Number),
      replay: null,
      secrets: [{ created_at: expect.stringMatching(ISO_TIME), valid_until: null }],
      created_at: expect.stringMatching(ISO_TIME),
      updated_at: expect.stringMatching(ISO_TIME),
      secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
    });
  });

  it('sends later events only', async () => {
    const before = await place();
    await eventually(async () => {
      const { body } = await service.request('GET', '/events?include=none&limit=500');
      return body.events.filter((event: { order_id: string }) => event.order_id === before).length === 2;
    });
    await createWebhook(service, { url: receiver.url });
    const after = await place();
    await untilReceived(`${after}/1`, `${after}/2`);
    expect(receiver.ids.filter((id) => id.startsWith(before))).toEqual([]);
  });

  it('creates at most 100 endpoints, also concurrently', async () => {
    const create = () => service.request('POST', '/webhooks', { url: NOWHERE, events: ['order.returned'] });
    const answers: TestResponse[] = [];
    // More requests at a time than a caller may have are refused for another reason.
    for (let round = 1; round <= 3; round += 1) {
      answers.push(...(await Promise.all(Array.from({ length: 40 }, create))));
    }
    const refused = answers.filter(({ status }) => status !== 201);
    expect(refused).toHaveLength(20);
    for (const answer of refused) {
      expectProblem(answer, 409);
      expect(answer.body.type).toBe('/problems/too-many-webhooks');
    }
    const { body } = await service.request('GET', '/webhooks');
    expect(body.webhooks).toHaveLength(100);
  });
});

describe('GET /webhooks', () => {
  it('lists the endpoints, oldest first', async () => {
    const first = await createWebhook(service);
    const second = await createWebhook(service);
    const { status, body } = await service.request('GET', '/webhooks');
    expect(status).toBe(200);
    expect(body.webhooks.map(({ id }: { id: string }) => id)).toEqual([first.id, second.id]);
  });

  it.each(['unknown', randomUUID()])('returns 404 for an unknown id: %s', async (id) => {
    expectProblem(await service.request('GET', `/webhooks/${id}`), 404);
    expectProblem(await service.request('PATCH', `/webhooks/${id}`, {}), 404);
    expectProblem(await service.request('DELETE', `/webhooks/${id}`), 404);
    expectProblem(await service.request('GET', `/webhooks/${id}/deliveries`), 404);
    for (const action of ['enable', 'disable', 'test', 'rotate-secret']) {
      expectProblem(await service.request('POST', `/webhooks/${id}/${action}`), 404);
    }
    expectProblem(await service.request('POST', `/webhooks/${id}/replay`, { after: 0 }), 404);
  });
});

describe('PATCH /webhooks/{webhook_id}', () => {
  it('changes the named fields only', async () => {
    const { id } = await createWebhook(service, { description: 'ERP', events: ['order.shipped'] });
    const changed = await service.request('PATCH', `/webhooks/${id}`, { url: receiver.url });
    expect(changed.status).toBe(200);
    expect(changed.body).toMatchObject({ url: receiver.url, description: 'ERP', events: ['order.shipped'] });
    expect(await get(id)).toEqual(changed.body);
  });

  it('removes with null, as a merge patch', async () => {
    const { id } = await createWebhook(service, { description: 'ERP', events: ['order.shipped'] });
    const { body } = await service.request(
      'PATCH',
      `/webhooks/${id}`,
      { description: null, events: null },
      { 'content-type': 'application/merge-patch+json' },
    );
    expect(body).toMatchObject({ description: null, events: null, url: NOWHERE });
  });

  it('takes effect for the next events', async () => {
    const { id } = await createWebhook(service, { url: receiver.url, events: ['order.returned'] });
    await service.request('PATCH', `/webhooks/${id}`, { events: ['order.confirmed'] });
    const order = await place();
    await untilReceived(`${order}/2`);
    expect(receiver.ids).toEqual([`${order}/2`]);
  });
});

describe('disabled webhook', () => {
  it('gets the events since then when it is enabled', async () => {
    const { id } = await createWebhook(service, { url: receiver.url });
    const disabled = await service.request('POST', `/webhooks/${id}/disable`);
    expect(disabled.body).toMatchObject({
      state: 'disabled',
      disabled_reason: 'operator',
      disabled_at: expect.stringMatching(ISO_TIME),
      is_in_trouble: false,
    });
    const order = await place();
    const again = await service.request('POST', `/webhooks/${id}/disable`);
    expect(again.body.disabled_at).toBe(disabled.body.disabled_at);
    expect(receiver.calls).toEqual([]);
    const enabled = await service.request('POST', `/webhooks/${id}/enable`);
    expect(enabled.body).toMatchObject({ state: 'enabled', disabled_reason: null, disabled_at: null });
    await untilReceived(`${order}/1`, `${order}/2`);
  });

  it('is in trouble when it answered 410, until it is enabled again', async () => {
    const { id } = await createWebhook(service, { url: receiver.url });
    receiver.answer = { status: 410, body: '' };
    await place();
    const gone = await eventually(async () => {
      const webhook = await get(id);
      return webhook.state === 'disabled' && webhook;
    });
    receiver.answer = { status: 200, body: 'ok' };
    expect(gone).toMatchObject({ disabled_reason: 'gone', is_in_trouble: true });
    const again = await service.request('POST', `/webhooks/${id}/disable`);
    expect(again.body.disabled_reason).toBe('gone');
    const enabled = await service.request('POST', `/webhooks/${id}/enable`);
    expect(enabled.body).toMatchObject({ state: 'enabled', disabled_reason: null });
  });
});

/** Tasks of an endpoint about one order each: the first ones fail, and each has another one behind it. */
async function insertTasks(id: string, dead: number, ready: number, age: string): Promise<void> {
  await queryDatabase(
    service.database.url,
    `INSERT INTO tasks (order_id, lane, seq, id, kind, payload, state, run_at, lease_version, attempts, max_attempts, created_at)
     SELECT o.id, 'webhook:' || $1, s, gen_random_uuid(), 'webhook:' || $1, '{"feedNo": 1, "previousFeedNo": null}',
       CASE WHEN s = 2 THEN 'blocked' WHEN o.n <= $2 THEN 'dead' ELSE 'ready' END, now() + interval '1 hour', 0, 0, 80,
       now() - $4::interval
     FROM (SELECT n, gen_random_uuid() AS id FROM generate_series(1, $2::int + $3::int) n) o, generate_series(1, 2) s`,
    [id, dead, ready, age],
  );
}

describe('what waits for a webhook', () => {
  it('counts queued events, those behind another one included, and failed ones', async () => {
    const { id } = await createWebhook(service);
    await insertTasks(id, 2, 3, '1 minute');
    expect(await get(id)).toMatchObject({
      queued: 8,
      failed: 2,
      is_in_trouble: true,
      oldest_undelivered_at: expect.stringMatching(ISO_TIME),
    });
  });

  it('counts no further than to 10,000, in the list to 1,000', async () => {
    const { id } = await createWebhook(service);
    await insertTasks(id, 0, 6_000, '1 minute');
    expect(await get(id)).toMatchObject({ queued: 10_000, failed: 0 });
    const { body } = await service.request('GET', '/webhooks');
    expect(body.webhooks).toMatchObject([{ queued: 1_000, failed: 0 }]);
  });

  it('is trouble when an event of an enabled endpoint waits for ten minutes', async () => {
    const { id } = await createWebhook(service);
    await insertTasks(id, 0, 1, '9 minutes');
    expect((await get(id)).is_in_trouble).toBe(false);
    await insertTasks(id, 0, 1, '11 minutes');
    expect((await get(id)).is_in_trouble).toBe(true);
    await service.request('POST', `/webhooks/${id}/disable`);
    expect((await get(id)).is_in_trouble).toBe(false);
  });

  it('is deleted with the endpoint, in the background', async () => {
    const { id } = await createWebhook(service);
    const other = await createWebhook(service);
    await insertTasks(id, 20, 2_000, '1 minute');
    await insertTasks(other.id, 0, 2, '1 minute');
    await queryDatabase(
      service.database.url,
      `INSERT INTO webhook_deliveries (order_id, endpoint_id, seq, feed_no, state, attempts, duration_ms, attempted_at)
       SELECT gen_random_uuid(), $1, 1, 1, 'delivered', 1, 1, now() - n * interval '1 ms' FROM generate_series(1, 2500) n`,
      [id],
    );
    const deleted = await service.request('DELETE', `/webhooks/${id}`);
    expect({ status: deleted.status, body: deleted.body }).toEqual({ status: 204, body: '' });
    expectProblem(await service.request('GET', `/webhooks/${id}`), 404);
    expectProblem(await service.request('DELETE', `/webhooks/${id}`), 404);
    const secrets = await queryDatabase<{ secrets: unknown[] }>(
      service.database.url,
      'SELECT secrets FROM webhook_endpoints WHERE id = $1',
      [id],
    );
    for (const row of secrets) expect(row.secrets).toEqual([]);
    const left = () =>
      queryDatabase<{ tasks: number; deliveries: number; endpoints: number }>(
        service.database.url,
        `SELECT (SELECT count(*)::int FROM tasks WHERE kind = 'webhook:' || $1) AS tasks,
           (SELECT count(*)::int FROM webhook_deliveries WHERE endpoint_id = $1::uuid) AS deliveries,
           (SELECT count(*)::int FROM webhook_endpoints WHERE id = $1::uuid) AS endpoints`,
        [id],
      );
    await eventually(async () => (await left())[0]?.endpoints === 0);
    expect(await left()).toEqual([{ tasks: 0, deliveries: 0, endpoints: 0 }]);
    expect((await get(other.id)).queued).toBe(4);
  });
});
