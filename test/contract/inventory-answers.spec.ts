import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { InventoryServiceAdapter } from '../../src/inventory/inventory-service.adapter.js';
import { ProductCatalogAdapter } from '../../src/inventory/catalog/product-catalog.adapter.js';
import { ReservationsAdapter } from '../../src/inventory/reservations.adapter.js';
import type { Inventory, ReleaseLine, ReservationLine } from '../../src/orders/order.ports.js';
import { Deadline } from '../../src/platform/deadline.js';
import type { FaultRule } from '../../sandbox/faults.js';
import { startSandbox } from '../../sandbox/sandbox.js';
import type { Sandbox } from '../../sandbox/sandbox.js';
import { cleanUp, clientFor, json, startUpstream } from './upstream-stub.js';

const TIMEOUT_MS = 300;
const POOL_SIZE = 3;

const STOCK = ['A-1', 'B-2', '7'].map((id) => ({ id, name: 'Anvil', price: 79.99, quantity: 3 }));

let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = await startSandbox({ ports: { inventory: 0 }, services: ['inventory'], stock: STOCK });
});
beforeEach(() => sandbox.reset());
afterAll(async () => {
  await cleanUp();
  await sandbox.close();
});

function line(number: number, productId: string, quantity: number): ReservationLine {
  return { line: number, productId, quantity };
}

function certain(lines: ReservationLine[], certainlyHeld = true): ReleaseLine[] {
  return lines.map((each) => ({ ...each, certainlyHeld }));
}

function soon(): Deadline {
  return Deadline.in(5_000);
}

const UNKNOWN = [{ line: 1, outcome: 'unknown', reason: expect.any(String) }];

/** An inventory that is not idempotent. */
function plainInventory(): Inventory {
  return new InventoryServiceAdapter(clientFor(sandbox.urls.inventory, TIMEOUT_MS), false);
}

function putPaths(): string[] {
  const calls = sandbox.services.inventory.calls.all();
  return calls.filter(({ method }) => method === 'PUT').map(({ path }) => path);
}

describe('Inventory Service adapter without idempotency keys', () => {
  it('reports a refused connection as not reserved', async () => {
    const closed = await startSandbox({ ports: { inventory: 0 }, services: ['inventory'], stock: STOCK });
    const inventory = new InventoryServiceAdapter(clientFor(closed.urls.inventory, TIMEOUT_MS), false);
    await closed.close();
    expect(await inventory.reserve('order', [line(1, 'A-1', 1), line(2, 'B-2', 1)], soon())).toEqual([
      { line: 1, outcome: 'notAttempted', reason: expect.stringContaining('could not be reached') },
      { line: 2, outcome: 'notAttempted' },
    ]);
  });

  it('reserves lines one after another and stops at the first refusal', async () => {
    const lines = [line(1, 'A-1', 1), line(2, 'B-2', 4), line(3, '7', 1)];
    expect(await plainInventory().reserve('order', lines, soon())).toMatchObject([
      { line: 1, outcome: 'held' },
      { line: 2, outcome: 'refused' },
      { line: 3, outcome: 'notAttempted' },
    ]);
    expect(putPaths()).toEqual(['/inventory/A-1/reserve', '/inventory/B-2/reserve']);
  });

  it.each<FaultRule>([
    { kind: 'reset', when: 'after' },
    { kind: 'status', status: 503 },
    { kind: 'hang' },
    { kind: 'garbage' },
  ])('does not retry after %j', async (rule) => {
    sandbox.services.inventory.faults.add({ ...rule, method: 'PUT' });
    const lines = [line(1, 'A-1', 1), line(2, 'B-2', 1)];
    expect(await plainInventory().reserve('order', lines, soon())).toEqual([
      ...UNKNOWN,
      { line: 2, outcome: 'notAttempted' },
    ]);
    expect(await plainInventory().release('order', certain([line(1, '7', 1)]), soon())).toEqual(UNKNOWN);
    expect(putPaths()).toEqual(['/inventory/A-1/reserve', '/inventory/7/replenish']);
  });

  it('does not release a line that may not be held', async () => {
    expect(await plainInventory().release('order', certain([line(1, 'A-1', 1)], false), soon())).toEqual(
      UNKNOWN,
    );
    expect(putPaths()).toEqual([]);
  });
});

/** Product lookups need no database. */
const lookUpOnly = new DataSource({ type: 'postgres' });

describe('product lookup response', () => {
  let body: unknown;
  let url: string;

  beforeAll(async () => {
    const upstream = await startUpstream((_request, response) => json(response, 200, body));
    url = upstream.origin;
  });

  const good = { name: 'Anvil', price: 79.99, quantity: 10 };
  const both = (): [Inventory, string][] => [
    [new InventoryServiceAdapter(clientFor(url, TIMEOUT_MS), true), 'product_id'],
    [
      new ProductCatalogAdapter(clientFor(url, TIMEOUT_MS), lookUpOnly, {
        poolSize: POOL_SIZE,
        isExclusive: false,
      }),
      'id',
    ],
  ];

  it.each([
    ['no id', { id: undefined }],
    ['an empty id', { id: '' }],
    ['an id of more than 128 characters', { id: 'x'.repeat(129) }],
    ['a fraction as id', { id: 1.5 }],
    ['an integer id above the safe integers', { id: 2 ** 53 }],
    ['no name', { name: undefined }],
    ['a name that is not text', { name: 7 }],
    ['a name that can not be stored', { name: 'A\u0000' }],
    ['no price', { price: null }],
    ['a price as text', { price: '79.99' }],
    ['a negative price', { price: -0.01 }],
    ['a price above every total', { price: 1e11 }],
    ['no quantity', { quantity: undefined }],
    ['a negative quantity', { quantity: -1 }],
    ['a fractional quantity', { quantity: 0.5 }],
    ['a quantity as text', { quantity: '10' }],
  ])('is rejected as invalid: %s', async (_, wrong) => {
    for (const [inventory, idField] of both()) {
      const { id, ...fields } = { id: 'A-1', ...good, ...wrong };
      const product = { [idField]: id, ...fields };
      body = idField === 'id' ? { product_detail: product } : product;
      await expect(inventory.findProducts(['A-1'], soon())).rejects.toMatchObject({ kind: 'invalid' });
    }
  });

  it.each([null, [], 'text', 7, {}])('is rejected as invalid: %j', async (answer) => {
    body = answer;
    for (const [inventory] of both()) {
      await expect(inventory.findProducts(['A-1'], soon())).rejects.toMatchObject({ kind: 'invalid' });
    }
  });

  it('has its name truncated to 300 characters', async () => {
    for (const [inventory, idField] of both()) {
      const product = { [idField]: 'A-1', ...good, name: 'x'.repeat(200_000) };
      body = idField === 'id' ? { product_detail: product } : product;
      const products = await inventory.findProducts(['A-1'], soon());
      expect(products.get('A-1')?.name).toBe(`${'x'.repeat(299)}…`);
    }
  });

  it('may have an integer id, and is ignored when the id is not the requested one', async () => {
    for (const [inventory, idField] of both()) {
      const product = { [idField]: 7, ...good };
      body = idField === 'id' ? { product_detail: product } : product;
      const products = await inventory.findProducts(['7', '07'], soon());
      expect([...products]).toEqual([['7', { id: '7', name: 'Anvil', price: '79.99', available: 10 }]]);
    }
  });

  it('leaves the reservation unknown when it does not confirm the quantity', async () => {
    body = { product_id: 'A-1', reserved_quantity: 1 };
    const inventory = new InventoryServiceAdapter(clientFor(url, TIMEOUT_MS), true);
    expect(await inventory.reserve('order', [line(1, 'A-1', 2)], soon())).toEqual(UNKNOWN);
  });
});

describe('unexpected status of an inventory', () => {
  let status: number;
  let body: unknown;
  let url: string;

  beforeAll(async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(status === 204 ? undefined : JSON.stringify(body));
    });
    url = upstream.origin;
  });

  const keyless = (): Inventory => new InventoryServiceAdapter(clientFor(url, TIMEOUT_MS), false);
  const keyed = (): Inventory => new InventoryServiceAdapter(clientFor(url, TIMEOUT_MS), true);
  const withReservations = (): Inventory => new ReservationsAdapter(clientFor(url, TIMEOUT_MS));
  const catalog = (): Inventory =>
    new ProductCatalogAdapter(clientFor(url, TIMEOUT_MS), lookUpOnly, {
      poolSize: POOL_SIZE,
      isExclusive: false,
    });
  const all = { keyless, keyed, withReservations, catalog };

  it.each([400, 404, 410, 422])('%i of a lookup means that the product does not exist', async (answered) => {
    [status, body] = [answered, { detail: [{ msg: 'value is not a valid integer' }] }];
    for (const open of Object.values(all)) {
      expect((await open().findProducts(['PROD001'], soon())).size).toBe(0);
    }
  });

  it.each([
    [204, 'invalid'],
    [307, 'invalid'],
    [409, 'invalid'],
    [403, 'status'],
    [429, 'status'],
  ])('%i of a lookup is a fault of kind %s', async (answered, kind) => {
    [status, body] = [answered, {}];
    for (const open of Object.values(all)) {
      await expect(open().findProducts(['A-1'], soon())).rejects.toMatchObject({ kind });
    }
  });

  it.each<[keyof typeof all, number, string]>([
    ['keyless', 200, 'held'],
    ['keyless', 201, 'held'],
    ['keyless', 202, 'unknown'],
    ['keyless', 204, 'held'],
    ['keyless', 307, 'unknown'],
    ['keyless', 401, 'notAttempted'],
    ['keyless', 403, 'unknown'],
    ['keyless', 405, 'notAttempted'],
    ['keyless', 408, 'unknown'],
    ['keyless', 409, 'refused'],
    ['keyless', 422, 'refused'],
    ['keyless', 429, 'unknown'],
    ['keyless', 500, 'unknown'],
    ['keyed', 201, 'held'],
    ['keyed', 202, 'unknown'],
    ['keyed', 401, 'unknown'],
    ['keyed', 409, 'unknown'],
    ['keyed', 429, 'unknown'],
    ['keyed', 422, 'unknown'],
    ['withReservations', 201, 'held'],
    ['withReservations', 202, 'unknown'],
    ['withReservations', 204, 'held'],
    ['withReservations', 401, 'unknown'],
    ['withReservations', 404, 'unknown'],
    ['withReservations', 429, 'unknown'],
    ['withReservations', 422, 'unknown'],
  ])('of a reservation, with %s: %i leaves the line %s', async (kind, answered, outcome) => {
    [status, body] = [answered, { reserved_quantity: 2, detail: 'No' }];
    expect(await all[kind]().reserve('order', [line(1, 'A-1', 2)], soon())).toMatchObject([{ outcome }]);
  });
});
