import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { ProductCatalogAdapter } from '../../src/inventory/catalog/product-catalog.adapter.js';
import { CatalogJournalRepository } from '../../src/inventory/catalog/stock-journal.repository.js';
import { InventoryServiceAdapter } from '../../src/inventory/inventory-service.adapter.js';
import { ReservationsAdapter } from '../../src/inventory/reservations.adapter.js';
import { reservationIdOf } from '../../src/orders/reservation/reservation-id.js';
import type { Inventory, ReleaseLine, ReservationLine } from '../../src/orders/order.ports.js';
import { Deadline } from '../../src/platform/deadline.js';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { cleanUp, clientFor } from './upstream-stub.js';

const TIMEOUT_MS = 300;
const POOL_SIZE = 4;

const STOCK = [
  { id: 'A-1', name: 'Anvil', price: 79.99, quantity: 10 },
  { id: 'B-2', name: 'Bell', price: 0.1, quantity: 3 },
];

const LINES: ReservationLine[] = [
  { line: 1, productId: 'B-2', quantity: 2 },
  { line: 2, productId: 'A-1', quantity: 3 },
];
const HELD = LINES.map(({ line }) => ({ line, outcome: 'held' }));
const RELEASED = LINES.map(({ line }) => ({ line, outcome: 'released' }));
const ALL: ReleaseLine[] = LINES.map((line) => ({ ...line, certainlyHeld: true }));
const DOUBTFUL: ReleaseLine[] = LINES.map((line) => ({ ...line, certainlyHeld: false }));

let sandbox: Sandbox;
let database: TestDatabase;
let dataSource: DataSource;

beforeAll(async () => {
  sandbox = await startSandbox({
    ports: { inventory: 0, catalog: 0 },
    services: ['inventory', 'catalog'],
    stock: STOCK,
  });
  database = await createTestDatabase();
  const options = { type: 'postgres', url: database.url, installExtensions: false } as const;
  dataSource = await new DataSource({ ...options, poolSize: POOL_SIZE }).initialize();
});
beforeEach(async () => {
  sandbox.reset();
  await dataSource.query('DELETE FROM product_catalog_movements');
});
afterAll(async () => {
  await cleanUp();
  await sandbox.close();
  await dataSource.destroy();
  await database.drop();
});

const catalog = () =>
  new ProductCatalogAdapter(clientFor(sandbox.urls.catalog, TIMEOUT_MS), dataSource, { poolSize: POOL_SIZE });
const perProduct = (honoursKeys: boolean) =>
  new InventoryServiceAdapter(clientFor(sandbox.urls.inventory, TIMEOUT_MS), honoursKeys);

const IDEMPOTENT: [name: string, open: () => Inventory][] = [
  ['the Inventory Service', () => perProduct(true)],
  [
    'an inventory with reservations',
    () => new ReservationsAdapter(clientFor(sandbox.urls.inventory, TIMEOUT_MS)),
  ],
  ['the Product Catalog Service', catalog],
];
const ALL_KINDS: typeof IDEMPOTENT = [
  ...IDEMPOTENT,
  ['an Inventory Service that ignores keys', () => perProduct(false)],
];

const soon = () => Deadline.in(5_000);
const left = () => STOCK.map(({ id }) => sandbox.stock.find(id)?.quantity);

/** The reservation ids of one order. */
function generations(): [first: string, second: string, third: string] {
  const id = randomUUID();
  const of = (stockGeneration: number) => reservationIdOf({ id, stockGeneration });
  return [of(1), of(2), of(3)];
}

describe.each(ALL_KINDS)('the stock of an order at %s', (_name, open) => {
  it('is reserved again under the next generation, and again after that', async () => {
    sandbox.services.inventory.honourIdempotencyKeys = open().idempotent;
    for (const id of generations()) {
      expect(await open().reserve(id, LINES, soon())).toEqual(HELD);
      expect(left()).toEqual([7, 1]);
      expect(await open().release(id, ALL, soon())).toEqual(RELEASED);
      expect(left()).toEqual([10, 3]);
    }
    sandbox.services.inventory.honourIdempotencyKeys = true;
  });
});

describe.each(IDEMPOTENT)('a generation at %s', (_name, open) => {
  it('stays dead once it is released, while the next one holds the units', async () => {
    const [first, second] = generations();
    await open().reserve(first, LINES, soon());
    await open().release(first, ALL, soon());
    expect(await open().reserve(second, LINES, soon())).toEqual(HELD);
    await open().reserve(first, LINES, soon());
    expect(await open().release(first, DOUBTFUL, soon())).toEqual(RELEASED);
    expect(left()).toEqual([7, 1]);
    expect(await open().reserve(second, LINES, soon())).toEqual(HELD);
    expect(left()).toEqual([7, 1]);
  });

  it('is refused alone: the refusal of one says nothing about the next', async () => {
    const [first, second] = generations();
    sandbox.stock.move('B-2', -2, { route: 'test', key: null });
    const refused = await open().reserve(first, LINES, soon());
    expect(refused.find(({ line }) => line === 1)).toMatchObject({ outcome: 'refused' });
    await open().release(first, DOUBTFUL, soon());
    expect(left()).toEqual([10, 1]);
    sandbox.stock.move('B-2', 2, { route: 'test', key: null });
    expect(await open().reserve(second, LINES, soon())).toEqual(HELD);
    expect(left()).toEqual([7, 1]);
  });
});

describe('a movement of the catalog in doubt', () => {
  it('names its order and its generation, and is resolved for that generation', async () => {
    const [first, second] = generations();
    await catalog().reserve(second, LINES, soon());
    await dataSource.query(
      `UPDATE product_catalog_movements SET state = 'in_doubt' WHERE key LIKE $1 || '/1/%'`,
      [second],
    );
    const journal = new CatalogJournalRepository(dataSource);
    const stuck = await journal.findStuck(first, 10);
    expect(stuck).toMatchObject([{ orderId: first, reservationId: second, line: 1, productId: 'B-2' }]);
    const line = { orderId: first, line: 1, productId: 'B-2' };
    expect(await journal.resolveStuck(dataSource, { ...line, reservationId: first }, true)).toBe(false);
    expect(await journal.resolveStuck(dataSource, { ...line, reservationId: second }, true)).toBe(true);
    expect(await journal.findStuck(first, 10)).toEqual([]);
  });
});
