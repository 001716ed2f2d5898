import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { EndpointRegistry } from '../../src/webhooks/delivery/endpoint-registry.js';
import { WebhookDispatcher } from '../../src/webhooks/dispatch/webhook-dispatcher.js';
import { line, newProduct, orderBody, placeOrder, selectRows } from '../support/builders.js';
import { eventually, startTestService, type TestService } from '../support/service.js';
import {
  type EndpointValues,
  insertEndpoint,
  listWebhookDeliveries,
  listWebhookTasks,
  newSecret,
  type Received,
  type Receiver,
  startReceiver,
  storedSecret,
} from '../support/webhooks.js';

let service: TestService;
const receivers: Receiver[] = [];

beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.stop());
afterEach(async () => {
  await selectRows(service.database, `UPDATE webhook_endpoints SET state = 'deleted'`);
  await service.app.get(EndpointRegistry).refresh();
  await selectRows(service.database, `DELETE FROM tasks WHERE kind LIKE 'webhook:%'`);
  await Promise.all(receivers.splice(0).map((receiver) => receiver.close()));
});

async function newReceiver(): Promise<Receiver> {
  const receiver = await startReceiver();
  receivers.push(receiver);
  return receiver;
}

/** Makes an endpoint of the receiver. @returns its id */
async function subscribe({ url, secret }: Receiver, values: EndpointValues = {}): Promise<string> {
  const id = await insertEndpoint(service.database, { url, secrets: [storedSecret(secret)], ...values });
  await refresh();
  return id;
}

/** As after a change of an endpoint. */
async function refresh(): Promise<void> {
  await service.app.get(EndpointRegistry).refresh();
  service.app.get(WebhookDispatcher).wake();
}

async function change(id: string, values: string): Promise<void> {
  await selectRows(service.database, `UPDATE webhook_endpoints SET ${values} WHERE id = $1`, [id]);
  await refresh();
}

/** Places an order, which is two events. */
const place = (): Promise<string> => placeOrder(service, orderBody([line(newProduct(service.sandbox))]));

/** Makes failed deliveries due, which would be retried seconds later. */
const retryNow = () =>
  selectRows(
    service.database,
    `UPDATE tasks SET run_at = now() WHERE kind LIKE 'webhook:%' AND state = 'ready' AND lease_until IS NULL`,
  );

const tasksOf = (id: string) => listWebhookTasks(service.database, id);
const deliveriesOf = (id: string) => listWebhookDeliveries(service.database, id);

const versionsAt = ({ received }: Receiver, orderId: string): number[] =>
  received.filter(({ body }) => body.order_id === orderId).map(({ body }) => body.version);

const isAt = (path: string) => (delivery: Received) => delivery.path === path;

describe('deliveries', () => {
  it('are signed, have the event as in the feed, and name the event before', async () => {
    const receiver = await newReceiver();
    const id = await subscribe(receiver);
    const orders = [await place(), await place(), await place()];
    await eventually(() => receiver.received.length === 6);
    const inOrder = receiver.received.toSorted((left, right) => left.body.feed_no - right.body.feed_no);
    const previous = inOrder.map(({ body }) => body.previous_feed_no);
    expect(previous).toEqual([null, ...inOrder.slice(0, -1).map(({ body }) => body.feed_no)]);
    const after = (inOrder[0]?.body.feed_no ?? 0) - 1;
    const feed = await service.request('GET', `/events?after=${after}`);
    expect(inOrder.map(({ body: { previous_feed_no: _previous, ...event } }) => event)).toEqual(
      feed.body.events,
    );
    for (const orderId of orders) expect(versionsAt(receiver, orderId)).toEqual([1, 2]);
    for (const { headers, body } of receiver.received) {
      expect(headers).toMatchObject({ 'webhook-id': body.id, 'content-type': 'application/json' });
      expect(headers).not.toHaveProperty('traceparent');
    }
    const expected = orders.flatMap((orderId) => [1, 2].map((seq) => ({ orderId, seq })));
    await eventually(async () => (await tasksOf(id)).length === 0);
    expect(await deliveriesOf(id)).toEqual(
      expected
        .toSorted((left, right) => (left.orderId < right.orderId ? -1 : 1) || left.seq - right.seq)
        .map((one) => ({ ...one, state: 'delivered', attempts: 1, status: 200, answer: '', error: null })),
    );
    const kept = await selectRows(service.database, `SELECT 1 FROM deliveries WHERE queue LIKE 'webhook:%'`);
    expect(kept).toEqual([]);
  });

  it('wait behind an earlier one of their order that fails, while those of other orders continue', async () => {
    const receiver = await newReceiver();
    const id = await subscribe(receiver);
    let failing = '';
    receiver.answer = ({ body }) => {
      failing ||= body.order_id;
      return body.order_id === failing && body.version === 1
        ? { status: 500, body: 'out of order' }
        : { status: 200 };
    };
    const [first, second] = [await place(), await place()];
    await eventually(() => versionsAt(receiver, second).length === 2);
    await sleep(300);
    expect(versionsAt(receiver, first)).toEqual([1]);
    expect(await tasksOf(id)).toMatchObject([
      { orderId: first, seq: 1, state: 'ready', attempts: 1, lastError: 'answered 500' },
      { orderId: first, seq: 2, state: 'blocked' },
    ]);
    expect((await deliveriesOf(id))[0]).toEqual({
      orderId: first,
      seq: 1,
      state: 'retrying',
      attempts: 1,
      status: 500,
      answer: 'out of order',
      error: 'answered 500',
    });
    receiver.answer = () => ({ status: 204 });
    await retryNow();
    await eventually(() => versionsAt(receiver, first).length === 3);
    expect(versionsAt(receiver, first)).toEqual([1, 1, 2]);
    const ids = receiver.received.filter(({ body }) => body.version === 1 && body.order_id === first);
    expect(new Set(ids.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([`${first}/1`]));
    await eventually(async () => (await deliveriesOf(id))[0]?.['state'] === 'delivered');
    expect((await deliveriesOf(id))[0]).toMatchObject({ attempts: 2, status: 204, error: null });
  });

  it('to an endpoint that hangs hold up neither another one of the same host nor placements', async () => {
    const receiver = await newReceiver();
    receiver.answer = ({ path }) => (path === '/hang' ? 'hang' : { status: 200 });
    await subscribe(receiver, { url: receiver.url.replace('/hooks', '/hang') });
    await subscribe(receiver);
    const placedAt = performance.now();
    for (let placed = 0; placed < 20; placed += 1) await place();
    const placingMs = performance.now() - placedAt;
    await eventually(() => receiver.received.filter(isAt('/hooks')).length === 40, 9_000);
    expect(receiver.received.filter(isAt('/hang')).length).toBeLessThanOrEqual(20);
    // An attempt lasts for ten seconds.
    expect(placingMs).toBeLessThan(9_000);
  });

  it('name the secrets that are valid now, the newest first', async () => {
    const receiver = await newReceiver();
    const past = new Date(Date.now() - 60_000).toISOString();
    const future = new Date(Date.now() + 3_600_000).toISOString();
    const secrets = [
      storedSecret(newSecret()),
      storedSecret(receiver.secret, future),
      storedSecret(newSecret(), past),
    ];
    await subscribe(receiver, { secrets });
    await place();
    await eventually(() => receiver.received.length === 2);
    expect(String(receiver.received[0]?.headers['webhook-signature']).split(' ')).toHaveLength(2);
  });
});

describe('an endpoint', () => {
  it('that answers 410 is disabled; the event stays as a dead task, and others follow once it is enabled', async () => {
    const receiver = await newReceiver();
    const id = await subscribe(receiver);
    receiver.answer = () => ({ status: 410 });
    const [first, second] = [await place(), await place()];
    const isDisabled = async () =>
      (
        await selectRows<{ state: string; reason: string; at: Date }>(
          service.database,
          `SELECT state, disabled_reason AS reason, disabled_at AS at FROM webhook_endpoints WHERE id = $1`,
          [id],
        )
      )[0];
    await eventually(async () => (await isDisabled())?.state === 'disabled');
    expect(await isDisabled()).toMatchObject({ reason: 'gone', at: expect.any(Date) });
    await eventually(async () => (await tasksOf(id)).filter(({ state }) => state === 'dead').length === 1);
    const calls = receiver.received.length;
    await place();
    await retryNow();
    await sleep(700);
    expect(receiver.received).toHaveLength(calls);
    const [dead] = (await tasksOf(id)).filter(({ state }) => state === 'dead');
    expect(dead).toMatchObject({ lastError: 'answered 410', attempts: 1 });
    const failed = (await deliveriesOf(id)).filter(({ state }) => state === 'failed');
    expect(failed).toMatchObject([{ orderId: dead?.orderId, status: 410 }]);
    receiver.answer = () => ({ status: 200 });
    await change(id, `state = 'enabled', disabled_reason = NULL, disabled_at = NULL`);
    await retryNow();
    const healthy = dead?.orderId === first ? second : first;
    await eventually(() => versionsAt(receiver, healthy).at(-1) === 2);
  });

  it.each([
    ['7200', 7_000, 7_200],
    ['9999999', 86_000, 86_400],
  ])(
    'that answers 503 with Retry-After: %s is left alone for so long, and at most for a day',
    async (value, from, to) => {
      const receiver = await newReceiver();
      const id = await subscribe(receiver);
      receiver.answer = () => ({ status: 503, headers: { 'retry-after': value } });
      await place();
      const [task] = await eventually(async () => {
        const tasks = await tasksOf(id);
        return tasks[0]?.lastError === 'answered 503' ? tasks : undefined;
      });
      expect(task?.waits).toBeGreaterThan(from);
      expect(task?.waits).toBeLessThanOrEqual(to);
    },
  );

  it('that is disabled gets nothing; once enabled it gets all that it has missed', async () => {
    const receiver = await newReceiver();
    const id = await subscribe(receiver);
    receiver.answer = () => ({ status: 500 });
    const first = await place();
    await eventually(async () => (await tasksOf(id))[0]?.lastError === 'answered 500');
    await change(id, `state = 'disabled'`);
    receiver.answer = () => ({ status: 200 });
    await retryNow();
    const second = await place();
    await sleep(1_500);
    expect(receiver.received).toHaveLength(1);
    await change(id, `state = 'enabled'`);
    await retryNow();
    await eventually(() => receiver.received.length === 5);
    expect([versionsAt(receiver, first), versionsAt(receiver, second)]).toEqual([
      [1, 1, 2],
      [1, 2],
    ]);
  });

  it('that is deleted gets nothing more, and its running attempt ends', async () => {
    const receiver = await newReceiver();
    const id = await subscribe(receiver);
    receiver.answer = () => 'hang';
    const orderId = await place();
    await eventually(() => receiver.received.length === 1);
    await change(id, `state = 'deleted'`);
    receivers.splice(receivers.indexOf(receiver), 1);
    await receiver.close();
    // The removal of the endpoint, which comes within seconds, deletes its tasks.
    await eventually(async () => {
      const [task] = await tasksOf(id);
      return task === undefined || (task.lastError?.includes('broke') ?? false);
    });
    await retryNow();
    await sleep(700);
    // The second event may have come after the endpoint was deleted.
    const left = (await tasksOf(id)).filter((task) => task.seq === 1);
    if (left.length > 0) expect(left).toMatchObject([{ orderId, state: 'ready', attempts: 1 }]);
  });

  it('whose URL changes gets its retries there', async () => {
    const [old, next] = [await newReceiver(), await newReceiver()];
    const id = await subscribe(old, { secrets: [old, next].map(({ secret }) => storedSecret(secret)) });
    old.answer = () => 'reset';
    const orderId = await place();
    await eventually(async () => (await tasksOf(id))[0]?.attempts === 1 && old.received.length === 1);
    await selectRows(service.database, 'UPDATE webhook_endpoints SET url = $2 WHERE id = $1', [id, next.url]);
    await refresh();
    await eventually(async () => (await retryNow()) && versionsAt(next, orderId).length === 2);
  });

  it('that fails is tried by single calls until it is back', async () => {
    const receiver = await newReceiver();
    const id = await subscribe(receiver);
    receiver.answer = () => ({ status: 503 });
    for (let placed = 0; placed < 15; placed += 1) await place();
    await eventually(() => receiver.received.length >= 10);
    await retryNow();
    await sleep(500);
    const calls = receiver.received.length;
    await retryNow();
    await sleep(2_500);
    expect(receiver.received.length - calls).toBeLessThanOrEqual(4);
    receiver.answer = () => ({ status: 200 });
    await retryNow();
    await eventually(async () => (await retryNow()) && (await tasksOf(id)).length === 0);
  });
});
