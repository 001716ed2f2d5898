import { afterEach, describe, expect, it } from '@jest/globals';
import {
  line,
  newProduct,
  orderBody,
  placeOrder,
  startFleet,
  stockOf,
  type TestFleet,
} from '../support/builders.js';
import { listEvents, setStatus } from '../support/client.js';
import { findIncidents } from '../support/incidents.js';
import { queryDatabase } from '../support/invariants.js';
import { eventually, type TestService } from '../support/service.js';

/** How long the first call that releases stock takes, and the second one. */
const [FIRST_MS, SECOND_MS] = [1_500, 2_500];

let fleet: TestFleet;
let service: TestService;

afterEach(() => fleet.stop());

async function start(isIdempotent: boolean): Promise<void> {
  const settings = {
    INVENTORY_HONOURS_IDEMPOTENCY_KEYS: String(isIdempotent),
    UPSTREAM_TIMEOUT_MS: '3000',
  };
  fleet = await startFleet(2, () => settings, { honourIdempotencyKeys: { inventory: isIdempotent } });
  [service] = fleet.services as [TestService];
}

const query = <Row>(text: string, ...values: unknown[]) =>
  queryDatabase<Row>(fleet.database.url, text, values);

const eventTypes = async (orderId: string) => (await listEvents(service, orderId)).map(({ type }) => type);

/** Cancels an order and ends the lease of its release while the inventory is still being called. */
async function cancelAndLoseLease(): Promise<string> {
  const product = newProduct(fleet.sandbox);
  const orderId = await placeOrder(service, orderBody([line(product, 3)]));
  const { faults } = fleet.sandbox.services.inventory;
  const rule = { kind: 'delay', when: 'after', path: `/inventory/${product}/replenish`, times: 1 } as const;
  faults.add({ ...rule, ms: FIRST_MS });
  faults.add({ ...rule, ms: SECOND_MS });
  await setStatus(service, orderId, 'cancelled');
  await eventually(() => stockOf(fleet.sandbox, product) === 10);
  await query('UPDATE tasks SET run_at = now(), lease_until = now() WHERE order_id = $1', orderId);
  return orderId;
}

describe('release of stock whose lease another attempt took', () => {
  it('records nothing, so that the attempt with the lease does', async () => {
    await start(true);
    const orderId = await cancelAndLoseLease();
    await eventually(async () => (await eventTypes(orderId)).includes('stock_released'));
    const delivery = `SELECT attempts FROM deliveries WHERE order_id = $1 AND queue = 'release-stock'`;
    // A third attempt would mean that the first one recorded its result under the second one's lease.
    await eventually(async () => (await query(delivery, orderId)).length === 1);
    expect(await query(delivery, orderId)).toEqual([{ attempts: 2 }]);
  });

  it('leaves the line in doubt when the inventory must not be called twice', async () => {
    await start(false);
    const orderId = await cancelAndLoseLease();
    await eventually(
      async () => (await query('SELECT 1 FROM tasks WHERE order_id = $1', orderId)).length === 0,
    );
    await new Promise((resolve) => setTimeout(resolve, FIRST_MS));
    expect(await eventTypes(orderId)).not.toContain('stock_released');
    expect(await findIncidents(service, orderId)).toMatchObject([
      { kind: 'reservation', actions: [{ action: 'release' }, { action: 'write_off' }] },
    ]);
  });
});
