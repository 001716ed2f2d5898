import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { ENTITIES } from '../../src/app.module.js';
import { FiguresRepository } from '../../src/operations/figures/figures.repository.js';
import { AddressRepository } from '../../src/orders/addresses/address.repository.js';
import { PersonalDataRepository } from '../../src/operations/personal-data/personal-data.repository.js';
import { OrderRepository } from '../../src/orders/order.repository.js';
import { IdempotencyRepository } from '../../src/idempotency/idempotency.repository.js';
import { PointReads } from '../../src/platform/database/batching/point-reads.js';
import { fragmentCountStatement, fragmentStatement } from '../../src/orders/search/fragment-statement.js';
import { OrderFinder, SEARCH_LIMITS } from '../../src/orders/search/order-finder.js';
import type { OrderFilter } from '../../src/orders/search/order-conditions.js';
import { dataSourceOptions } from '../../src/platform/database/data-source.js';
import { TaskReportsRepository } from '../../src/operations/task-reports.repository.js';
import { WebhookDeliveriesRepository } from '../../src/webhooks/history/webhook-deliveries.repository.js';
import type { DeliveryState } from '../../src/webhooks/webhook-delivery.entity.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { queryDatabase } from '../support/invariants.js';

/** Enough rows that a full scan is never the cheapest way to a few of them. */
const ROWS = 20_000;

/** Number of matching rows: orders of one customer, expired keys, or old tasks. */
const WANTED = 50;

const NIL_ID = '00000000-0000-0000-0000-000000000000';

let database: TestDatabase;
let dataSource: DataSource;

/** Every statement that was sent, with its values. */
let sent: { text: string; values: unknown[] }[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  const settings = { DATABASE_URL: database.url, DATABASE_TLS: 'off', DATABASE_POOL_SIZE: 2 } as const;
  dataSource = await new DataSource({
    ...(await dataSourceOptions(settings, ENTITIES)),
    logging: true,
    logger: {
      logQuery: (text: string, values?: unknown[]) => sent.push({ text, values: values ?? [] }),
      logQueryError: () => undefined,
      logQuerySlow: () => undefined,
      logSchemaBuild: () => undefined,
      logMigration: () => undefined,
      log: () => undefined,
    },
  }).initialize();
  const { url } = database;
  await queryDatabase(
    url,
    `INSERT INTO orders (id, customer_id, customer_name, customer_email, status, currency, total_amount, version,
       placed_at, updated_at, attempt, number, source, source_order_id)
     SELECT gen_random_uuid(), 'c' || n / $2, 'name', n / $2 || '@example.org',
       (ARRAY['confirmed', 'shipped', 'delivered', 'cancelled', 'failed'])[1 + n % 5], 'USD', 1, 1, now(), now(), 1,
       'A-' || n, 's' || n / $2, 'x' || n
     FROM generate_series(1, $1) n`,
    [ROWS, WANTED],
  );
  await queryDatabase(
    url,
    `INSERT INTO order_items (order_id, id, product_id, product_name, quantity, price, reservation)
     SELECT id, line, 'p' || (line * 1000 + substr(customer_id, 2)::int), 'name', 1, 1, 'held'
     FROM orders, generate_series(1, 2) line`,
  );
  await queryDatabase(
    url,
    `INSERT INTO order_claims (kind, value, order_id) SELECT 'number', number, id FROM orders WHERE status <> 'failed'`,
  );
  await queryDatabase(
    url,
    `INSERT INTO order_search (order_id, text) SELECT id, id || E'\\n' || customer_email FROM orders`,
  );
  await queryDatabase(
    url,
    `INSERT INTO order_events (order_id, seq, type, actor, occurred_at) SELECT id, 1, 'placed', 'a', now() FROM orders`,
  );
  await queryDatabase(
    url,
    `INSERT INTO deliveries (order_id, id, queue, event_seq, attempts, created_at, completed_at)
     SELECT id, id, 'q', 1, 1, now(), now() FROM orders`,
  );
  await queryDatabase(
    url,
    `INSERT INTO idempotency_keys (scope, key, request_hash, created_at, expires_at)
     SELECT 's', n::text, '', now(), now() + (n - $2) * interval '1 minute' FROM generate_series(1, $1) n`,
    [ROWS, WANTED],
  );
  await queryDatabase(
    url,
    `INSERT INTO tasks (order_id, lane, seq, id, kind, payload, state, run_at, lease_version, attempts, max_attempts, created_at)
     SELECT id, 'l', 1, id, 'k', '{}', 'ready', now(), 0, 0, 1, now() FROM orders`,
  );
  await queryDatabase(
    url,
    `INSERT INTO webhook_deliveries (order_id, endpoint_id, seq, feed_no, state, attempts, duration_ms, attempted_at)
     SELECT id, $1, 1, 1, CASE WHEN status = 'failed' AND customer_id = 'c7' THEN 'failed' ELSE 'delivered' END, 1, 1, now()
     FROM orders`,
    [NIL_ID],
  );
  for (const table of [
    'orders',
    'order_items',
    'order_claims',
    'order_search',
    'order_events',
    'idempotency_keys',
    'tasks',
    'deliveries',
    'webhook_deliveries',
  ])
    await queryDatabase(url, `ANALYZE ${table}`);
});

afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

/** Tables that are small at any number of orders. */
const SMALL_TABLES = ['order_search_state', 'event_feed', 'pg_database', 'pg_index'];

/** The tables that plans read completely, and the indexes that they use. */
function usesOf(plans: string): { scanned: string[]; indexes: string[] } {
  const scanned = plans.matchAll(/"Node Type":"Seq Scan"[^{}]*?"Relation Name":"([^"]+)"/g);
  const indexes = plans.matchAll(/"Index Name":"([^"]+)"/g);
  return {
    scanned: [...scanned].flatMap(([, name = '']) => (SMALL_TABLES.includes(name) ? [] : [name])),
    indexes: [...indexes].map(([, name = '']) => name),
  };
}

/** The indexes that the statements of a function use; a sequential scan of a large table fails the test. */
async function indexesUsedBy(work: () => Promise<unknown>): Promise<string[]> {
  sent = [];
  await work();
  const statements = sent;
  expect(statements).not.toEqual([]);
  const plans: string[] = [];
  for (const { text, values } of statements) {
    const rows = await queryDatabase(database.url, `EXPLAIN (FORMAT JSON) ${text}`, values);
    plans.push(JSON.stringify(rows));
  }
  const { scanned, indexes } = usesOf(plans.join());
  expect(scanned).toEqual([]);
  return indexes;
}

/** Every form of a search. */
const SEARCHES: [what: string, filter: OrderFilter, index: string][] = [
  ['a customer', { search: 'c7' }, 'orders_by_customer'],
  ['an address', { search: '8@EXAMPLE.org' }, 'orders_by_email_key'],
  ['an address as a filter', { customerEmail: '8@EXAMPLE.org' }, 'orders_by_email_key'],
  ['an address with an IDN', { customerEmail: 'a@müller.de' }, 'orders_by_email_key'],
  ['a product', { search: 'p1007' }, 'order_items_by_product'],
  ['the beginning of an id', { search: '01a1ffe2' }, 'orders_pkey'],
  ['a page', { search: 'c7', beforeId: 'f0000000-0000-0000-0000-000000000000' }, 'orders_by_customer'],
  [
    'a page by product',
    { search: 'p1007', beforeId: 'f0000000-0000-0000-0000-000000000000' },
    'order_items_by_product',
  ],
  ['a product as a filter', { productId: 'p1007' }, 'order_items_by_product'],
  ['a status', { search: 'p1007', statuses: ['confirmed'] }, 'order_items_by_product'],
  ['several statuses', { statuses: ['confirmed', 'shipped'] }, 'orders_by_status'],
  ['a number', { search: 'A-7' }, 'order_claims_pkey'],
  ['a number as a filter', { number: 'A-7' }, 'order_claims_pkey'],
  ['a number that rejected orders had', { number: 'A-7' }, 'orders_by_freed_number'],
  ['a source', { source: 's7' }, 'orders_by_source'],
  ['a source and a status', { source: 's7', statuses: ['confirmed'] }, 'orders_by_source'],
  ['an id in a source', { source: 's7', sourceOrderId: 'x7' }, 'orders_by_source_order_id'],
  ['an id in a source, by a search', { search: 'x7' }, 'orders_by_source_order_id'],
];

describe('index use with many rows', () => {
  it.each(SEARCHES)('search for orders by %s', async (_what, filter, index) => {
    const repository = new OrderRepository(dataSource, new PointReads(dataSource));
    const used = await indexesUsedBy(() => repository.listOrdersOf(null, filter, 50));
    expect(used).toContain(index);
  });

  it.each<[what: string, filter: OrderFilter, index: string]>([
    ['alone', {}, 'orders_pkey'],
    ['and a customer', { customerId: 'c7' }, 'orders_by_customer'],
    ['and several statuses', { statuses: ['confirmed', 'failed'] }, 'orders_by_status'],
  ])('total, %s', async (_what, filter, index) => {
    // As small a part of the table as a window is in a shop.
    const finder = new OrderFinder(dataSource, { ...SEARCH_LIMITS, windowSize: 200 });
    const used = await indexesUsedBy(() => finder.find(null, { ...filter, totalMin: '2' }, 51));
    expect(used).toContain(index);
  });

  it.each<[what: string, filter: OrderFilter]>([
    ['alone', {}],
    ['with other filters', { statuses: ['confirmed', 'shipped'], productId: 'p1007', totalMin: '1' }],
  ])('fragment by the trigram index, %s', async (_what, filter) => {
    const all = { ...filter, fragment: '77@exam' };
    const { maxMatches } = SEARCH_LIMITS;
    // As the transaction of the search sets it.
    const url = `${database.url}?options=${encodeURIComponent('-c enable_seqscan=off')}`;
    for (const { text, values } of [
      fragmentStatement(null, all, maxMatches, 50),
      fragmentCountStatement(null, all, maxMatches, 10_001),
    ]) {
      const plan = JSON.stringify(await queryDatabase(url, `EXPLAIN (FORMAT JSON) ${text}`, values));
      expect(usesOf(plan).scanned).toEqual([]);
      expect(usesOf(plan).indexes).toContain('order_search_trigrams');
    }
  });

  it('fragment in a window, by primary keys', async () => {
    const repository = new OrderRepository(dataSource, new PointReads(dataSource));
    const filter = { search: '77@exam', findsFragments: true, statuses: ['confirmed'] } as const;
    const used = await indexesUsedBy(() => repository.listOrdersOf(null, filter, 50));
    expect(used).toEqual(expect.arrayContaining(['orders_by_status', 'order_search_pkey']));
  });

  it.each<[by: 'customer_id' | 'customer_email', value: string, index: string]>([
    ['customer_id', 'c7', 'orders_by_customer'],
    ['customer_email', '8@EXAMPLE.org', 'orders_by_email_key'],
  ])('erasure of personal data by %s', async (by, value, index) => {
    const repository = new PersonalDataRepository(dataSource);
    let found: string[] = [];
    const look = async (): Promise<void> => {
      found = await repository.findOrders({ by, value }, NIL_ID, 100);
    };
    expect(await indexesUsedBy(look)).toEqual([index, 'order_items_pkey']);
    expect(found).toHaveLength(WANTED);
    const used = await indexesUsedBy(async () => {
      await repository.erase(dataSource.manager, found, new Date());
      await repository.insertEvents(dataSource.manager, found, { actor: 'a', data: {}, at: new Date() });
    });
    expect(new Set(used)).toEqual(
      new Set(['order_items_pkey', 'order_search_pkey', 'order_search_state_pkey', 'orders_pkey']),
    );
  });

  it('normalization of addresses of earlier releases', async () => {
    const repository = new AddressRepository(dataSource);
    expect(await indexesUsedBy(() => repository.normalizeBatch(500))).toEqual(['orders_to_normalize']);
  });

  it('figures about a time window', async () => {
    const repository = new FiguresRepository(dataSource);
    const span = {
      fromId: '01a1ffe2-0000-0000-0000-000000000000',
      beforeId: '01a20000-0000-0000-0000-000000000000',
      source: undefined,
    };
    expect(await indexesUsedBy(() => repository.countOrders(span, 2_000))).toEqual([
      'orders_pkey',
      'order_events_pkey',
    ]);
    expect(await indexesUsedBy(() => repository.timeConfirmations(span, 50))).toContain('orders_pkey');
  });

  it('figures about a time window of a source', async () => {
    const repository = new FiguresRepository(dataSource);
    const span = { fromId: NIL_ID, beforeId: 'ffffffff-0000-0000-0000-000000000000', source: 's7' };
    expect(await indexesUsedBy(() => repository.countOrders(span, 2_000))).toEqual([
      'orders_by_source',
      'order_events_pkey',
    ]);
  });

  it('tasks and deliveries of an order', async () => {
    const repository = new TaskReportsRepository(dataSource);
    const used = await indexesUsedBy(() => repository.findByOrder(NIL_ID, ['k'], 200));
    expect(used.toSorted()).toEqual(['deliveries_pkey', 'tasks_pkey']);
  });

  it.each<[state: DeliveryState | undefined, index: string]>([
    [undefined, 'webhook_deliveries_by_endpoint'],
    ['delivered', 'webhook_deliveries_by_endpoint'],
    ['failed', 'webhook_deliveries_by_state'],
    ['retrying', 'webhook_deliveries_by_state'],
  ])('deliveries to an endpoint in the state %s', async (state, index) => {
    const repository = new WebhookDeliveriesRepository(dataSource);
    const used = await indexesUsedBy(() => repository.findPage(NIL_ID, state, undefined, 50));
    expect(used).toEqual([index, 'order_events_pkey']);
  });

  it('deletion of expired keys', async () => {
    const repository = new IdempotencyRepository(dataSource, new PointReads(dataSource));
    const used = await indexesUsedBy(() => repository.deleteExpiredKeys(10));
    expect(used).toEqual(['idempotency_keys_by_expiry', 'idempotency_keys_by_expiry']);
  });
});
