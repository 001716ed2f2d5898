import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from '../../src/platform/database/data-source.js';
import { migrate } from '../../src/platform/database/migrate.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { queryDatabase } from '../support/invariants.js';

const MIGRATION = 'OrderDetails1795786000000';

const CART_ORDER = '01a1ffe2-9b80-748a-ba30-787d85a2b441';
const OTHER_ORDER = '01a1ffe2-9b80-748a-ba30-787d85a2b442';

let database: TestDatabase;

const settings = () => ({ DATABASE_URL: database.url, DATABASE_TLS: 'off', DATABASE_POOL_SIZE: 2 }) as const;
const query = <Row>(text: string, values?: unknown[]) => queryDatabase<Row>(database.url, text, values);

/** Reverts the migration and all after it. */
async function revert(): Promise<void> {
  const source = await new DataSource(await dataSourceOptions(settings())).initialize();
  const names = source.migrations.map(({ name, constructor }) => name ?? constructor.name);
  const later = names.length - names.indexOf(MIGRATION);
  for (let count = 0; count < later; count += 1) await source.undoLastMigration();
  await source.destroy();
}

beforeEach(async () => {
  database = await createTestDatabase();
  await revert();
  await query(
    `INSERT INTO orders (id, customer_name, status, currency, total_amount, version, cart_id, placed_at, updated_at)
     VALUES ($1, 'Alice', 'confirmed', 'USD', 159.98, 2, 'cart-1', now(), now()),
       ($2, 'Bob', 'confirmed', 'USD', 10, 2, NULL, now(), now())`,
    [CART_ORDER, OTHER_ORDER],
  );
  await query(
    `INSERT INTO order_items (order_id, id, product_id, product_name, quantity, price, reservation)
     SELECT id, 1, 'P1', 'Cable', 1, total_amount, 'held' FROM orders`,
  );
  await query(`INSERT INTO cart_claims (cart_id, order_id, claimed_at) VALUES ('cart-1', $1, now())`, [
    CART_ORDER,
  ]);
});
afterEach(() => database.drop());

const tables = () =>
  Promise.all([
    query('SELECT id, customer_name, total_amount, cart_id FROM orders ORDER BY id'),
    query('SELECT order_id, id, product_id, price FROM order_items ORDER BY order_id'),
    query('SELECT cart_id, order_id FROM cart_claims'),
  ]);

it('keeps every order, claims its cart and rewrites no row', async () => {
  const before = await tables();
  const files = () =>
    query(`SELECT relname, pg_relation_filenode(oid) FROM pg_class WHERE relname IN ('orders', 'order_items')
           ORDER BY relname`);
  const filesBefore = await files();
  expect(await migrate(settings())).toContain(MIGRATION);
  expect(await tables()).toEqual(before);
  expect(await files()).toEqual(filesBefore);
  expect(await query('SELECT * FROM order_claims')).toEqual([
    { kind: 'cart', value: 'cart-1', order_id: CART_ORDER, request_hash: null },
  ]);
  expect(
    await query('SELECT DISTINCT number, charges_amount, tags, metadata, detail_bytes FROM orders'),
  ).toEqual([{ number: null, charges_amount: null, tags: null, metadata: null, detail_bytes: null }]);
});

it('can be reverted with the claims of carts that were made since', async () => {
  await migrate(settings());
  await query(
    `INSERT INTO order_claims (kind, value, order_id) VALUES ('cart', 'cart-2', $1), ('number', '7', $1)`,
    [OTHER_ORDER],
  );
  await revert();
  expect(await query('SELECT cart_id, order_id FROM cart_claims ORDER BY cart_id')).toEqual([
    { cart_id: 'cart-1', order_id: CART_ORDER },
    { cart_id: 'cart-2', order_id: OTHER_ORDER },
  ]);
});
