import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem, line, newProduct, orderBody, placeOrder, selectRows } from '../support/builders.js';
import { listEvents, listIncidents, succeeded } from '../support/client.js';
import { settleIncident } from '../support/incidents.js';
import { eventually, startTestService, type TestService } from '../support/service.js';
import {
  deliveryStates,
  insertDelivery,
  insertWebhookTasks,
  WEBHOOK_ERROR,
} from '../support/webhook-rows.js';
import { insertEndpoint } from '../support/webhooks.js';

let service: TestService;
let endpoints: string[];

beforeAll(async () => {
  service = await startTestService();
  const insert = () => insertEndpoint(service.database, { state: 'disabled' });
  endpoints = [await insert(), await insert()].toSorted();
});
afterEach(() => selectRows(service.database, `DELETE FROM tasks WHERE kind LIKE 'webhook:%' RETURNING 1`));
afterAll(() => service.stop());

/** An order whose first event every endpoint has failed to receive, while the second one waits behind it. */
async function placeFailed(error = WEBHOOK_ERROR): Promise<string> {
  const orderId = await placeOrder(service, orderBody([line(newProduct(service.sandbox))]));
  for (const endpointId of endpoints) {
    await insertWebhookTasks(
      service.database,
      [
        { orderId, endpointId, seq: 1, state: 'dead' },
        { orderId, endpointId, seq: 2, state: 'blocked' },
      ],
      error,
    );
    await insertDelivery(service.database, { orderId, endpointId, seq: 1 }, 'failed');
  }
  return orderId;
}

const listFailed = (query: { limit?: number; cursor?: string; order_id?: string } = {}) =>
  listIncidents(service, { kind: 'webhook_failed', ...query });

const idOf = (orderId: string, endpointId: string, round = 1): string =>
  `webhook_failed-${orderId}-${endpointId}-1-${round}`;

/** States of the tasks of an endpoint about an order, by event. */
async function taskStates(orderId: string, endpointId: string): Promise<string[]> {
  const rows = await selectRows<{ state: string }>(
    service.database,
    `SELECT seq || ' ' || state AS state FROM tasks WHERE order_id = $1 AND kind = 'webhook:' || $2 ORDER BY seq`,
    [orderId, endpointId],
  );
  return rows.map(({ state }) => state);
}

describe('a dead delivery to a webhook', () => {
  it('is an incident of its own for each endpoint', async () => {
    const orderId = await placeFailed();
    const { incidents } = await listFailed({ order_id: orderId });
    expect(incidents).toMatchObject(
      endpoints.map((endpoint) => ({
        incident_id: idOf(orderId, endpoint),
        kind: 'webhook_failed',
        endpoint_id: endpoint,
        event_seq: 1,
        reason: WEBHOOK_ERROR,
        attempts: 80,
        actions: [{ action: 'retry' }, { action: 'write_off' }],
      })),
    );
  });

  it('is found once on the pages of the list, also where a page ends between endpoints of one order', async () => {
    const orders = [await placeFailed(), await placeFailed()];
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await listFailed({ limit: 1, ...(cursor !== undefined && { cursor }) });
      found.push(...page.incidents.map((incident) => incident.incident_id));
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    expect(found).toEqual(orders.flatMap((order) => endpoints.map((endpoint) => idOf(order, endpoint))));
  });

  it('is listed and resolved in bulk by its endpoint, without those of other endpoints', async () => {
    const orders = [await placeFailed(), await placeFailed()];
    const [one = '', other = ''] = endpoints;
    for (const query of [{ kind: 'webhook_failed', endpoint_id: one }, { endpoint_id: one }] as const) {
      const { incidents } = await listIncidents(service, query);
      expect(incidents.map(({ incident_id: id }) => id)).toEqual(orders.map((order) => idOf(order, one)));
    }
    const ofOrder = await listIncidents(service, { order_id: orders[0] ?? '', endpoint_id: other });
    expect(ofOrder.incidents).toMatchObject([{ endpoint_id: other }]);
    const cause = ofOrder.incidents[0]?.cause ?? '';
    const body = { action: 'write_off', kind: 'webhook_failed', endpoint_id: one, cause } as const;
    expect(await succeeded(service.api.POST('/operations/incidents/bulk', { body }))).toEqual({
      action: 'write_off',
      kind: 'webhook_failed',
      endpoint_id: one,
      cause,
      changed: 2,
      remaining: 0,
    });
    for (const order of orders) {
      expect(await taskStates(order, one)).toEqual(['2 ready']);
      expect(await taskStates(order, other)).toEqual(['1 dead', '2 blocked']);
    }
  });

  it('is of no other kind: an endpoint with one is refused', async () => {
    const [id = ''] = endpoints;
    const query = `kind=notification&endpoint_id=${id}`;
    expectProblem(await service.request('GET', `/operations/incidents?${query}`), 400, ['endpoint_id']);
    const body = { action: 'retry', kind: 'notification', endpoint_id: id };
    const path = '/operations/incidents/bulk';
    expectProblem(await service.request('POST', path, body), 400, ['endpoint_id']);
    expectProblem(await service.request('POST', path, { ...body, endpoint_id: 'x' }), 400, ['endpoint_id']);
  });

  it('is no incident once its endpoint is deleted', async () => {
    const deleted = await insertEndpoint(service.database, { state: 'deleted' });
    const orderId = await placeOrder(service);
    await insertWebhookTasks(service.database, [{ orderId, endpointId: deleted, seq: 1, state: 'dead' }]);
    expect((await listFailed({ order_id: orderId })).incidents).toEqual([]);
  });

  it('is sent again by `retry`, and the same decision again has no further effect', async () => {
    const orderId = await placeFailed();
    const [one = '', other = ''] = endpoints;
    for (const _ of [1, 2]) {
      const { status, body } = await settleIncident(service, idOf(orderId, one), 'retry', 'It is back');
      expect([status, body.result]).toEqual([200, 'The event is being sent again.']);
    }
    expect(await taskStates(orderId, one)).toEqual(['1 ready', '2 blocked']);
    expect(await taskStates(orderId, other)).toEqual(['1 dead', '2 blocked']);
    expect(await deliveryStates(service.database, orderId)).toEqual(['retrying', 'failed']);
    const events = await listEvents(service, orderId);
    expect(events.filter(({ type }) => type === 'incident_settled')).toMatchObject([
      {
        reason: 'It is back',
        data: { incident: idOf(orderId, one), kind: 'webhook_failed', action: 'retry' },
      },
    ]);
  });

  it('is skipped by `write_off`, which lets the next event of the endpoint go', async () => {
    const orderId = await placeFailed();
    const [one = '', other = ''] = endpoints;
    expect((await settleIncident(service, idOf(orderId, one), 'write_off')).status).toBe(200);
    expect(await taskStates(orderId, one)).toEqual(['2 ready']);
    expect(await taskStates(orderId, other)).toEqual(['1 dead', '2 blocked']);
    expect(await deliveryStates(service.database, orderId)).toEqual(['skipped', 'failed']);
    expectProblem(await settleIncident(service, idOf(orderId, one), 'retry'), 409);
  });

  it('is another incident when it fails again', async () => {
    const orderId = await placeFailed();
    const [one = ''] = endpoints;
    await settleIncident(service, idOf(orderId, one), 'retry');
    await selectRows(
      service.database,
      `UPDATE tasks SET state = 'dead', dead_at = now(), lease_version = lease_version + 1
       WHERE order_id = $1 AND seq = 1 AND state = 'ready' RETURNING 1`,
      [orderId],
    );
    const { incidents } = await listFailed({ order_id: orderId });
    expect(incidents.map((incident) => incident.incident_id)).toContain(idOf(orderId, one, 2));
  });

  it.each([
    ['without an endpoint', (order: string) => `webhook_failed-${order}-1-1`],
    ['of another endpoint', (order: string) => idOf(order, '0198c7a0-0000-4000-8000-000000000000')],
    ['of another kind with an endpoint', (order: string) => `notification-${order}-${order}-1-1`],
  ])('is not found by an id %s', async (_, id) => {
    const orderId = await placeFailed();
    expectProblem(await settleIncident(service, id(orderId), 'retry'), 404);
  });
});

describe('dead deliveries to webhooks with one cause', () => {
  const cause = 'webhook endpoint: answered 503';

  it('are counted for each endpoint', async () => {
    await placeFailed();
    await placeFailed('webhook endpoint: no answer within 9999 ms');
    await placeFailed('webhook endpoint: no answer within 9871 ms');
    const { causes } = await succeeded(service.api.GET('/operations/incidents/causes', {}));
    const found = causes.map(({ kind, endpoint_id: id, count }) => `${count} ${kind} ${id ?? ''}`);
    const expected = [2, 1].flatMap((count) => endpoints.map((id) => `${count} webhook_failed ${id}`));
    expect(found.toSorted()).toEqual(expected.toSorted());
    expect(causes[0]?.bulk_actions).toMatchObject([{ action: 'retry' }, { action: 'write_off' }]);
  });

  it.each([
    ['retry', ['1 ready', '2 blocked'], 'retrying'],
    ['write_off', ['2 ready'], 'skipped'],
  ] as const)(
    'are all resolved by one call of %s, several of one order too',
    async (action, tasks, state) => {
      const orders = [await placeFailed(), await placeFailed(), await placeFailed()];
      const other = await placeFailed('webhook endpoint: answered 500');
      const body = { action, kind: 'webhook_failed', cause } as const;
      expect(await succeeded(service.api.POST('/operations/incidents/bulk', { body }))).toMatchObject({
        changed: orders.length * endpoints.length,
        remaining: 0,
      });
      for (const order of orders) {
        expect(await deliveryStates(service.database, order)).toEqual([state, state]);
        for (const endpoint of endpoints) expect(await taskStates(order, endpoint)).toEqual(tasks);
      }
      expect(await deliveryStates(service.database, other)).toEqual(['failed', 'failed']);
    },
  );
});

async function deliveriesOf(orderId: string) {
  const params = { path: { order_id: orderId } };
  const { deliveries } = await succeeded(service.api.GET('/orders/{order_id}/deliveries', { params }));
  return deliveries.filter(({ kind }) => kind === 'webhook');
}

describe('deliveries of an order', () => {
  it('list the events for each endpoint: waiting, failed with their incident, sent and skipped', async () => {
    const orderId = await placeFailed();
    const [one = '', other = ''] = endpoints;
    await settleIncident(service, idOf(orderId, one), 'write_off');
    const place = { orderId, endpointId: one, seq: 3 };
    await insertDelivery(service.database, place, 'delivered');
    const deliveries = await deliveriesOf(orderId);
    const states = deliveries.map(({ endpoint_id: at, event_seq: seq, status }) => `${at} ${seq} ${status}`);
    expect(states.toSorted()).toEqual([
      `${one} 1 skipped`,
      `${one} 2 waiting`,
      `${one} 3 sent`,
      `${other} 1 failed`,
      `${other} 2 waiting`,
    ]);
    expect(deliveries.find(({ status }) => status === 'failed')).toMatchObject({
      incident_id: idOf(orderId, other),
      last_error: WEBHOOK_ERROR,
      attempts: 80,
    });
  });

  it('keep the id of an event that is sent again', async () => {
    const orderId = await placeOrder(service);
    const place = { orderId, endpointId: endpoints[0] ?? '', seq: 1 };
    await insertDelivery(service.database, place, 'delivered');
    const [sent] = await deliveriesOf(orderId);
    await insertWebhookTasks(service.database, [{ ...place, state: 'ready' }]);
    expect(await deliveriesOf(orderId)).toMatchObject([{ id: sent?.id, status: 'waiting' }]);
  });

  it('are tried at once on request while they wait for their next attempt', async () => {
    const orderId = await placeOrder(service);
    await insertWebhookTasks(service.database, [
      { orderId, endpointId: endpoints[0] ?? '', seq: 1, state: 'ready' },
    ]);
    await selectRows(service.database, `UPDATE tasks SET attempts = 3 WHERE order_id = $1 RETURNING 1`, [
      orderId,
    ]);
    const [waiting] = await deliveriesOf(orderId);
    const path = `/orders/${orderId}/deliveries/${waiting?.id}/retry`;
    expect(await service.request('POST', path)).toMatchObject({ status: 200, body: { id: waiting?.id } });
    const due = `SELECT 1 FROM tasks WHERE order_id = $1 AND kind LIKE 'webhook:%' AND run_at <= now()`;
    await eventually(async () => (await selectRows(service.database, due, [orderId])).length === 1);
  });
});
