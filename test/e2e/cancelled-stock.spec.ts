import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Sandbox } from '../../sandbox/sandbox.js';
import {
  catalogSettings,
  clearFaults,
  line,
  newProduct,
  orderBody,
  placeOrder,
  startFleet,
  stockOf,
  takenFrom,
  type TestFleet,
} from '../support/builders.js';
import { listEvents } from '../support/client.js';
import { eventually, type TestService } from '../support/service.js';

const INVENTORIES: [name: string, settings: (sandbox: Sandbox) => Record<string, string>][] = [
  ['the inventory service', () => ({})],
  ['an inventory that offers reservations', () => ({ INVENTORY_API: 'reservations' })],
  ['the product catalog', catalogSettings],
];

describe.each(INVENTORIES)('cancelled order, with %s', (_name, settings) => {
  let fleet: TestFleet;
  let service: TestService;

  beforeAll(async () => {
    fleet = await startFleet(1, settings);
    [service] = fleet.services as [TestService];
  });

  afterAll(() => fleet.stop());

  const cancel = (id: string) => service.request('PUT', `/orders/${id}`, { status: 'cancelled' });

  it('releases the stock of each of its lines once', async () => {
    const [first, second] = [newProduct(fleet.sandbox), newProduct(fleet.sandbox)];
    const id = await placeOrder(service, orderBody([line(first, 3), line(second, 2), line(first, 1)]));
    expect([stockOf(fleet.sandbox, first), stockOf(fleet.sandbox, second)]).toEqual([6, 8]);

    // Repeated, as by an impatient user.
    const answers = await Promise.all([cancel(id), cancel(id)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    await eventually(() => stockOf(fleet.sandbox, first) === 10 && stockOf(fleet.sandbox, second) === 10);
    await eventually(async () => {
      const { body } = await service.request('GET', `/orders/${id}/events`);
      return body.events.at(-1).type === 'stock_released';
    });
    expect(takenFrom(fleet.sandbox, first).reduce((sum, delta) => sum + delta, 0)).toBe(0);
  });

  it('records both calls to the inventory in its history', async () => {
    const [first, second] = [newProduct(fleet.sandbox), newProduct(fleet.sandbox)];
    const id = await placeOrder(service, orderBody([line(first, 3), line(second, 2)]));
    await cancel(id);
    await eventually(async () => (await listEvents(service, id)).at(-1)?.type === 'stock_released');
    const calls = (await listEvents(service, id)).flatMap(({ data }) => data?.calls ?? []);
    expect(calls).toMatchObject([
      { operation: 'reserve', lines: { held: 2 } },
      { operation: 'release', lines: { released: 2 } },
    ]);
    for (const { attempts } of calls) expect(Object.keys(attempts)).toEqual(['2xx']);
  });

  it('retries the release when the inventory is away at first or its response is lost', async () => {
    const product = newProduct(fleet.sandbox);
    const id = await placeOrder(service, orderBody([line(product, 4)]));
    for (const server of [fleet.sandbox.services.inventory, fleet.sandbox.services.catalog]) {
      server.faults.add({ kind: 'refuse', times: 1 });
      server.faults.add({ kind: 'status', status: 500, when: 'after', method: 'PUT', times: 1 });
      server.faults.add({ kind: 'status', status: 500, when: 'after', method: 'DELETE', times: 1 });
    }
    expect((await cancel(id)).status).toBe(200);
    await eventually(() => stockOf(fleet.sandbox, product) === 10, 20_000);
    clearFaults(fleet.sandbox);
    await eventually(async () => {
      const { body } = await service.request('GET', `/orders/${id}/events`);
      return body.events.at(-1).type === 'stock_released';
    }, 20_000);
    expect(stockOf(fleet.sandbox, product)).toBe(10);
  });
});
