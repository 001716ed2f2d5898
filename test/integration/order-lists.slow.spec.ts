import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { ENTITIES } from '../../src/app.module.js';
import { OrderRepository } from '../../src/orders/order.repository.js';
import { listStatement } from '../../src/orders/search/list-statement.js';
import type { OrderFilter } from '../../src/orders/search/order-conditions.js';
import { PointReads } from '../../src/platform/database/batching/point-reads.js';
import { dataSourceOptions } from '../../src/platform/database/data-source.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { queryDatabase } from '../support/invariants.js';

/** Enough orders that a scan from the newest on differs clearly from reading a page. */
const ORDERS = 40_000;

/** The oldest quarter, of one customer and delivered, so that a scan from the newest finds them last. */
const OLD = ORDERS / 4;

/** Orders of a page. */
const LIMIT = 50;

/** Upper bound of table and index rows read for a page: the orders, their lines, and for a product its lines. */
const MOST_READ = 6 * LIMIT;

let database: TestDatabase;

/** The id of the n-th order. */
function idOf(n: number): string {
  return `${n.toString(16).padStart(8, '0')}-0000-7000-8000-000000000000`;
}

const ID_OF_N = `(lpad(to_hex(n), 8, '0') || '-0000-7000-8000-000000000000')::uuid`;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

interface PlanNode {
  'Node Type': string;
  'Index Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  Plans?: PlanNode[];
}

/** Rows that were read from tables and indexes. */
interface Reading {
  indexes: Set<string>;
  rows: number;
}

async function readingOf(filter: OrderFilter): Promise<Reading> {
  const { text, values } = listStatement(null, filter, LIMIT);
  const [answer] = await queryDatabase<{ 'QUERY PLAN': { Plan: PlanNode }[] }>(
    database.url,
    `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`,
    values,
  );
  const reading: Reading = { indexes: new Set(), rows: 0 };
  const add = (node: PlanNode): void => {
    const { Plans = [], 'Node Type': type, 'Index Name': index, 'Actual Rows': rows } = node;
    if (index !== undefined) reading.indexes.add(index);
    if (type.includes('Scan') && !type.startsWith('Subquery'))
      reading.rows += (rows + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];
    for (const plan of Plans) add(plan);
  };
  for (const { Plan } of answer?.['QUERY PLAN'] ?? []) add(Plan);
  return reading;
}

describe('page of the list of orders is read from an index, independent of the number of orders', () => {
  beforeAll(async () => {
    await queryDatabase(
      database.url,
      `INSERT INTO orders (id, customer_id, customer_name, customer_email, status, currency, total_amount, version,
         placed_at, updated_at, attempt)
       SELECT ${ID_OF_N}, CASE WHEN n <= $2 THEN 'many' ELSE 'c' || n / 10 END, 'name',
         CASE WHEN n <= $2 THEN 'Many' ELSE 'c' || n / 10 END || '@example.org',
         CASE WHEN n <= $2 THEN 'delivered' ELSE 'confirmed' END, 'USD', 1, 1, now(), now(), 1
       FROM generate_series(1, $1::int) n`,
      [ORDERS, OLD],
    );
    // Two lines each: one product that a page of orders has, in two lines, and one that all the old orders have.
    await queryDatabase(
      database.url,
      `INSERT INTO order_items (order_id, id, product_id, product_name, quantity, price, reservation)
       SELECT ${ID_OF_N}, line, CASE WHEN n % ($1::int / $3::int) = 0 THEN 'rare' WHEN n <= $2 THEN 'old'
           ELSE 'p' || n % 100 END, 'name', 1, 1, 'held'
       FROM generate_series(1, $1::int) n, generate_series(1, 2) line`,
      [ORDERS, OLD, 2 * LIMIT],
    );
    for (const table of ['orders', 'order_items']) await queryDatabase(database.url, `ANALYZE ${table}`);
  });

  const beforeId = idOf(OLD / 2);
  it.each<[what: string, filter: OrderFilter, index: string]>([
    ['the newest', {}, 'orders_pkey'],
    ['a later page', { beforeId }, 'orders_pkey'],
    ['a status', { statuses: ['delivered'] }, 'orders_by_status'],
    ['a later page of a status', { statuses: ['delivered'], beforeId }, 'orders_by_status'],
    ['a status within a time', { statuses: ['delivered'], fromId: idOf(1), beforeId }, 'orders_by_status'],
    ['a customer of many orders', { customerId: 'many' }, 'orders_by_customer'],
    ['a customer of few', { customerId: 'c3000' }, 'orders_by_customer'],
    ['an address of many', { customerEmail: 'MANY@example.org' }, 'orders_by_email_key'],
    ['an address of few', { customerEmail: 'c3000@example.org' }, 'orders_by_email_key'],
    ['a product of few orders', { productId: 'rare' }, 'order_items_by_product'],
    ['a later page of a product', { productId: 'rare', beforeId }, 'order_items_by_product'],
    ['a product of old orders', { productId: 'old' }, 'order_items_by_product'],
    ['a customer and a status', { customerId: 'many', statuses: ['delivered'] }, 'orders_by_customer'],
    ['a customer and a product', { customerId: 'many', productId: 'old' }, 'orders_by_customer'],
    [
      'an address and a status',
      { customerEmail: 'many@example.org', statuses: ['delivered'] },
      'orders_by_email_key',
    ],
  ])('%s', async (_what, filter, index) => {
    const { indexes, rows } = await readingOf(filter);
    expect([...indexes]).toContain(index);
    expect(rows).toBeGreaterThan(0);
    expect(rows).toBeLessThanOrEqual(MOST_READ);
  });

  it('a product and a status, from a combination of two indexes', async () => {
    // Until a table is vacuumed, which autovacuum does in production, an index scan also has to read the table.
    for (const table of ['orders', 'order_items'])
      await queryDatabase(database.url, `VACUUM (ANALYZE) ${table}`);
    const { indexes, rows } = await readingOf({ productId: 'old', statuses: ['delivered'] });
    expect([...indexes].toSorted()).toEqual([
      'order_items_by_product',
      'order_items_pkey',
      'orders_by_status',
      'orders_pkey',
    ]);
    expect(rows).toBeLessThanOrEqual(MOST_READ);
  });
});

/** Attributes of the n-th order; the numbers have no common factor, so that all combinations occur. */
const STATUSES = ['delivered', 'confirmed', 'returned'] as const;
const statusOf = (n: number): (typeof STATUSES)[number] => STATUSES[n % STATUSES.length] ?? 'delivered';
const customerOf = (n: number): string => `k${n % 4}`;
const addressOf = (n: number): string => `a${n % 5}@example.org`;
const productsOf = (n: number): string[] => ['both', `q${n % 7}`, `q${n % 11}`];

describe('pages of the list of orders', () => {
  const FEW = 240;
  const PAGE = 7;
  let dataSource: DataSource;
  let repository: OrderRepository;

  beforeAll(async () => {
    await queryDatabase(database.url, 'TRUNCATE orders, order_items, order_events CASCADE');
    for (let n = 1; n <= FEW; n += 1) {
      await queryDatabase(
        database.url,
        `INSERT INTO orders (id, customer_id, customer_name, customer_email, status, currency, total_amount, version,
           placed_at, updated_at, attempt) VALUES ($1, $2, 'name', $3, $4, 'USD', 1, 1, now(), now(), 1)`,
        [idOf(n), customerOf(n), addressOf(n), statusOf(n)],
      );
      await queryDatabase(
        database.url,
        `INSERT INTO order_items (order_id, id, product_id, product_name, quantity, price, reservation)
         SELECT $1, line, product, 'name', 1, 1, 'held' FROM unnest($2::text[]) WITH ORDINALITY p (product, line)`,
        [idOf(n), productsOf(n)],
      );
    }
    const settings = { DATABASE_URL: database.url, DATABASE_TLS: 'off', DATABASE_POOL_SIZE: 2 } as const;
    dataSource = await new DataSource(await dataSourceOptions(settings, ENTITIES)).initialize();
    repository = new OrderRepository(dataSource, new PointReads(dataSource));
  });
  afterAll(() => dataSource.destroy());

  async function readPages(owner: string | null, filter: OrderFilter): Promise<string[]> {
    const ids: string[] = [];
    for (let { beforeId } = filter; ; beforeId = ids.at(-1)) {
      const page = await repository.listOrdersOf(owner, { ...filter, beforeId }, PAGE);
      expect(page.orders.length).toBeLessThanOrEqual(PAGE);
      ids.push(...page.orders.map((order) => order.id));
      if (page.nextCursor === null) return ids;
    }
  }

  /** Every combination of: an owner, a customer, an address, a status, a product, and bounds. */
  const COMBINATIONS = Array.from({ length: 2 ** 6 }, (_, bits) => {
    const has = (bit: number): boolean => ((bits >> bit) & 1) === 1;
    const filter = {
      ...(has(1) && { customerId: 'k1' }),
      ...(has(2) && { customerEmail: 'A2@Example.org' }),
      ...(has(3) && { statuses: ['confirmed'] as const }),
      ...(has(4) && { productId: has(0) ? 'both' : 'q3' }),
      ...(has(5) && { fromId: idOf(20), beforeId: idOf(200) }),
    };
    return { owner: has(0) ? 'k1' : null, filter };
  });

  it.each(COMBINATIONS)(
    'contain each matching order exactly once: $owner $filter',
    async ({ owner, filter }) => {
      const expected: string[] = [];
      for (let n = FEW; n >= 1; n -= 1) {
        const isMeant =
          (owner === null || customerOf(n) === owner) &&
          (filter.customerId === undefined || customerOf(n) === filter.customerId) &&
          (filter.customerEmail === undefined || addressOf(n) === filter.customerEmail.toLowerCase()) &&
          (filter.statuses === undefined || filter.statuses.some((status) => status === statusOf(n))) &&
          (filter.productId === undefined || productsOf(n).includes(filter.productId)) &&
          (filter.fromId === undefined || (n >= 20 && n < 200));
        if (isMeant) expected.push(idOf(n));
      }
      expect(await readPages(owner, filter)).toEqual(expected);
    },
  );

  it('contain no orders of another customer', async () => {
    expect(await readPages('k1', { customerId: 'k2' })).toEqual([]);
  });
});
