import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  endFaults,
  expectProblem,
  line,
  newProduct,
  orderBody,
  placeOrder,
  selectRows,
  startFleet,
  stockOf,
  type TestFleet,
} from '../support/builders.js';
import { getOrder, listEvents, setStatus } from '../support/client.js';
import {
  cancelOrder,
  confirmOrder,
  extendHold,
  HOLD_SECONDS,
  reserveOrder,
  statusOf,
  tasksOf,
} from '../support/holds.js';
import { findIncidents, settleIncident } from '../support/incidents.js';
import { eventually, type TestService } from '../support/service.js';

const KEEPS = { method: 'PATCH', path: '/reservations/*' };

let fleet: TestFleet;
let service: TestService;

async function start(maxReservationMs?: number): Promise<void> {
  const options = maxReservationMs === undefined ? {} : { maxReservationMs };
  fleet = await startFleet(1, () => ({ INVENTORY_API: 'reservations' }), options);
  [service] = fleet.services as [TestService];
}

afterEach(() => endFaults(fleet.sandbox));

/** A confirmed order of two units, whose stock the inventory held for a time. */
async function confirmed(prepare: (id: string) => unknown = () => undefined) {
  const product = newProduct(fleet.sandbox);
  const id = await reserveOrder(service, [line(product, 2)]);
  expect(await stockUntil(id)).toBeInstanceOf(Date);
  prepare(id);
  expect((await confirmOrder(service, id)).status).toBe(200);
  return { id, product };
}

async function stockUntil(id: string): Promise<Date | null | undefined> {
  const sql = 'SELECT stock_until AS until FROM orders WHERE id = $1';
  return (await selectRows<{ until: Date | null }>(fleet.database, sql, [id]))[0]?.until;
}

const isLost = (id: string) => fleet.sandbox.stock.cancel(id, { route: 'test', key: null });

const keepTask = async (id: string) =>
  (
    await selectRows<{ state: string; attempts: number; waits: number }>(
      fleet.database,
      `SELECT state, attempts, extract(epoch FROM run_at - now())::float8 AS waits FROM tasks
       WHERE order_id = $1 AND kind = 'keep-stock' AND lease_until IS NULL`,
      [id],
    )
  )[0];

const isKept = (id: string) => eventually(async () => (await stockUntil(id)) === null);

/** The task waits until the inventory is asked again. */
const isWaiting = (id: string) =>
  eventually(async () => {
    const task = await keepTask(id);
    return task?.state === 'ready' && task.waits > 5 ? task : undefined;
  });

const hurry = (id: string) =>
  selectRows(fleet.database, `UPDATE tasks SET run_at = now() WHERE order_id = $1`, [id]);

const kept = () => fleet.sandbox.services.inventory.calls.all().filter(({ method }) => method === 'PATCH');

describe('the stock of a confirmed order', () => {
  beforeAll(() => start());
  afterAll(() => fleet.stop());

  it('is held until it is released, which is no event of the order', async () => {
    const { id, product } = await confirmed();
    await isKept(id);
    expect(fleet.sandbox.stock.endOf(id)).toBeNull();
    expect(stockOf(fleet.sandbox, product)).toBe(8);
    await eventually(async () => !(await tasksOf(service, id)).includes('keep-stock'));
    const { version } = await getOrder(service, id);
    expect((await listEvents(service, id)).at(-1)).toMatchObject({ seq: version, type: 'status_changed' });
  });

  it('is kept for longer before the hold is extended', async () => {
    const id = await reserveOrder(service, [line(newProduct(fleet.sandbox), 2)]);
    const answer = await extendHold(service, id, 2 * HOLD_SECONDS);
    expect(answer.status).toBe(200);
    const end = Date.parse(answer.body.expires_at);
    expect(end - Date.now()).toBeGreaterThan((2 * HOLD_SECONDS - 60) * 1_000);
    expect(fleet.sandbox.stock.endOf(id)).toBe((await stockUntil(id))?.getTime());
    expect(fleet.sandbox.stock.endOf(id) ?? 0).toBeGreaterThan(end);
  });

  it('can not be kept for longer when it is gone, or while the inventory does not answer', async () => {
    const [lost, unanswered] = [
      await reserveOrder(service, [line(newProduct(fleet.sandbox), 2)]),
      await reserveOrder(service, [line(newProduct(fleet.sandbox), 2)]),
    ];
    isLost(lost);
    const gone = await extendHold(service, lost, 2 * HOLD_SECONDS);
    expectProblem(gone, 409);
    expect(gone.body.type).toBe('/problems/stock-not-kept');
    fleet.sandbox.services.inventory.faults.add({ ...KEEPS, kind: 'status', status: 503 });
    const { expires_at: end } = await getOrder(service, unanswered);
    expectProblem(await extendHold(service, unanswered, 2 * HOLD_SECONDS), 503);
    expect(await getOrder(service, unanswered)).toMatchObject({ expires_at: end, version: 2 });
  });

  it('is asked for until the inventory has answered', async () => {
    fleet.sandbox.services.inventory.faults.add({ ...KEEPS, kind: 'status', status: 503, times: 4 });
    const { id } = await confirmed();
    await isKept(id);
    expect(fleet.sandbox.stock.endOf(id)).toBeNull();
    expect(await findIncidents(service, id)).toEqual([]);
  });

  it('is an incident when it is gone: a retry asks again, a write-off leaves the order as it is', async () => {
    const { id } = await confirmed(isLost);
    const incident = await eventually(async () => (await findIncidents(service, id))[0]);
    expect(incident).toMatchObject({
      kind: 'stock_lost',
      attempts: 1,
      reason: expect.stringContaining('does not hold the units'),
      actions: [{ action: 'retry' }, { action: 'write_off' }],
    });
    const asked = kept().length;
    expect((await settleIncident(service, incident.incident_id, 'retry')).status).toBe(200);
    const again = await eventually(async () => (await findIncidents(service, id))[0]);
    expect(again.incident_id).not.toBe(incident.incident_id);
    expect(kept().length).toBe(asked + 1);
    expect((await settleIncident(service, again.incident_id, 'write_off')).status).toBe(200);
    expect(await findIncidents(service, id)).toEqual([]);
    expect(await statusOf(service, id)).toBe('confirmed');
    expect(await tasksOf(service, id)).not.toContain('keep-stock');
  });

  it('is released at once when the order is cancelled, although it was lost', async () => {
    const { id, product } = await confirmed(isLost);
    await eventually(async () => (await findIncidents(service, id)).length === 1);
    await cancelOrder(service, id);
    await eventually(async () => (await listEvents(service, id)).at(-1)?.type === 'stock_released');
    expect(await findIncidents(service, id)).toEqual([]);
    expect(stockOf(fleet.sandbox, product)).toBe(10);
  });
});

describe('the stock of a confirmed order, at an inventory that holds it for a time only', () => {
  const LIFETIME_MS = 45_000;

  beforeAll(() => start(LIFETIME_MS));
  afterAll(() => fleet.stop());

  it('is asked for again before that time is over, with all attempts', async () => {
    const { id } = await confirmed();
    const task = await isWaiting(id);
    expect(task.attempts).toBe(0);
    expect(task.waits).toBeLessThanOrEqual(LIFETIME_MS / 2_000);
    const first = fleet.sandbox.stock.endOf(id) ?? 0;
    expect((await stockUntil(id))?.getTime()).toBe(first);
    await hurry(id);
    await eventually(async () => ((await stockUntil(id))?.getTime() ?? 0) > first);
    expect(fleet.sandbox.stock.endOf(id)).toBe((await stockUntil(id))?.getTime());
    expect((await isWaiting(id)).attempts).toBe(0);
  });

  it('bounds the hold, in the response as well, and its extension', async () => {
    const before = Date.now();
    const body = { ...orderBody([line(newProduct(fleet.sandbox), 2)]), hold_seconds: HOLD_SECONDS };
    const placed = await service.request('POST', '/orders', body);
    const end = Date.parse(placed.body.expires_at);
    expect(end).toBe((fleet.sandbox.stock.endOf(placed.body.order_id) ?? 0) - 30_000);
    expect(end).toBeLessThanOrEqual(Date.now() + LIFETIME_MS - 30_000);
    expect(end).toBeGreaterThanOrEqual(before);
    const extended = await extendHold(service, placed.body.order_id, HOLD_SECONDS);
    expect(extended.status).toBe(200);
    const later = Date.parse(extended.body.expires_at);
    expect(later).toBeGreaterThan(end);
    expect(later).toBeLessThanOrEqual(Date.now() + LIFETIME_MS - 30_000);
  });

  it('is kept for an order without a hold as well', async () => {
    const id = await placeOrder(service, orderBody([line(newProduct(fleet.sandbox), 2)]));
    const task = await isWaiting(id);
    expect(task.waits).toBeLessThanOrEqual(LIFETIME_MS / 2_000);
    expect((await stockUntil(id))?.getTime()).toBe(fleet.sandbox.stock.endOf(id));
  });

  it('is released at once when the order is cancelled', async () => {
    const { id, product } = await confirmed();
    await isWaiting(id);
    await cancelOrder(service, id);
    expect(await tasksOf(service, id)).not.toContain('keep-stock');
    await eventually(() => stockOf(fleet.sandbox, product) === 10);
  });

  it('is not asked for after the order was shipped', async () => {
    const { id } = await confirmed();
    await isWaiting(id);
    await setStatus(service, id, 'processing');
    await setStatus(service, id, 'shipped');
    isLost(id);
    const asked = kept().length;
    await hurry(id);
    await eventually(async () => !(await tasksOf(service, id)).includes('keep-stock'));
    expect(kept().length).toBe(asked);
    expect(await findIncidents(service, id)).toEqual([]);
  });
});
