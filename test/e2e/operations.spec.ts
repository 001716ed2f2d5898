import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  clearFaults,
  endOutage,
  expectProblem,
  line,
  newProduct,
  orderBody,
  placeOrder,
  statusesTold,
  stockOf,
} from '../support/builders.js';
import { findIncidents, settleIncident } from '../support/incidents.js';
import { queryDatabase } from '../support/invariants.js';
import {
  type Incident,
  type IncidentList,
  listEvents,
  listIncidents,
  type OrderEvent,
  setStatus,
  succeeded,
} from '../support/client.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

/** Tasks exhaust their attempts at once. */
const IMPATIENT = { JOB_RETRY_LIMIT: '0', JOB_RETRY_MAX_SECONDS: '1' };

let service: TestService;

beforeAll(async () => {
  service = await startTestService({ settings: IMPATIENT });
});

afterEach(() => clearFaults(service.sandbox));
afterAll(() => service.stop());

const incidentsOf = (orderId: string) => findIncidents(service, orderId);

/** Waits for the only incident of an order. */
async function incidentOf(orderId: string): Promise<Incident> {
  return eventually(async () => (await incidentsOf(orderId))[0]);
}

const settle = (id: string, action: string, reason?: string) => settleIncident(service, id, action, reason);

async function settledEvents(orderId: string): Promise<OrderEvent[]> {
  const events = await listEvents(service, orderId);
  return events.filter((event) => event.type === 'incident_settled');
}

const place = () => placeOrder(service, orderBody([line(newProduct(service.sandbox))]));

/** An order whose notification ran out of attempts during an outage of the notification service. */
async function placeUntold(): Promise<string> {
  service.sandbox.services.notification.faults.add({ kind: 'status', status: 500 });
  const id = await place();
  await setStatus(service, id, 'shipped');
  await incidentOf(id);
  return id;
}

describe('GET /operations/incidents', () => {
  it('returns an empty list without incidents', async () => {
    const empty = await startTestService();
    expect(await listIncidents(empty)).toEqual({ count: 0, incidents: [], next_cursor: null });
    await empty.stop();
  });

  it('returns the incidents of one order with order_id, and 400 for an invalid id', async () => {
    const [id] = [await placeUntold(), await placeUntold()];
    const own = await listIncidents(service, { order_id: id, limit: 1 });
    expect(own).toMatchObject({ incidents: [{ order_id: id }], next_cursor: null });
    expect((await service.request('GET', '/operations/incidents?order_id=42')).status).toBe(400);
    for (const one of (await listIncidents(service)).incidents)
      await settle(one.incident_id, 'write_off', 'Done');
  });

  it('returns the subject, reason, time and actions of an incident', async () => {
    // With an open circuit that would be the reason.
    await endOutage(service);
    const id = await placeUntold();
    expect(await incidentOf(id)).toEqual({
      incident_id: `notification-${id}-2-1`,
      kind: 'notification',
      order_id: id,
      event_seq: 2,
      reason: 'notification service: answered 500',
      cause: 'notification service: answered 500',
      attempts: 1,
      since: expect.stringMatching(/Z$/),
      age_seconds: expect.any(Number),
      actions: [
        { action: 'retry', description: expect.stringContaining('again') },
        { action: 'write_off', description: expect.stringContaining('not notified') },
      ],
    });
    expect(JSON.stringify(await incidentsOf(id))).not.toMatch(/Alice|example\.com/);
  });

  it('returns pages with the oldest orders first, and filters by kind', async () => {
    const ids = [await placeUntold(), await placeUntold(), await placeUntold()];
    const all = await listIncidents(service, { kind: 'notification' });
    const listed = all.incidents.map((incident) => incident.order_id);
    expect(listed).toEqual(listed.toSorted());
    expect(listed).toEqual(expect.arrayContaining(ids));

    const paged: string[] = [];
    let cursor: string | null = null;
    do {
      const page: IncidentList = await listIncidents(service, { limit: 2, ...(cursor && { cursor }) });
      expect(page.count).toBe(page.incidents.length);
      expect(page.count).toBeLessThanOrEqual(2);
      paged.push(...page.incidents.map((incident) => incident.order_id));
      cursor = page.next_cursor;
    } while (cursor);
    expect(paged).toEqual(listed);
    expect(await listIncidents(service, { kind: 'reservation' })).toMatchObject({ count: 0 });
  });

  it('returns 400 for an invalid query', async () => {
    expectProblem(await service.request('GET', '/operations/incidents?kind=fire'), 400, ['kind']);
    expectProblem(await service.request('GET', '/operations/incidents?cursor=1'), 400, ['cursor']);
    expectProblem(await service.request('GET', '/operations/incidents?limit=0'), 400, ['limit']);
  });
});

describe('notification that ran out of attempts', () => {
  it('is sent once after a retry, before later notifications of the order', async () => {
    const id = await placeUntold();
    await endOutage(service);
    const { incident_id } = await incidentOf(id);
    expect(statusesTold(service.sandbox, id)).toEqual([]);

    const answers = await Promise.all([1, 2, 3].map(() => settle(incident_id, 'retry', 'It is back')));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(answers[0]?.body).toMatchObject({
      incident_id,
      kind: 'notification',
      order_id: id,
      action: 'retry',
      reason: 'It is back',
      actor: 'anonymous',
    });
    await eventually(() => statusesTold(service.sandbox, id).length === 2);
    expect(statusesTold(service.sandbox, id)).toEqual(['confirmed', 'shipped']);

    const late = await settle(incident_id, 'retry', 'It is back');
    expect(late.body).toEqual(answers[0]?.body);
    expect(await settledEvents(id)).toMatchObject([
      { actor: 'anonymous', reason: 'It is back', data: { incident: incident_id, action: 'retry' } },
    ]);
    const messages = service.sandbox.notifications.messages.all().filter((m) => m.order_id === id);
    expect(messages).toHaveLength(2);
    expect(await incidentsOf(id)).toEqual([]);
  });

  it('blocks later notifications of the order until it is written off', async () => {
    const id = await placeUntold();
    await endOutage(service);
    // A notification of another order that is sent now shows that the queue was polled.
    const other = await place();
    await eventually(() => statusesTold(service.sandbox, other).length === 1);
    expect(statusesTold(service.sandbox, id)).toEqual([]);

    const { incident_id } = await incidentOf(id);
    expect((await settle(incident_id, 'write_off')).status).toBe(200);
    await eventually(() => statusesTold(service.sandbox, id).length === 1);
    expect(statusesTold(service.sandbox, id)).toEqual(['shipped']);
    const otherAction = await settle(incident_id, 'retry');
    expectProblem(otherAction, 409);
    expect(otherAction.body).toMatchObject({ allowed_actions: [], settled_by: 'write_off' });
  });

  it('opens a new incident when the retry fails; resolving the first one again has no effect', async () => {
    const id = await placeUntold();
    const first = await incidentOf(id);
    await settle(first.incident_id, 'retry');
    const second = await eventually(async () =>
      (await incidentsOf(id)).find(({ incident_id }) => incident_id !== first.incident_id),
    );
    expect(second.incident_id).toBe(`notification-${id}-2-2`);
    expect((await settle(first.incident_id, 'retry')).status).toBe(200);
    expect(await settledEvents(id)).toHaveLength(1);
    expect(await incidentsOf(id)).toHaveLength(1);
  });

  it('is retried by a redrive of all', async () => {
    const ids = [await placeUntold(), await placeUntold()];
    await endOutage(service);
    const before = await listIncidents(service, { limit: 200 });
    const redrive = (body?: { reason: string }) =>
      succeeded(service.api.POST('/operations/notifications/redrive', body ? { body } : {}));
    expect(await redrive({ reason: 'Back' })).toEqual({ count: before.count, more: false });
    for (const id of ids) {
      await eventually(() => statusesTold(service.sandbox, id).length === 2);
      expect(statusesTold(service.sandbox, id)).toEqual(['confirmed', 'shipped']);
      expect(await settledEvents(id)).toMatchObject([{ reason: 'Back' }]);
    }
    expect(await redrive()).toEqual({ count: 0, more: false });
  });
});

/** An order whose stock release ran out of attempts during an outage of the inventory. */
async function cancelInVain(product: string): Promise<Incident> {
  const id = await placeOrder(service, orderBody([line(product, 4)]));
  service.sandbox.services.inventory.faults.add({ kind: 'away' });
  await setStatus(service, id, 'cancelled');
  return eventually(async () => (await incidentsOf(id)).find(({ kind }) => kind === 'stock_release'));
}

describe('stock release that ran out of attempts', () => {
  it('is retried on request', async () => {
    const product = newProduct(service.sandbox);
    const { incident_id, reason } = await cancelInVain(product);
    expect(reason).toContain('inventory service');
    await endOutage(service);
    expect((await settle(incident_id, 'retry')).status).toBe(200);
    await eventually(() => stockOf(service.sandbox, product) === 10);
  });

  it('can be written off without a call', async () => {
    const product = newProduct(service.sandbox);
    const { incident_id, order_id } = await cancelInVain(product);
    await endOutage(service);
    expect((await settle(incident_id, 'write_off', 'Broken in the warehouse')).status).toBe(200);
    const lines = await queryDatabase(
      service.database.url,
      'SELECT reservation FROM order_items WHERE order_id = $1',
      [order_id],
    );
    expect(lines).toEqual([{ reservation: 'released' }]);
    expect(stockOf(service.sandbox, product)).toBe(6);
    expect(await settledEvents(order_id)).toMatchObject([
      { data: { units_perhaps_held: [{ line: 1, product_id: product, quantity: 4 }] } },
    ]);
    expect((await incidentsOf(order_id)).filter(({ kind }) => kind === 'stock_release')).toEqual([]);
  });
});

describe('incident', () => {
  it.each([
    'notification-00000000-0000-7000-8000-000000000000-2-1',
    'fire-00000000-0000-7000-8000-000000000000-2-1',
    'nonsense',
  ])('that never existed returns 404: %s', async (id) => {
    const answer = await settle(id, 'retry');
    expectProblem(answer, 404);
    expect(answer.body.type).toBe('/problems/incident-not-found');
  });

  it('that never existed returns 404 for an existing order too', async () => {
    const id = await place();
    await eventually(() => statusesTold(service.sandbox, id).length === 1);
    for (const wrong of [`notification-${id}-2-1`, `reservation-${id}-1-1`, `pending_order-${id}-0-1`]) {
      expectProblem(await settle(wrong, 'retry'), 404);
    }
  });

  it('rejects an action that it does not offer', async () => {
    const id = await placeUntold();
    const { incident_id } = await incidentOf(id);
    const answer = await settle(incident_id, 'release');
    expectProblem(answer, 409);
    expect(answer.body).toMatchObject({
      type: '/problems/action-not-allowed',
      allowed_actions: ['retry', 'write_off'],
    });
    expectProblem(await settle(incident_id, 'burn'), 400, ['action']);
    expectProblem(await settle(incident_id, 'retry', 'x'.repeat(501)), 400, ['reason']);
    expect(await settledEvents(id)).toEqual([]);
  });
});

describe('incident metrics', () => {
  it('count incidents by kind and waiting tasks by queue', async () => {
    await placeUntold();
    const text = await eventually(async () => {
      const { body } = await service.request('GET', '/metrics');
      return /order_incidents\{kind="notification"\} [1-9]/.test(body) && String(body);
    });
    expect(text).toMatch(/order_incidents\{kind="reservation"\} 0/);
    expect(text).toMatch(/order_incident_oldest_age_seconds\{kind="notification"\} \d/);
    expect(text).toMatch(/jobs_waiting\{queue="notify"\} \d/);
    expect(text).toMatch(/jobs_waiting_oldest_age_seconds\{queue="notify"\} \d*\.?\d/);
    expect(text).toMatch(/stock_drift_report_age_seconds -1/);
    expect(text).toMatch(/orders_pending 0/);
  });
});
