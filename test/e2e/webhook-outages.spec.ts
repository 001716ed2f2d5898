import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import { EndpointRegistry } from '../../src/webhooks/delivery/endpoint-registry.js';
import { WebhookDispatcher } from '../../src/webhooks/dispatch/webhook-dispatcher.js';
import { ANSWERS_LOCK } from '../../src/webhooks/history/webhook-history.repository.js';
import { line, newProduct, orderBody, placeOrder, selectRows } from '../support/builders.js';
import { parseMetrics } from '../support/metrics.js';
import { eventually, startTestService, type TestService } from '../support/service.js';
import { deleteWebhooks } from '../support/webhook-api.js';
import { deliveryStates, insertDelivery, insertWebhookTasks } from '../support/webhook-rows.js';
import {
  type EndpointValues,
  insertEndpoint,
  listWebhookDeliveries,
  listWebhookTasks,
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
  await deleteWebhooks(service);
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
  await service.app.get(EndpointRegistry).refresh();
  service.app.get(WebhookDispatcher).wake();
  return id;
}

const place = (): Promise<string> => placeOrder(service, orderBody([line(newProduct(service.sandbox))]));
const tasksOf = (id: string) => listWebhookTasks(service.database, id);
const post = (id: string, action: string) => service.request('POST', `/webhooks/${id}/${action}`);

/** Delays the retries of deliveries, as many failed attempts do. */
const postpone = () =>
  selectRows(
    service.database,
    `UPDATE tasks SET run_at = now() + interval '1 hour' WHERE kind LIKE 'webhook:%' AND lease_until IS NULL`,
  );

describe('an endpoint of webhooks', () => {
  it('that answers 429 with Retry-After gets no other event before, and all of them after a change', async () => {
    const receiver = await newReceiver();
    const id = await subscribe(receiver);
    receiver.answer = () => ({ status: 429, headers: { 'retry-after': '7200' } });
    await place();
    await eventually(async () => (await tasksOf(id))[0]?.lastError === 'answered 429');
    receiver.answer = () => ({ status: 200 });
    const calls = receiver.received.length;
    await place();
    await eventually(async () => (await tasksOf(id)).length === 4);
    await sleep(1_500);
    expect(receiver.received).toHaveLength(calls);
    expect((await tasksOf(id)).filter(({ attempts }) => attempts > 0)).toHaveLength(1);
    await service.request('PATCH', `/webhooks/${id}`, { description: 'Larger now' });
    await eventually(async () => (await tasksOf(id)).length === 0);
    expect(receiver.received).toHaveLength(calls + 4);
  });

  it('that is enabled gets the events at once that waited for their next attempts', async () => {
    const receiver = await newReceiver();
    const id = await subscribe(receiver);
    receiver.answer = () => ({ status: 500 });
    await place();
    await eventually(async () => (await tasksOf(id))[0]?.lastError === 'answered 500');
    await post(id, 'disable');
    await postpone();
    receiver.answer = () => ({ status: 200 });
    await post(id, 'enable');
    await eventually(async () => (await tasksOf(id)).length === 0);
  });

  it.each([
    ['at the same place of the feed', false],
    ['that are further behind', true],
  ])('with an error of its own does not stop the events of others %s', async (_, isBehind) => {
    jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const [broken, receiver] = [await newReceiver(), await newReceiver()];
    await subscribe(receiver, { state: 'disabled' });
    const id = await subscribe(broken, { state: 'disabled' });
    const lastNo = async () => (await service.request('GET', '/events?limit=1')).body.last_feed_no as number;
    const before = await lastNo();
    await place();
    await eventually(async () => (await lastNo()) === before + 2);
    if (isBehind)
      await selectRows(service.database, 'UPDATE webhook_endpoints SET read_until = $1 WHERE id = $2', [
        before + 1,
        id,
      ]);
    await selectRows(
      service.database,
      `CREATE FUNCTION refuse_cursor() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$`,
    );
    await selectRows(
      service.database,
      `CREATE TRIGGER refuse_cursor BEFORE UPDATE OF read_until ON webhook_endpoints FOR EACH ROW
       WHEN (OLD.id = '${id}') EXECUTE FUNCTION refuse_cursor()`,
    );
    await selectRows(
      service.database,
      `UPDATE webhook_endpoints SET state = 'enabled' WHERE state = 'disabled'`,
    );
    await service.app.get(EndpointRegistry).refresh();
    service.app.get(WebhookDispatcher).wake();
    await eventually(() => receiver.received.length === 2);
    await place();
    await eventually(() => receiver.received.length === 4);
    expect(broken.received).toEqual([]);
    await selectRows(service.database, 'DROP FUNCTION refuse_cursor CASCADE');
    await eventually(() => broken.received.length === (isBehind ? 3 : 4));
    jest.restoreAllMocks();
  });
});

const ageOf = async (id: string): Promise<number | undefined> =>
  parseMetrics(String((await service.request('GET', '/metrics')).body)).find(
    ({ name, labels }) => name === 'webhook_oldest_undelivered_age_seconds' && labels['endpoint'] === id,
  )?.value;

describe('the age of the oldest undelivered event', () => {
  it('includes endpoints that are gone, with events that they have not read, and none that a person disabled', async () => {
    const receiver = await newReceiver();
    const id = await subscribe(receiver);
    receiver.answer = () => ({ status: 410 });
    await place();
    await eventually(async () => (await tasksOf(id)).some(({ state }) => state === 'dead'));
    await selectRows(service.database, `DELETE FROM tasks WHERE kind = 'webhook:' || $1`, [id]);
    await place();
    await eventually(async () => ((await ageOf(id)) ?? 0) > 0);
    receiver.answer = () => ({ status: 200 });
    await post(id, 'enable');
    await post(id, 'disable');
    // The figures are measured every few seconds.
    await eventually(async () => (await ageOf(id)) === undefined);
  });
});

describe('the record of a delivery', () => {
  it('is `failed` where the process died in the last attempt', async () => {
    const endpointId = await subscribe(await newReceiver(), { state: 'disabled' });
    const orderId = await place();
    await insertWebhookTasks(service.database, [{ orderId, endpointId, seq: 1, state: 'ready' }]);
    await insertDelivery(service.database, { orderId, endpointId, seq: 1 }, 'retrying');
    await selectRows(
      service.database,
      `UPDATE tasks SET attempts = max_attempts, run_at = now(), lease_until = now() WHERE kind = 'webhook:' || $1`,
      [endpointId],
    );
    await post(endpointId, 'enable');
    await eventually(async () => (await tasksOf(endpointId)).some(({ state }) => state === 'dead'));
    expect(await deliveryStates(service.database, orderId)).toEqual(['failed']);
  });

  it('that waits for a lock holds up no other delivery, and is written in the end', async () => {
    const receiver = await newReceiver();
    const id = await subscribe(receiver, { state: 'disabled' });
    const orders = [await place(), await place(), await place()];
    const locked = orders[0] ?? '';
    const holder = new Client({ connectionString: service.database.url });
    await holder.connect();
    await holder.query('SELECT pg_advisory_lock($1, hashtext($2))', [ANSWERS_LOCK, locked]);
    await post(id, 'enable');
    const recorded = async () =>
      (await listWebhookDeliveries(service.database, id)).map(({ orderId }) => orderId);
    await eventually(async () => (await tasksOf(id)).length === 0, 10_000);
    await eventually(async () => (await recorded()).length === 4, 10_000);
    expect(await recorded()).not.toContain(locked);
    await holder.end();
    await eventually(async () => (await recorded()).length === 6, 10_000);
    expect(await listWebhookDeliveries(service.database, id)).toEqual(
      Array.from({ length: 6 }, () => expect.objectContaining({ state: 'delivered', attempts: 1 })),
    );
  }, 40_000);
});
