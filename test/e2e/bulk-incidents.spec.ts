import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MAX_REASONS } from '../../src/operations/incidents/dead-tasks.js';
import {
  clearFaults,
  endOutage,
  expectProblem,
  line,
  newProduct,
  orderBody,
  placeOrder,
  statusesTold,
} from '../support/builders.js';
import { listEvents, type OrderEvent, setStatus, succeeded } from '../support/client.js';
import { findIncidents, settleIncident } from '../support/incidents.js';
import { queryDatabase } from '../support/invariants.js';
import { insertOrders } from '../support/many-orders.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

/** Tasks exhaust their attempts at once. */
const IMPATIENT = { JOB_RETRY_LIMIT: '0', JOB_RETRY_MAX_SECONDS: '1' };

const ANSWERED_500 = 'notification service: answered 500';
const TIMED_OUT = 'notification service: no answer within * ms';

let service: TestService;

beforeAll(async () => {
  service = await startTestService({ settings: IMPATIENT });
});
beforeEach(() => void service.sandbox.services.notification.faults.add({ kind: 'status', status: 500 }));
afterEach(async () => {
  clearFaults(service.sandbox);
  await queryDatabase(service.database.url, `DELETE FROM tasks`);
});
afterAll(() => service.stop());

interface Bulk {
  action: 'retry' | 'write_off';
  kind: 'notification' | 'stock_release' | 'cart_checkout';
  cause?: string;
  limit?: number;
  reason?: string;
}

const resolveAll = (body: Bulk) => succeeded(service.api.POST('/operations/incidents/bulk', { body }));
const listCauses = () => succeeded(service.api.GET('/operations/incidents/causes', {}));

/** An order whose first notification is dead, for this reason, while a second one waits behind it. */
async function placeUntold(reason = ANSWERED_500): Promise<string> {
  const id = await placeOrder(service, orderBody([line(newProduct(service.sandbox))]));
  await setStatus(service, id, 'shipped');
  await eventually(async () => (await findIncidents(service, id))[0]);
  const setReason = `UPDATE tasks SET last_error = $2 WHERE order_id = $1 AND state = 'dead'`;
  await queryDatabase(service.database.url, setReason, [id, reason]);
  return id;
}

/** Ends the outage. Orders that were placed to see whether it has ended may have become incidents too. */
async function endOutageOf(ids: readonly string[]): Promise<void> {
  await endOutage(service);
  const others = `DELETE FROM tasks WHERE state = 'dead' AND order_id <> ALL ($1)`;
  await queryDatabase(service.database.url, others, [ids]);
}

async function resolvedEvents(id: string): Promise<OrderEvent[]> {
  return (await listEvents(service, id)).filter(({ type }) => type === 'incident_settled');
}

async function countWriteOffs(): Promise<number> {
  const { body } = await service.request('GET', '/metrics');
  const name = 'order_incidents_resolved_total{kind="notification",action="write_off"}';
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(String(body))?.[1] ?? 0);
}

/** Dead notifications whose reasons all differ, and have one cause. */
async function insertDead(count: number): Promise<void> {
  const ids = await insertOrders(service.database, count);
  await queryDatabase(
    service.database.url,
    `INSERT INTO tasks (order_id, lane, seq, id, kind, payload, state, run_at, lease_version, attempts, max_attempts,
       last_error, created_at, dead_at)
     SELECT id, 'notification', 1, gen_random_uuid(), 'notify', '{}', 'dead', now(), 1, 1, 1,
       'order ' || id || ' keeps changing', now(), now()
     FROM unnest($1::uuid[]) AS id`,
    [ids],
  );
}

describe('GET /operations/incidents/causes', () => {
  it('returns no causes without incidents', async () => {
    expect(await listCauses()).toEqual({ count: 0, causes: [] });
  });

  it('counts incidents by kind and normalised reason, with the actions on all of them', async () => {
    await placeUntold('notification service: no answer within 9871 ms');
    await placeUntold('notification service: no answer within 9999 ms');
    await placeUntold();
    expect(await listCauses()).toMatchObject({
      count: 3,
      causes: [
        {
          kind: 'notification',
          cause: TIMED_OUT,
          count: 2,
          bulk_actions: [{ action: 'retry' }, { action: 'write_off' }],
        },
        { kind: 'notification', cause: ANSWERED_500, count: 1 },
      ],
    });
  });

  it('counts lines in doubt without an action on all of them', async () => {
    const product = newProduct(service.sandbox);
    const id = await placeOrder(service, orderBody([line(product, 2)]));
    service.sandbox.services.inventory.faults.add({ kind: 'away' });
    await setStatus(service, id, 'cancelled');
    const set = (statement: string) => queryDatabase(service.database.url, statement, [id]);
    await eventually(
      async () => (await set("SELECT 1 FROM tasks WHERE order_id = $1 AND lane = 'stock'")).length > 0,
    );
    await set('DELETE FROM tasks WHERE order_id = $1');
    await set(`UPDATE order_items SET reservation = 'in_doubt' WHERE order_id = $1`);
    const { causes } = await listCauses();
    expect(causes).toMatchObject([{ kind: 'reservation', count: 1, bulk_actions: [] }]);
    await set(`UPDATE order_items SET reservation = 'released' WHERE order_id = $1`);
  });
});

describe('POST /operations/incidents/bulk', () => {
  it('reports remaining incidents of a cause that has more reasons than are looked at', async () => {
    const count = MAX_REASONS + 50;
    await insertDead(count);
    const decision = { action: 'write_off', kind: 'notification', cause: 'order * keeps changing' } as const;
    let changed = 0;
    for (let remaining = 1; remaining > 0;) {
      const answer = await resolveAll({ ...decision, reason: 'The customers know' });
      expect(answer.changed).toBeGreaterThan(0);
      changed += answer.changed;
      remaining = answer.remaining;
    }
    expect(changed).toBe(count);
  }, 60_000);

  it('retries the incidents of one cause, at most `limit`, and leaves the others', async () => {
    const ids = [await placeUntold(), await placeUntold(), await placeUntold()];
    const other = await placeUntold('notification service: no answer within 9999 ms');
    await endOutageOf([...ids, other]);
    const request = {
      action: 'retry',
      kind: 'notification',
      cause: ANSWERED_500,
      reason: 'It is back',
    } as const;
    expect(await resolveAll({ ...request, limit: 2 })).toEqual({
      action: 'retry',
      kind: 'notification',
      endpoint_id: null,
      cause: ANSWERED_500,
      changed: 2,
      remaining: 1,
    });
    expect(await resolveAll(request)).toMatchObject({ changed: 1, remaining: 0 });
    expect(await resolveAll(request)).toMatchObject({ changed: 0, remaining: 0 });
    for (const id of ids) {
      await eventually(() => statusesTold(service.sandbox, id).length === 2);
      expect(await resolvedEvents(id)).toMatchObject([
        {
          actor: 'anonymous',
          reason: 'It is back',
          data: { action: 'retry', incident: `notification-${id}-2-1` },
        },
      ]);
    }
    expect(await findIncidents(service, other)).toMatchObject([{ cause: TIMED_OUT }]);
    expect(await resolvedEvents(other)).toEqual([]);
  });

  it('writes off: the next message of each order is sent, and the decision is in its history', async () => {
    const ids = [await placeUntold(), await placeUntold()];
    await endOutageOf(ids);
    const request = { action: 'write_off', kind: 'notification' } as const;
    expect(await resolveAll(request)).toMatchObject({ cause: null, changed: 2, remaining: 0 });
    for (const id of ids) {
      await eventually(() => statusesTold(service.sandbox, id).length === 1);
      expect(statusesTold(service.sandbox, id)).toEqual(['shipped']);
      expect(await resolvedEvents(id)).toMatchObject([{ data: { action: 'write_off' } }]);
    }
  });

  it('resolves each incident once, however many people act at the same time', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, () => placeUntold()));
    await endOutageOf(ids);
    const actions = ['retry', 'write_off', 'retry', 'write_off'] as const;
    const [single, ...results] = await Promise.all([
      settleIncident(service, `notification-${ids[0]}-2-1`, 'write_off'),
      ...actions.map((action) => resolveAll({ action, kind: 'notification' })),
    ]);
    const events = (await Promise.all(ids.map(resolvedEvents))).flat();
    expect(events.map(({ data }) => String(data?.['incident'])).toSorted()).toEqual(
      ids.map((id) => `notification-${id}-2-1`).toSorted(),
    );
    const changed = results.reduce((sum, result) => sum + result.changed, 0);
    // The single one has another action than a bulk call that was first, or repeats its decision.
    expect([200, 409]).toContain(single.status);
    expect([ids.length, ids.length - 1]).toContain(changed);
    for (const id of ids) {
      const [event] = await resolvedEvents(id);
      const expected = event?.data?.['action'] === 'retry' ? ['confirmed', 'shipped'] : ['shipped'];
      await eventually(() => statusesTold(service.sandbox, id).length === expected.length);
      expect(statusesTold(service.sandbox, id)).toEqual(expected);
    }
  });

  it.each([
    [{ action: 'release', kind: 'notification' }, 'action'],
    [{ action: 'retry' }, 'kind'],
    [{ action: 'retry', kind: 'reservation' }, 'kind'],
    [{ action: 'retry', kind: 'notification', cause: 'x'.repeat(501) }, 'cause'],
    [{ action: 'retry', kind: 'notification', limit: 501 }, 'limit'],
    [{ action: 'retry', kind: 'notification', limit: 0 }, 'limit'],
    [{ action: 'retry', kind: 'notification', reason: 1 }, 'reason'],
  ])('returns 400 for %j', async (body, field) => {
    expectProblem(await service.request('POST', '/operations/incidents/bulk', body), 400, [field]);
  });

  it('is counted by kind and action', async () => {
    await placeUntold();
    const before = await countWriteOffs();
    await resolveAll({ action: 'write_off', kind: 'notification' });
    expect(await countWriteOffs()).toBe(before + 1);
  });
});
