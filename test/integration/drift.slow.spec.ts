import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  catalogSettings,
  endFaults,
  line,
  newProduct,
  orderBody,
  placeOrder,
  setStock,
  startFleet,
  stockOf,
  type TestFleet,
} from '../support/builders.js';
import { findIncidents, settleIncident } from '../support/incidents.js';
import { queryDatabase } from '../support/invariants.js';
import { runReport } from '../support/report-command.js';
import { eventually, testSettings, type TestService } from '../support/service.js';

// A test starts up to eight reports. Each loads the service, on a busy machine too.
jest.setTimeout(120_000);

let fleet: TestFleet;
let service: TestService;

const drift = (args: string[], settings: Record<string, string> = {}) =>
  runReport('drift', args, { ...testSettings(fleet.sandbox, fleet.database.url), ...settings });

/** The report on one product. */
async function driftOf(product: string, settings: Record<string, string> = {}) {
  const { code, out } = await drift(['--product', product, '--json'], settings);
  return { code, ...JSON.parse(out).products[0] };
}

const order = (product: string, quantity: number) =>
  placeOrder(service, orderBody([line(product, quantity)]));

const release = async (id: string) => {
  await service.request('PUT', `/orders/${id}`, { status: 'cancelled' });
  await eventually(async () => {
    const { body } = await service.request('GET', `/orders/${id}/events`);
    return body.events.at(-1).type === 'stock_released';
  });
};

describe('drift report with an inventory', () => {
  beforeAll(async () => {
    fleet = await startFleet(1);
    [service] = fleet.services as [TestService];
  });

  afterAll(() => fleet.stop());

  it('finds no drift while every unit is accounted for', async () => {
    const product = newProduct(fleet.sandbox);
    await order(product, 2);
    expect(await driftOf(product)).toMatchObject({
      code: 0,
      verdict: 'baseline',
      quantity: 8,
      units_sold: 2,
    });
    const id = await order(product, 3);
    await order(product, 1);
    await release(id);
    expect(await driftOf(product)).toMatchObject({
      code: 0,
      verdict: 'as_expected',
      drift: 0,
      quantity: 7,
      units_sold: 3,
      baseline: { quantity: 8, units_sold: 2 },
    });
  });

  it('finds units that were sold but not taken, and units that were taken but not sold', async () => {
    const [oversold, lost] = [newProduct(fleet.sandbox), newProduct(fleet.sandbox)];
    for (const product of [oversold, lost]) {
      await order(product, 1);
      await driftOf(product);
      await order(product, 4);
    }
    setStock(fleet.sandbox, oversold, 9);
    setStock(fleet.sandbox, lost, 2);
    expect(await driftOf(oversold)).toMatchObject({ code: 1, verdict: 'surplus', drift: 4 });
    expect(await driftOf(lost)).toMatchObject({ code: 1, verdict: 'missing', drift: -3 });

    const { code, out } = await drift([]);
    expect(code).toBe(1);
    expect(out).toMatch(new RegExp(`^${oversold} +9 +5 +\\+4 +surplus +more in stock than expected`, 'm'));
    expect(out).toMatch(new RegExp(`^${lost} +2 +5 +-3 +missing +less in stock`, 'm'));
    const { body: metrics } = await service.request('GET', '/metrics');
    expect(metrics).toContain('stock_drift_units{direction="surplus"} 4');
    expect(metrics).toContain('stock_drift_units{direction="missing"} 3');
    expect(metrics).toMatch(/stock_drift_report_age_seconds \d/);
  });

  it('accepts the current stock as correct with --rebase', async () => {
    const product = newProduct(fleet.sandbox);
    await order(product, 1);
    await driftOf(product);
    setStock(fleet.sandbox, product, 50);
    expect(await driftOf(product)).toMatchObject({ code: 1, verdict: 'surplus', drift: 41 });
    expect((await drift(['--product', product, '--rebase'])).code).toBe(0);
    await order(product, 5);
    expect(await driftOf(product)).toMatchObject({ code: 0, verdict: 'as_expected', quantity: 45 });
  });

  it('names the units of missing stock that were written off', async () => {
    const product = newProduct(fleet.sandbox);
    const id = await order(product, 3);
    await order(product, 1);
    await driftOf(product);
    fleet.sandbox.services.inventory.faults.add({ kind: 'away' });
    await service.request('PUT', `/orders/${id}`, { status: 'cancelled' });
    const kill = `UPDATE tasks SET state = 'dead', dead_at = now(), lease_until = NULL
      WHERE order_id = $1 AND lane = 'stock' AND last_error IS NOT NULL AND lease_until IS NULL RETURNING 1`;
    await eventually(async () => (await queryDatabase(fleet.database.url, kill, [id])).length > 0);
    const [incident] = await findIncidents(service, id);
    const answer = await settleIncident(service, incident?.incident_id ?? '', 'write_off', 'Lost');
    expect(answer.status).toBe(200);
    await endFaults(fleet.sandbox);
    const missing = { code: 1, verdict: 'missing', drift: -3, units_written_off: 3 };
    expect(await driftOf(product)).toMatchObject(missing);
    expect((await drift(['--product', product])).out).toContain('3 units were written off');
  });

  it('compares only products that were ordered since --since', async () => {
    await order(newProduct(fleet.sandbox), 1);
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
    expect((await drift(['--since', tomorrow])).out).toBe('0 products compared.\n');
    const { out } = await drift(['--since', new Date(Date.now() - 60_000).toISOString()]);
    expect(out).toMatch(/^[1-9]\d* products compared: /m);
  });

  it.each([
    [['--since', 'yesterday'], '--since must be'],
    [['--since', '2026-01-01', '--product', 'A'], 'exclude each other'],
    [['--sinse', '2026-01-01'], '--sinse'],
  ])('rejects invalid arguments: %s', async (args, message) => {
    const { code, err, out } = await drift(args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(message);
  });

  it('exits with 2 when the inventory is down, and prints its help', async () => {
    await order(newProduct(fleet.sandbox), 1);
    const { code, err } = await drift([], { INVENTORY_SERVICE_URL: 'http://127.0.0.1:1' });
    expect(code).toBe(2);
    expect(err).toMatch(/^The report could not be made: inventory service: /);
    expect((await drift(['--help'])).out).toMatch(/^Usage: npm run drift/);
  });
});

describe('drift report with a catalog', () => {
  beforeAll(async () => {
    fleet = await startFleet(1, catalogSettings);
    [service] = fleet.services as [TestService];
  });

  afterAll(() => fleet.stop());

  it('finds oversold units in the journal, independent of deliveries to the stock', async () => {
    const product = newProduct(fleet.sandbox);
    const id = await order(product, 3);
    await order(product, 2);
    const settings = catalogSettings(fleet.sandbox);
    expect(await driftOf(product, settings)).toMatchObject({ code: 0, units_taken_by_journal: 5 });
    setStock(fleet.sandbox, product, 100);
    await queryDatabase(
      fleet.database.url,
      `UPDATE product_catalog_movements SET state = 'refused' WHERE key = $1`,
      [`${id}/1/reserve`],
    );
    expect(await driftOf(product, settings)).toMatchObject({ code: 1, verdict: 'oversold', drift: 3 });
    expect(stockOf(fleet.sandbox, product)).toBe(100);
  });
});
