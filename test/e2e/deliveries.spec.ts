import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  clearFaults,
  expectProblem,
  line,
  newProduct,
  orderBody,
  placeOrder,
  selectRows,
  statusesTold,
} from '../support/builders.js';
import { listIncidents, setStatus } from '../support/client.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

const UNKNOWN_ORDER = '01a1ffe2-9b80-748a-ba30-787d85a2b441';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.stop());

const place = (on = service) => placeOrder(on, orderBody([line(newProduct(on.sandbox))]));

interface Delivery {
  id: string;
  kind: string;
  status: string;
  attempts: number;
}

async function deliveriesOf(id: string, on = service): Promise<Delivery[]> {
  const { body } = await on.request('GET', `/orders/${id}/deliveries`);
  return body.deliveries as Delivery[];
}

const retry = (order: string, delivery: string, on = service) =>
  on.request('POST', `/orders/${order}/deliveries/${delivery}/retry`);

/** Waits until the only delivery of an order has a status. */
const onlyOne = (id: string, status: string, on = service): Promise<Delivery> =>
  eventually(async () => {
    const [delivery] = await deliveriesOf(id, on);
    return delivery?.status === status ? delivery : undefined;
  });

describe('GET /orders/{order_id}/deliveries', () => {
  it('lists completed deliveries', async () => {
    const id = await place();
    await setStatus(service, id, 'cancelled');
    const all = await eventually(async () => {
      const deliveries = await deliveriesOf(id);
      return deliveries.every(({ status }) => status === 'sent') ? deliveries : undefined;
    });
    expect(all.map(({ kind, attempts }) => `${kind} ${attempts}`).toSorted()).toEqual([
      'notification 1',
      'notification 1',
      'stock_release 1',
    ]);
    expect(all).toContainEqual(
      expect.objectContaining({ kind: 'notification', event_seq: 2, last_error: null }),
    );
    expect(all).toContainEqual(expect.objectContaining({ kind: 'notification', event_seq: 3 }));
  });

  it('lists a delivery that waits for a retry with its reason, and retries it at once on request', async () => {
    service.sandbox.services.notification.faults.add({ kind: 'status', status: 500 });
    const id = await place();
    await eventually(async () => (await deliveriesOf(id))[0]?.attempts === 1);
    const { id: delivery } = await onlyOne(id, 'waiting');
    // As after a long outage: the next attempt is due in an hour.
    await eventually(async () => {
      const rows = await selectRows(
        service.database,
        `UPDATE tasks SET run_at = now() + interval '1 hour' WHERE id = $1 AND lease_until IS NULL RETURNING 1`,
        [delivery],
      );
      return rows.length === 1;
    });
    expect((await deliveriesOf(id))[0]).toMatchObject({
      kind: 'notification',
      status: 'waiting',
      last_error: expect.stringContaining('500'),
      completed_at: null,
      next_attempt_at: expect.any(String),
    });
    clearFaults(service.sandbox);
    expectProblem(await retry(await place(), delivery), 404);
    const answer = await retry(id, delivery);
    expect([answer.status, answer.body.id]).toEqual([200, delivery]);
    await onlyOne(id, 'sent');
    expect(statusesTold(service.sandbox, id)).toEqual(['confirmed']);
    expectProblem(await retry(id, delivery), 409);
  });

  it('names the incident of a dead delivery', async () => {
    const impatient = await startTestService({ settings: { JOB_RETRY_LIMIT: '0' } });
    impatient.sandbox.services.notification.faults.add({ kind: 'status', status: 500 });
    const id = await place(impatient);
    const failed = await onlyOne(id, 'failed', impatient);
    const { incidents } = await listIncidents(impatient);
    expect(failed).toMatchObject({ incident_id: incidents[0]?.incident_id, attempts: 1 });
    expectProblem(await retry(id, failed.id, impatient), 409);
    await impatient.stop();
  });

  it('keeps deliveries after their tasks are finished', async () => {
    const brief = await startTestService();
    brief.sandbox.services.notification.faults.add({ kind: 'status', status: 500, times: 1 });
    const id = await place(brief);
    await setStatus(brief, id, 'cancelled');
    const sent = `SELECT 1 FROM deliveries WHERE order_id = $1`;
    await eventually(async () => (await selectRows(brief.database, sent, [id])).length === 3);
    const all = await deliveriesOf(id, brief);
    expect(all).toHaveLength(3);
    expect(all).toContainEqual(
      expect.objectContaining({ kind: 'notification', status: 'sent', event_seq: 2, attempts: 2 }),
    );
    expect(all).toContainEqual(
      expect.objectContaining({ kind: 'notification', status: 'sent', event_seq: 3, attempts: 1 }),
    );
    expect(all).toContainEqual(expect.objectContaining({ kind: 'stock_release', status: 'sent' }));
    await brief.stop();
  });

  it('lists the oldest delivery first, also when a later one was completed earlier', async () => {
    const brief = await startTestService();
    brief.sandbox.services.notification.faults.add({ kind: 'status', status: 500 });
    const id = await place(brief);
    await eventually(async () => (await deliveriesOf(id, brief)).length === 1);
    await setStatus(brief, id, 'cancelled');
    const release = `SELECT 1 FROM deliveries WHERE order_id = $1 AND queue = 'release-stock'`;
    await eventually(async () => (await selectRows(brief.database, release, [id])).length === 1);
    const kinds = (await deliveriesOf(id, brief)).map(({ kind, status }) => `${kind} ${status}`);
    expect(kinds[0]).toBe('notification waiting');
    expect(kinds).toContain('stock_release sent');
    await brief.stop();
  });

  it.each([UNKNOWN_ORDER, 'x'])('returns 404 for an unknown order: %s', async (id) => {
    expectProblem(await service.request('GET', `/orders/${id}/deliveries`), 404);
    expectProblem(await retry(id, UNKNOWN_ORDER), 404);
  });
});
