import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Sandbox, SandboxOptions } from '../../sandbox/sandbox.js';
import {
  catalogSettings,
  endFaults,
  expectProblem,
  line,
  newProduct,
  selectRows,
  setStock,
  startFleet,
  statusesTold,
  stockOf,
  type TestFleet,
} from '../support/builders.js';
import { getOrder, listEvents } from '../support/client.js';
import {
  confirmOrder,
  confirmUntilSettled,
  expireOrder,
  reservationsOf,
  reserveOrder,
  statusOf,
  tasksOf,
} from '../support/holds.js';
import { findIncidents, settleIncident } from '../support/incidents.js';
import { findEventGaps } from '../support/invariants.js';
import { eventually, type TestService } from '../support/service.js';

interface Stock {
  settings: (sandbox: Sandbox) => Record<string, string>;
  sandbox?: SandboxOptions;
}

const INVENTORIES: Record<string, Stock> = {
  'an inventory with idempotency keys': { settings: () => ({}) },
  'an inventory that ignores keys': {
    settings: () => ({ INVENTORY_HONOURS_IDEMPOTENCY_KEYS: 'false' }),
    sandbox: { honourIdempotencyKeys: { inventory: false } },
  },
  'an inventory that offers reservations': { settings: () => ({ INVENTORY_API: 'reservations' }) },
  'the product catalog': { settings: catalogSettings },
};

const SHORT = { UPSTREAM_TIMEOUT_MS: '400', REQUEST_DEADLINE_MS: '1500', RECOVERY_WINDOW_MS: '3000' };

const PAYMENT = { reference: 'pay_1', state: 'captured' };

describe.each(Object.entries(INVENTORIES))('a payment after the hold, with %s', (name, stock) => {
  let fleet: TestFleet;
  let service: TestService;

  beforeAll(async () => {
    const settings = (sandbox: Sandbox) => ({ ...stock.settings(sandbox), ...SHORT });
    fleet = await startFleet(2, settings, stock.sandbox);
    [service] = fleet.services as [TestService];
  });

  afterEach(() => endFaults(fleet.sandbox));

  afterAll(async () => {
    expect(await findEventGaps(fleet.database.url)).toEqual([]);
    await fleet.stop();
  });

  /** An expired order of two units of each of two products. */
  async function expired(): Promise<{ id: string; products: [string, string] }> {
    const products: [string, string] = [newProduct(fleet.sandbox), newProduct(fleet.sandbox)];
    const id = await reserveOrder(service, [line(products[0], 2), line(products[1], 2)]);
    await expireOrder(service, id);
    expect(products.map((product) => stockOf(fleet.sandbox, product))).toEqual([10, 10]);
    return { id, products };
  }

  it('confirms the order: its stock is reserved again, once', async () => {
    const { id, products } = await expired();
    const [one, other] = fleet.services as [TestService, TestService];
    const answers = await Promise.all([
      confirmUntilSettled(one, id, PAYMENT),
      confirmUntilSettled(other, id, PAYMENT),
    ]);
    expect(answers.map(({ status, body }) => [status, body.status])).toEqual([
      [200, 'confirmed'],
      [200, 'confirmed'],
    ]);
    expect(products.map((product) => stockOf(fleet.sandbox, product))).toEqual([8, 8]);
    expect(await reservationsOf(service, id)).toEqual(['held', 'held']);
    expect(await getOrder(service, id)).toMatchObject({
      payments: [{ reference: 'pay_1', confirmed: true }],
      payment_state: 'paid',
    });
    await eventually(() => statusesTold(fleet.sandbox, id).includes('confirmed'));
  });

  it('can be cancelled afterwards, which releases the second reservation', async () => {
    const { id, products } = await expired();
    await confirmUntilSettled(service, id);
    await service.request('PUT', `/orders/${id}`, { status: 'cancelled' });
    await eventually(() => products.every((product) => stockOf(fleet.sandbox, product) === 10));
    await eventually(async () => (await tasksOf(service, id)).length === 0);
  });

  it('is recorded when the stock is gone, and staff can try again', async () => {
    const { id, products } = await expired();
    setStock(fleet.sandbox, products[1], 1);
    const answer = await confirmUntilSettled(service, id, PAYMENT);
    expectProblem(answer, 409);
    expect(answer.body).toMatchObject({ type: '/problems/reservation-expired', current_status: 'expired' });
    expect(await getOrder(service, id)).toMatchObject({ status: 'expired', payment_state: 'paid' });
    expect((await listEvents(service, id)).map(({ type }) => type)).toContain('paid_without_stock');
    // What was reserved of it is released.
    await eventually(() => stockOf(fleet.sandbox, products[0]) === 10);
    await eventually(async () => (await reservationsOf(service, id)).every((state) => state === 'released'));

    const incident = await eventually(async () => (await findIncidents(service, id))[0]);
    expect(incident).toMatchObject({ kind: 'paid_without_stock' });
    // The payment is not asked for twice.
    expectProblem(await confirmUntilSettled(service, id, PAYMENT), 409);
    setStock(fleet.sandbox, products[1], 10);
    await settleIncident(service, incident.incident_id, 'retry', 'Restocked');
    await eventually(async () => (await statusOf(service, id)) === 'confirmed');
    expect(products.map((product) => stockOf(fleet.sandbox, product))).toEqual([8, 8]);
  });

  it('is given up by staff, which cancels the order', async () => {
    const { id, products } = await expired();
    setStock(fleet.sandbox, products[0], 1);
    expectProblem(await confirmUntilSettled(service, id, PAYMENT), 409);
    await eventually(async () => (await reservationsOf(service, id)).every((state) => state === 'released'));
    const [incident] = await findIncidents(service, id);
    await settleIncident(service, String(incident?.incident_id), 'write_off', 'Refunded');
    expect(await statusOf(service, id)).toBe('cancelled');
    const answer = await confirmUntilSettled(service, id, PAYMENT);
    expectProblem(answer, 409);
    expect(answer.body).toMatchObject({ type: '/problems/transition-not-allowed' });
    expect(stockOf(fleet.sandbox, products[1])).toBe(10);
  });

  it('of two payments confirms the order by one, and reports the other', async () => {
    const { id, products } = await expired();
    const answers = await Promise.all(
      fleet.services.map((instance, n) =>
        confirmUntilSettled(instance, id, { ...PAYMENT, reference: `pay_${n}` }),
      ),
    );
    expect(answers.map(({ status }) => status).toSorted((left, right) => left - right)).toEqual([200, 409]);
    const refused = answers.find(({ status }) => status === 409);
    expect(refused?.body.type).toBe('/problems/already-confirmed');
    const { payments } = await getOrder(service, id);
    expect(payments.filter(({ confirmed }) => confirmed)).toMatchObject([
      { reference: refused?.body.reference },
    ]);
    expect(payments).toHaveLength(2);
    expect(products.map((product) => stockOf(fleet.sandbox, product))).toEqual([8, 8]);
  });

  it('finds nothing to release when an earlier release runs once more', async () => {
    const { id, products } = await expired();
    await confirmUntilSettled(service, id);
    await selectRows(
      fleet.database,
      `INSERT INTO tasks (order_id, lane, seq, id, kind, payload, run_at, created_at, lease_version, attempts, max_attempts, state)
       VALUES ($1, 'stock', 3, gen_random_uuid(), 'release-stock', '{}', now(), now(), 0, 0, 5, 'ready')`,
      [id],
    );
    await eventually(async () => !(await tasksOf(service, id)).includes('release-stock'));
    expect(await reservationsOf(service, id)).toEqual(['held', 'held']);
    expect(products.map((product) => stockOf(fleet.sandbox, product))).toEqual([8, 8]);
  });

  it('whose outcome stays unknown is an incident in the end, and nothing is released that was not reserved', async () => {
    const { id, products } = await expired();
    for (const server of Object.values(fleet.sandbox.services)) server.faults.add({ kind: 'away' });
    const answer = await confirmOrder(service, id, PAYMENT);
    expect([409, 503]).toContain(answer.status);
    const incident = await eventually(async () => {
      await selectRows(
        fleet.database,
        `UPDATE tasks SET max_attempts = attempts + 1, run_at = now()
         WHERE order_id = $1 AND kind = 'confirm-expired' AND state = 'ready' AND lease_until IS NULL`,
        [id],
      );
      return (await findIncidents(service, id)).find(({ kind }) => kind === 'paid_without_stock');
    });
    expect((await listEvents(service, id)).map(({ type }) => type)).toContain('paid_without_stock');
    await settleIncident(service, incident.incident_id, 'write_off', 'Refunded');
    expect(await statusOf(service, id)).toBe('cancelled');
    await endFaults(fleet.sandbox);
    await eventually(async () => (await tasksOf(service, id)).every((kind) => kind === 'notify'));
    expect(products.map((product) => stockOf(fleet.sandbox, product))).toEqual([10, 10]);
  });

  it('waits while the outcome is unknown, without reserving twice', async () => {
    const { id, products } = await expired();
    for (const server of Object.values(fleet.sandbox.services)) {
      for (const method of ['PUT', 'POST'])
        server.faults.add({ kind: 'status', status: 500, when: 'after', method, times: 1 });
    }
    const answer = await confirmOrder(service, id, PAYMENT);
    if (name === 'an inventory that ignores keys') {
      // Only a person can find out what was reserved.
      expectProblem(answer, 409);
      expect(await statusOf(service, id)).toBe('expired');
      return;
    }
    expect([200, 503]).toContain(answer.status);
    await eventually(async () => (await statusOf(service, id)) === 'confirmed');
    expect(products.map((product) => stockOf(fleet.sandbox, product))).toEqual([8, 8]);
  });
});
