import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { loadSettings } from '../../src/config/load-settings.js';
import { dataSourceOptions } from '../../src/platform/database/data-source.js';
import { migrate, migrateDatabase, prepareDatabase } from '../../src/platform/database/migrate.js';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.js';
import { line, newProduct, orderBody, placeOrder, selectRows } from '../support/builders.js';
import { listOrders, type OrderQuery } from '../support/client.js';
import { createBareDatabase, createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

let sandbox: Sandbox;
let database: TestDatabase | undefined;
let service: TestService | undefined;

beforeAll(async () => {
  sandbox = await startSandbox({ ports: { inventory: 0, notification: 0, catalog: 0, carts: 0 } });
});
afterAll(() => sandbox.close());
afterEach(async () => {
  await service?.stop();
  await database?.drop();
  service = undefined;
  database = undefined;
});

const settingsOf = ({ url }: TestDatabase) =>
  ({ DATABASE_URL: url, DATABASE_TLS: 'off', DATABASE_POOL_SIZE: 2 }) as const;

async function start(): Promise<TestService> {
  if (!database) throw new Error('there is no database');
  return (service = await startTestService({ beside: { sandbox, database } }));
}

async function find(query: OrderQuery): Promise<string[]> {
  if (!service) throw new Error('there is no service');
  return (await listOrders(service, query)).orders.map((order) => order.order_id).toSorted();
}

async function erase(address: string): Promise<unknown> {
  const body = { customer_email: address };
  return (await service?.request('POST', '/operations/personal-data/erase', body))?.body;
}

describe('database with another encoding than UTF-8', () => {
  it.each(['LATIN1', 'SQL_ASCII'])('is rejected at startup: %s', async (encoding) => {
    database = await createBareDatabase(`ENCODING '${encoding}' LOCALE_PROVIDER libc LOCALE 'C'`);
    const message = `the encoding of the database is ${encoding}, but must be UTF8`;
    await expect(migrate(settingsOf(database))).rejects.toThrow(message);
    for (const MIGRATE_ON_START of ['true', 'false']) {
      const settings = loadSettings({ DATABASE_URL: database.url, DATABASE_TLS: 'off', MIGRATE_ON_START });
      await expect(prepareDatabase(settings)).rejects.toThrow(message);
    }
  });
});

/** Locales with different case rules: Turkish has two letters i, and C knows ASCII only. */
const LOCALES = [
  ['C of libc', `LOCALE_PROVIDER libc LOCALE 'C'`],
  ['tr-TR of ICU', `LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR' LOCALE 'C'`],
  ['builtin C.UTF-8', `LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'`],
] as const;

describe.each(LOCALES)('database with the locale %s', (_name, locale) => {
  it.each([
    ['INFO@ISTANBUL.example', 'info@istanbul.example'],
    ['JÖRG@MÜLLER.example', 'jörg@xn--mller-kva.example'],
    ['jo\u{308}rg@mu\u{308}ller.example', 'Jörg@MÜLLER.example'],
  ])('treats %s and %s as the same address in search, filter, export and erasure', async (one, other) => {
    database = await createBareDatabase(`ENCODING 'UTF8' ${locale}`);
    await migrateDatabase(database.url);
    const running = await start();
    const place = (customer_email: string) =>
      placeOrder(running, orderBody([line(newProduct(sandbox))], { customer_email }));
    const ids = [await place(one), await place(other)].toSorted();
    await place('another@istanbul.example');
    for (const address of [one, other, one.toUpperCase(), one.toLowerCase(), `${other}\u{200B}`]) {
      expect(await find({ customer_email: address })).toEqual(ids);
      expect(await find({ q: address })).toEqual(ids);
      const path = `/orders/export?format=ndjson&customer_email=${encodeURIComponent(address)}`;
      const exported = (await running.request('GET', path)).body as string;
      for (const id of ids) expect(exported).toContain(id);
    }
    expect(await erase(one.toUpperCase())).toEqual({ count: 2, more: false });
    expect(await find({ customer_email: other })).toEqual([]);
    expect(await selectRows(database, 'SELECT 1 FROM orders WHERE customer_email_key IS NOT NULL')).toEqual(
      [],
    );
  });
});

/** Reverts the migrations from the one that adds normalized addresses. */
async function downgrade({ url }: TestDatabase): Promise<void> {
  const source = await new DataSource(
    await dataSourceOptions(settingsOf({ url, drop: async () => {} })),
  ).initialize();
  try {
    const hasKeys = async (): Promise<boolean> =>
      (await source.query<unknown[]>(`SELECT 1 FROM pg_attribute WHERE attname = 'customer_email_key'`))
        .length > 0;
    while (await hasKeys()) await source.undoLastMigration();
  } finally {
    await source.destroy();
  }
}

/** Data as the previous release writes it: addresses without keys, some of them no longer valid. */
const INSERT_EARLIER = `WITH placed AS (INSERT INTO orders (id, customer_id, customer_name, customer_email, status, currency, total_amount,
    version, placed_at, updated_at, attempt)
  SELECT gen_random_uuid(), $2, 'Anna', address, 'confirmed', 'USD', 1, 1, now(), now(), 1 FROM unnest($1::text[]) address
    RETURNING id)
  INSERT INTO order_items (order_id, id, product_id, product_name, quantity, price, reservation)
  SELECT id, 1, 'p', 'P', 1, 1, 'held' FROM placed RETURNING order_id AS id`;

const EARLIER = ['Anna@Example.com', 'ANNA@example.com\u{200B}', 'an\u{AD}na@example.com'];
const TOO_LONG = `${'a'.repeat(65)}@example.com`;
const DOMAINS = ['anna@MÜLLER.de', 'anna@mu\u{308}ller.de', 'anna@xn--mller-kva.de'];
const CUSTOMER = 'Jörg';

async function insertEarlier(target: TestDatabase, addresses: string[]): Promise<string[]> {
  const rows = await selectRows<{ id: string }>(target, INSERT_EARLIER, [
    addresses,
    CUSTOMER.normalize('NFD'),
  ]);
  return rows.map(({ id }) => id).toSorted();
}

describe('orders of the previous release', () => {
  it('are found, filtered and erased by every form of their addresses after the upgrade', async () => {
    database = await createTestDatabase();
    await downgrade(database);
    const anna = await insertEarlier(database, EARLIER);
    const mueller = await insertEarlier(database, DOMAINS);
    const long = await insertEarlier(database, [TOO_LONG]);
    await migrateDatabase(database.url);
    await start();
    await eventually(async () => (await find({ q: DOMAINS[0] ?? '' })).length === mueller.length);
    for (const address of DOMAINS) expect(await find({ customer_email: address })).toEqual(mueller);
    for (const address of EARLIER) {
      expect(await find({ q: address })).toEqual(anna);
      expect(await find({ customer_email: address })).toEqual(anna);
    }
    expect(await find({ customer_email: TOO_LONG.toUpperCase() })).toEqual(long);
    const all = [...anna, ...mueller, ...long].toSorted();
    for (const form of ['NFC', 'NFD'])
      expect(await find({ customer_id: CUSTOMER.normalize(form) })).toEqual(all);
    expect(await find({ q: CUSTOMER.normalize('NFD') })).toEqual(all);
    expect(await erase('anna@example.com')).toEqual({ count: 3, more: false });
    expect(await erase(TOO_LONG)).toEqual({ count: 1, more: false });
    const path = `/customers/${encodeURIComponent(CUSTOMER.normalize('NFD'))}/personal-data`;
    expect((await service?.request('DELETE', path))?.body).toEqual({ count: 3, more: false });
  });

  it('are found and erased while instances of that release still run', async () => {
    database = await createTestDatabase();
    await start();
    const [id = ''] = await insertEarlier(database, [DOMAINS[0] ?? '']);
    expect(await find({ customer_email: EARLIER[0] ?? '' })).toEqual([]);
    await eventually(async () => (await find({ customer_email: DOMAINS[2] ?? '' })).includes(id));
    const keys = async () =>
      selectRows(database as TestDatabase, 'SELECT 1 FROM orders WHERE customer_email_key IS NOT NULL');
    expect(await keys()).toHaveLength(1);
    // An erasure by the previous release, which does not know the key.
    await selectRows(
      database,
      'UPDATE orders SET customer_name = NULL, customer_email = NULL WHERE id = $1',
      [id],
    );
    await eventually(async () => (await keys()).length === 0);
  });
});
