import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  endFaults,
  expectProblem,
  line,
  newProduct,
  setStock,
  startFleet,
  stockOf,
  type TestFleet,
} from '../support/builders.js';
import { getOrder } from '../support/client.js';
import {
  confirmOrder,
  confirmUntilSettled,
  endHolds,
  expireOrder,
  reserveOrder,
  statusOf,
} from '../support/holds.js';
import { findIncidents, settleIncident } from '../support/incidents.js';
import { recordPayment } from '../support/payments.js';
import { eventually, type TestService } from '../support/service.js';

/** A release has one attempt, so that its failure is an incident at once. */
const SETTINGS = { JOB_RETRY_LIMIT: '0', UPSTREAM_TIMEOUT_MS: '400', REQUEST_DEADLINE_MS: '1500' };

const INVENTORIES = [
  ['an inventory with idempotency keys', 'stock_release', {}, {}],
  [
    'an inventory that ignores keys',
    'reservation',
    { INVENTORY_HONOURS_IDEMPOTENCY_KEYS: 'false' },
    { honourIdempotencyKeys: { inventory: false } },
  ],
] as const;

const captured = (reference: string) => ({ reference, state: 'captured' }) as const;

/** A payment of the whole order, of 20 USD. */
const report = (reference: string, state: string) => ({ reference, state, amount: 20 });

let fleet: TestFleet;
let service: TestService;

async function incidentOf(id: string, kind: string) {
  return eventually(async () => (await findIncidents(service, id)).find((one) => one.kind === kind));
}

const isConfirmed = (id: string) => eventually(async () => (await statusOf(service, id)) === 'confirmed');

/** The references of the payments that confirm the order. */
async function confirmedBy(id: string): Promise<string[]> {
  const { payments } = await getOrder(service, id);
  return payments.filter(({ confirmed }) => confirmed).map(({ reference }) => reference);
}

/** An expired order that was paid by each of the payments when its stock was gone; then there is stock. */
async function paidWithoutStock(...references: string[]) {
  const product = newProduct(fleet.sandbox);
  const id = await reserveOrder(service, [line(product, 2)]);
  await expireOrder(service, id);
  setStock(fleet.sandbox, product, 1);
  for (const reference of references)
    expectProblem(await confirmUntilSettled(service, id, captured(reference)), 409);
  const { incident_id: incident } = await incidentOf(id, 'paid_without_stock');
  setStock(fleet.sandbox, product, 10);
  return { id, product, incident };
}

describe.each(INVENTORIES)(
  'a late payment whose stock is never released, with %s',
  (_name, kind, own, sandbox) => {
    beforeAll(async () => {
      fleet = await startFleet(1, () => ({ ...SETTINGS, ...own }), sandbox);
      [service] = fleet.services as [TestService];
    });
    afterEach(() => endFaults(fleet.sandbox));
    afterAll(() => fleet.stop());

    /** An expired order of 2 units whose release took place, but was not answered, and waits for staff. */
    async function stuck(): Promise<{ id: string; product: string }> {
      const product = newProduct(fleet.sandbox);
      const id = await reserveOrder(service, [line(product, 2)]);
      const path = `/inventory/${product}/replenish`;
      fleet.sandbox.services.inventory.faults.add({ kind: 'status', status: 500, when: 'after', path });
      await endHolds(service, [id]);
      expect(await incidentOf(id, kind)).not.toHaveProperty('payment_waits');
      return { id, product };
    }

    it('is named by the incident of the release and in the answer, and confirms the order after it', async () => {
      const { id, product } = await stuck();
      const answer = await confirmOrder(service, id, captured('pay_1'));
      expectProblem(answer, 503);
      expect(answer.body).toMatchObject({ type: '/problems/confirmation-unsettled', waits_for_staff: true });
      const incident = await incidentOf(id, kind);
      expect(incident).toMatchObject({ payment_waits: true });
      await endFaults(fleet.sandbox);
      const action = kind === 'reservation' ? 'write_off' : 'retry';
      await settleIncident(service, incident.incident_id, action, 'The units are free');
      const confirmed = await confirmUntilSettled(service, id, captured('pay_1'));
      expect(confirmed).toMatchObject({ status: 200, body: { status: 'confirmed' } });
      expect(stockOf(fleet.sandbox, product)).toBe(8);
      expect(await findIncidents(service, id)).toEqual([]);
    });

    it('confirms nothing if it is refunded before the release', async () => {
      const { id, product } = await stuck();
      expectProblem(await confirmOrder(service, id, captured('pay_1')), 503);
      await recordPayment(service, id, report('re_1', 'refunded'));
      expect(await incidentOf(id, 'paid_without_stock')).toMatchObject({
        reason: 'the payment was refunded, voided or declined before the stock was reserved again',
      });
      expect(await statusOf(service, id)).toBe('expired');
      expect(stockOf(fleet.sandbox, product)).toBe(10);
    });
  },
);

describe('the retry of an order that was paid without stock', () => {
  beforeAll(async () => {
    fleet = await startFleet(1);
    [service] = fleet.services as [TestService];
  });
  afterAll(() => fleet.stop());

  it('confirms by the first of two payments', async () => {
    const { id, incident } = await paidWithoutStock('pay_1', 'pay_2');
    expect((await settleIncident(service, incident, 'retry')).status).toBe(200);
    await isConfirmed(id);
    expect(await confirmedBy(id)).toEqual(['pay_1']);
  });

  it.each(['pay_1', 're_1'])(
    'confirms by the second payment when the first was refunded, which %s reports',
    async (refund) => {
      const { id, product, incident } = await paidWithoutStock('pay_1', 'pay_2');
      await recordPayment(service, id, report(refund, 'refunded'));
      expect((await settleIncident(service, incident, 'retry')).status).toBe(200);
      await isConfirmed(id);
      expect(await confirmedBy(id)).toEqual(['pay_2']);
      expect((await confirmOrder(service, id, captured('pay_2'))).status).toBe(200);
      expect(stockOf(fleet.sandbox, product)).toBe(8);
    },
  );

  it.each(['refunded', 'voided', 'declined'])(
    'is refused when the only payment was %s, until there is another',
    async (state) => {
      const { id, product, incident } = await paidWithoutStock('pay_1');
      await recordPayment(service, id, report('pay_1', state));
      const refused = await settleIncident(service, incident, 'retry');
      expectProblem(refused, 409);
      expect(refused.body).toMatchObject({ type: '/problems/payment-ended', reference: 'pay_1' });
      const bulk = { action: 'retry', kind: 'paid_without_stock' };
      const many = await service.request('POST', '/operations/incidents/bulk', bulk);
      expect(many.body).toMatchObject({ changed: 0 });
      expect([await statusOf(service, id), stockOf(fleet.sandbox, product)]).toEqual(['expired', 10]);

      await recordPayment(service, id, report('pay_2', 'captured'));
      expect((await settleIncident(service, incident, 'retry')).status).toBe(200);
      await isConfirmed(id);
      expect(await confirmedBy(id)).toEqual(['pay_2']);
    },
  );

  it('gives way to a write-off, which cancels the order', async () => {
    const { id, incident } = await paidWithoutStock('pay_1');
    await recordPayment(service, id, report('pay_1', 'refunded'));
    expect((await settleIncident(service, incident, 'write_off', 'Refunded')).status).toBe(200);
    expect(await statusOf(service, id)).toBe('cancelled');
  });
});
