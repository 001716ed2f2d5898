import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import {
  callsTo,
  catalogSettings,
  clearFaults,
  line,
  movementsOf,
  newProduct,
  orderBody,
  placeOrder,
  startFleet,
  stockOf,
  takenFrom,
  type TestFleet,
} from '../support/builders.js';
import { findIncidents, settleIncident } from '../support/incidents.js';
import { findEventGaps, queryDatabase } from '../support/invariants.js';
import { addPlacementTask } from '../support/placement-tasks.js';
import { getOrder, setStatus } from '../support/client.js';
import { eventually, type TestService } from '../support/service.js';

let fleet: TestFleet;
let service: TestService;

/** A claim once a minute leaves pending orders to the tests. */
const SLOW_RECOVERY = { RECOVERY_INTERVAL_MS: '60000' };
const SHORT = { UPSTREAM_TIMEOUT_MS: '400', REQUEST_DEADLINE_MS: '1200' };

const settle = (id: string, action: string) => settleIncident(service, id, action, 'Counted by hand');

const incidentsOf = (orderId: string) => findIncidents(service, orderId);

async function linesOf(orderId: string): Promise<string[]> {
  const rows = await queryDatabase<{ reservation: string }>(
    fleet.database.url,
    'SELECT reservation FROM order_items WHERE order_id = $1 ORDER BY id',
    [orderId],
  );
  return rows.map(({ reservation }) => reservation);
}

const actionsOf = (incident: { actions: { action: string }[] }) =>
  incident.actions.map(({ action }) => action);

afterEach(() => clearFaults(fleet.sandbox));

/** A failed order whose only line has an unknown reservation outcome. */
async function failInDoubt(product: string, when: 'before' | 'after') {
  const path = `/inventory/${product}/reserve`;
  fleet.sandbox.services.inventory.faults.add({ kind: 'status', status: 500, when, path, times: 1 });
  const answer = await service.request('POST', '/orders', orderBody([line(product, 3)]));
  expect(answer.status).toBe(503);
  const incident = await eventually(async () => (await incidentsOf(answer.body.order_id))[0]);
  return incident;
}

describe('line in doubt with an inventory that is not idempotent', () => {
  beforeAll(async () => {
    const settings = { INVENTORY_HONOURS_IDEMPOTENCY_KEYS: 'false', ...SHORT };
    fleet = await startFleet(2, () => settings, { honourIdempotencyKeys: { inventory: false } });
    [service] = fleet.services as [TestService];
  });

  afterAll(async () => {
    expect(await findEventGaps(fleet.database.url)).toEqual([]);
    await fleet.stop();
  });

  it('names its reason, and offers no action that would repeat the call', async () => {
    const product = newProduct(fleet.sandbox);
    const incident = await failInDoubt(product, 'after');
    expect(incident).toMatchObject({
      kind: 'reservation',
      line: 1,
      product_id: product,
      quantity: 3,
      reason: 'inventory service: answered 500',
    });
    expect(actionsOf(incident)).toEqual(['release', 'write_off']);
    const answer = await settle(incident.incident_id, 'retry');
    expect(answer.status).toBe(409);
    expect(answer.body.allowed_actions).toEqual(['release', 'write_off']);
    expect(stockOf(fleet.sandbox, product)).toBe(7);
  });

  it('is released once by concurrent requests on two instances', async () => {
    const product = newProduct(fleet.sandbox);
    const { incident_id, order_id } = await failInDoubt(product, 'after');
    const asked = Array.from({ length: 8 }, (_, index) =>
      (fleet.services[index % 2] as TestService).request('POST', `/operations/incidents/${incident_id}`, {
        action: 'release',
      }),
    );
    const answers = await Promise.all(asked);
    expect(answers.filter(({ status }) => status !== 200 && status !== 409)).toEqual([]);
    await eventually(async () => (await linesOf(order_id))[0] === 'released');
    expect((await settle(incident_id, 'release')).status).toBe(200);
    expect(takenFrom(fleet.sandbox, product)).toEqual([-3, 3]);
    expect(await incidentsOf(order_id)).toEqual([]);
  });

  it('is not released twice by a repeated request when the first attempt stayed unknown', async () => {
    const product = newProduct(fleet.sandbox);
    const { incident_id, order_id } = await failInDoubt(product, 'after');
    const path = `/inventory/${product}/replenish`;
    fleet.sandbox.services.inventory.faults.add({ kind: 'status', status: 500, when: 'after', path });
    expect((await settle(incident_id, 'release')).status).toBe(200);
    const next = await eventually(async () => (await incidentsOf(order_id))[0]);
    expect(next.incident_id).toBe(`reservation-${order_id}-1-2`);
    expect(takenFrom(fleet.sandbox, product)).toEqual([-3, 3]);

    clearFaults(fleet.sandbox);
    expect((await settle(incident_id, 'release')).status).toBe(200);
    // Long enough for a task to be claimed and finished.
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(takenFrom(fleet.sandbox, product)).toEqual([-3, 3]);
    expect(await linesOf(order_id)).toEqual(['in_doubt']);
    expect((await settle(next.incident_id, 'write_off')).status).toBe(200);
    expect(await linesOf(order_id)).toEqual(['released']);
  });

  it('is written off without a call', async () => {
    const product = newProduct(fleet.sandbox);
    const { incident_id, order_id } = await failInDoubt(product, 'before');
    const calls = callsTo(fleet.sandbox, 'inventory').length;
    expect((await settle(incident_id, 'write_off')).status).toBe(200);
    expect(await linesOf(order_id)).toEqual(['released']);
    const other = await settle(incident_id, 'release');
    expect(other.status).toBe(409);
    expect(callsTo(fleet.sandbox, 'inventory')).toHaveLength(calls);
    const { body } = await service.request('GET', `/orders/${order_id}/events`);
    expect(body.events.at(-1)).toMatchObject({
      type: 'incident_settled',
      actor: 'anonymous',
      reason: 'Counted by hand',
      data: { incident: incident_id, kind: 'reservation', action: 'write_off' },
    });
  });
});

/** An order placed ten minutes ago by a process that died, and which no instance has resumed. */
async function leavePending(product: string): Promise<string> {
  const placedAt = new Date(Date.now() - 600_000);
  const id = uuidv7({ msecs: placedAt.getTime() });
  const { url } = fleet.database;
  await queryDatabase(
    url,
    `INSERT INTO orders (id, customer_name, customer_email, status, currency, total_amount, version, placed_at,
       updated_at)
     VALUES ($1, 'Alice', 'alice@example.com', 'pending', 'USD', 30, 1, $2, $2)`,
    [id, placedAt],
  );
  await queryDatabase(
    url,
    `INSERT INTO order_items (order_id, id, product_id, product_name, quantity, price, reservation)
     VALUES ($1, 1, $2, 'Thing', 3, 10, 'held')`,
    [id, product],
  );
  await queryDatabase(
    url,
    `INSERT INTO order_events (order_id, seq, type, to_status, actor, occurred_at)
     VALUES ($1, 1, 'placed', 'pending', 'anonymous', $2)`,
    [id, placedAt],
  );
  await addPlacementTask(fleet.database, id);
  return id;
}

describe('recovery with an idempotent inventory', () => {
  beforeAll(async () => {
    fleet = await startFleet(1, () => ({ ...SHORT, ...SLOW_RECOVERY }));
    [service] = fleet.services as [TestService];
  });

  afterAll(() => fleet.stop());

  it('opens no incident for a line in doubt while a task retries', async () => {
    const product = newProduct(fleet.sandbox);
    fleet.sandbox.services.inventory.faults.add({ kind: 'status', status: 500, method: 'PUT' });
    const answer = await service.request('POST', '/orders', orderBody([line(product, 3)]));
    const id: string = answer.body.order_id;
    expect(await linesOf(id)).toEqual(['in_doubt']);
    expect(await incidentsOf(id)).toEqual([]);
    const early = await settle(`reservation-${id}-1-1`, 'write_off');
    expect(early.status).toBe(409);
    expect(early.body.type).toBe('/problems/incident-in-progress');
    clearFaults(fleet.sandbox);
    await eventually(async () => (await linesOf(id))[0] === 'released', 20_000);
    expect(stockOf(fleet.sandbox, product)).toBe(10);
  });

  it.each([
    ['retry', 'confirmed', 7],
    ['release', 'failed', 10],
  ])('resumes an order that was left pending: %s', async (action, status, stock) => {
    const product = newProduct(fleet.sandbox);
    const id = await leavePending(product);
    const incident = await eventually(async () => (await incidentsOf(id))[0]);
    expect(incident).toMatchObject({ kind: 'pending_order', incident_id: `pending_order-${id}-0-1` });
    expect(actionsOf(incident)).toEqual(['retry', 'release']);
    const answer = await settle(incident.incident_id, action);
    expect(answer.status).toBe(200);
    expect(await getOrder(service, id)).toMatchObject({ status });
    expect((await settle(incident.incident_id, action)).body).toEqual(answer.body);
    await eventually(() => stockOf(fleet.sandbox, product) === stock);
    expect(await incidentsOf(id)).toEqual([]);
    expect(await findEventGaps(fleet.database.url)).toEqual([]);
  });
});

/** A cancelled order whose stock can not be released, because a movement in the journal is in doubt. */
async function cancelInDoubt(product: string, direction: 'reserve' | 'release') {
  const id = await placeOrder(service, orderBody([line(product, 3)]));
  const key = `${id}/1/${direction}`;
  if (direction === 'release') {
    await queryDatabase(
      fleet.database.url,
      `INSERT INTO product_catalog_movements (product_id, key, delta, quantity_before, quantity_after, state)
       VALUES ($1, $2, 3, 7, 10, 'in_doubt')`,
      [product, key],
    );
  } else {
    await queryDatabase(
      fleet.database.url,
      `UPDATE product_catalog_movements SET state = 'in_doubt' WHERE key = $1`,
      [key],
    );
  }
  await setStatus(service, id, 'cancelled');
  const incident = await eventually(async () => (await incidentsOf(id))[0]);
  return incident;
}

describe('line in doubt with a catalog whose stock does not show the outcome of a call', () => {
  beforeAll(async () => {
    fleet = await startFleet(1, catalogSettings);
    [service] = fleet.services as [TestService];
  });

  afterAll(() => fleet.stop());

  it.each(['reserve', 'release'] as const)('is resolved as held by a person: %s', async (direction) => {
    const product = newProduct(fleet.sandbox);
    const incident = await cancelInDoubt(product, direction);
    expect(actionsOf(incident)).toEqual(['release', 'write_off']);
    expect(incident.reason).toContain(direction === 'reserve' ? 'reserved' : 'released');
    expect((await settle(incident.incident_id, 'release')).status).toBe(200);
    await eventually(async () => (await linesOf(incident.order_id))[0] === 'released', 20_000);
    expect(takenFrom(fleet.sandbox, product)).toEqual([-3, 3]);
    expect(await incidentsOf(incident.order_id)).toEqual([]);
  });

  it.each(['reserve', 'release'] as const)('is resolved as not held by a person: %s', async (direction) => {
    const product = newProduct(fleet.sandbox);
    const incident = await cancelInDoubt(product, direction);
    expect((await settle(incident.incident_id, 'write_off')).status).toBe(200);
    expect(await linesOf(incident.order_id)).toEqual(['released']);
    await eventually(async () => {
      const [open] = await queryDatabase<{ count: number }>(
        fleet.database.url,
        `SELECT count(*)::int AS count FROM tasks WHERE order_id = $1`,
        [incident.order_id],
      );
      return open?.count === 0;
    }, 20_000);
    expect(movementsOf(fleet.sandbox, product).filter(({ delta }) => delta === 3)).toEqual([]);
  });
});
