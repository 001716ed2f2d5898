import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Client } from 'pg';
import type { Order } from '../../src/orders/order.entity.js';
import { OrderRepository } from '../../src/orders/order.repository.js';
import type { NewStatus } from '../../src/orders/status/prepared-change.js';
import { StatusChanges } from '../../src/orders/status/status-changes.js';
import type { Lease } from '../../src/tasks/task.repository.js';
import { Deadline } from '../../src/platform/deadline.js';
import { withDeadline } from '../../src/platform/telemetry/request-context.js';
import { line, newProduct, selectRows } from '../support/builders.js';
import { reservationsOf, reserveOrder, statusOf, tasksOf } from '../support/holds.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

/** Orders of a batch. */
const COUNT = 6;

/** Statements may go on for half a second after the deadline: enough for one transaction, not for one that waits before it. */
const LITTLE_MS = 20;

/** PostgreSQL stores no NUL character. */
const UNSTORABLE = 'a \0 character';

let service: TestService;
let other: Client;

beforeAll(async () => {
  service = await startTestService();
  other = new Client({ connectionString: service.database.url });
  await other.connect();
});
afterAll(async () => {
  await other?.end();
  await service?.stop();
});

const select = <Row extends object>(sql: string, ...values: unknown[]): Promise<Row[]> =>
  selectRows<Row>(service.database, sql, values);

/** Orders whose stock is held, as they are read. The first is the one that something happens to. */
async function reserveMany(): Promise<[special: Order, ...others: Order[]]> {
  const product = newProduct(service.sandbox, 100);
  const ids = await Promise.all(Array.from({ length: COUNT }, () => reserveOrder(service, [line(product)])));
  const orders = await service.app.get(OrderRepository).findOrders(ids);
  return orders as [Order, ...Order[]];
}

const write = (order: Order, change: Partial<NewStatus> = {}): Promise<Order | undefined> =>
  service.app.get(StatusChanges).write(order, { to: 'confirmed', actor: 'test', notifies: false, ...change });

const idsOf = (orders: readonly Order[]): string[] => orders.map(({ id }) => id);

/** How often each order was led from `reserved` to another status. */
async function countChanges(orders: readonly Order[]): Promise<number[]> {
  const rows = await select<{ id: string; count: number }>(
    `SELECT order_id AS id, count(*)::int AS count FROM order_events
     WHERE order_id = ANY ($1) AND from_status = 'reserved' GROUP BY order_id`,
    idsOf(orders),
  );
  return orders.map(({ id }) => rows.find((row) => row.id === id)?.count ?? 0);
}

/** Transactions that wrote the rows of the orders. */
async function countTransactions(orders: readonly Order[]): Promise<number> {
  const sql = 'SELECT DISTINCT xmin::text FROM orders WHERE id = ANY ($1)';
  return (await select(sql, idsOf(orders))).length;
}

async function leaseOf({ id }: Order): Promise<Lease> {
  const [lease] = await select<Lease>(
    `SELECT order_id AS "orderId", lane, seq, lease_version AS "leaseVersion" FROM tasks
     WHERE order_id = $1 AND kind = 'expire-hold'`,
    id,
  );
  if (!lease) throw new Error(`order ${id} has no task that ends its hold`);
  return lease;
}

/** The change that the task of an order makes. */
async function expiryOf(order: Order) {
  return { to: 'expired', lease: await leaseOf(order) } as const;
}

/** Runs something while another transaction has locked the row of an order. */
async function whileLocked({ id }: Order, work: () => Promise<void>): Promise<void> {
  await other.query('BEGIN');
  await other.query('SELECT 1 FROM orders WHERE id = $1 FOR UPDATE', [id]);
  try {
    await work();
  } finally {
    await other.query('COMMIT');
  }
}

it('concurrent changes of orders share a transaction, except for an order that has changed', async () => {
  const [changed, ...others] = await reserveMany();
  await select('UPDATE orders SET version = version + 1 WHERE id = $1', changed.id);
  const results = await Promise.all([changed, ...others].map((order) => write(order)));
  expect(results.map((order) => order?.status)).toEqual([undefined, ...others.map(() => 'confirmed')]);
  expect(await countChanges([changed, ...others])).toEqual([0, ...others.map(() => 1)]);
  expect(await countTransactions(others)).toBe(1);
  expect(await statusOf(service, changed.id)).toBe('reserved');
});

it('a change whose lease was lost is not written, and those beside it are', async () => {
  const [late, ...others] = await reserveMany();
  const lost = await expiryOf(late);
  lost.lease.leaseVersion += 1;
  const changes = [lost, ...(await Promise.all(others.map(expiryOf)))];
  const results = await Promise.all(
    [late, ...others].map((order, at) => write(order, changes[at] as Partial<NewStatus>)),
  );
  expect(results.map((order) => order?.status)).toEqual([undefined, ...others.map(() => 'expired')]);
  expect(await countChanges([late, ...others])).toEqual([0, ...others.map(() => 1)]);
  expect(await tasksOf(service, late.id)).toEqual(['expire-hold']);
  for (const { id } of others) expect(await tasksOf(service, id)).not.toContain('expire-hold');
});

it('a change that waits for a lock holds up those beside it only briefly', async () => {
  const [locked, ...others] = await reserveMany();
  let waiting: Promise<Order | undefined> | undefined;
  await whileLocked(locked, async () => {
    waiting = write(locked);
    const results = await Promise.all(others.map((order) => write(order)));
    expect(results.map((order) => order?.status)).toEqual(others.map(() => 'confirmed'));
    expect(await statusOf(service, locked.id)).toBe('reserved');
    // The lanes are free: the next changes are quick.
    const later = await reserveMany();
    await Promise.all(later.map((order) => write(order)));
    expect(await countTransactions(later)).toBe(1);
  });
  expect((await waiting)?.status).toBe('confirmed');
  expect(await countChanges([locked, ...others])).toEqual([1, ...others.map(() => 1)]);
});

it('a change with little time left does not wait for the rows of others', async () => {
  const [locked, urgent] = await reserveMany();
  if (!urgent) throw new Error('there is no second order');
  let waiting: Promise<Order | undefined> | undefined;
  await whileLocked(locked, async () => {
    waiting = write(locked);
    const changed = await withDeadline(Deadline.in(LITTLE_MS), () => write(urgent));
    expect(changed?.status).toBe('confirmed');
  });
  expect((await waiting)?.status).toBe('confirmed');
});

it('a change that can not be stored fails alone', async () => {
  const [bad, ...others] = await reserveMany();
  const failing = write(bad, { reason: UNSTORABLE });
  const results = Promise.all(others.map((order) => write(order)));
  await expect(failing).rejects.toThrow('invalid byte sequence');
  expect((await results).map((order) => order?.status)).toEqual(others.map(() => 'confirmed'));
  expect(await countChanges([bad, ...others])).toEqual([0, ...others.map(() => 1)]);
});

it('of two changes of one order in the same moment one is written, and the changes beside them share a transaction', async () => {
  const [twice, ...others] = await reserveMany();
  const both = Promise.all([write(twice), write(twice, { to: 'cancelled' })]);
  const results = await Promise.all(others.map((order) => write(order)));
  expect((await both).filter(Boolean)).toHaveLength(1);
  // It does not fail the transaction of those beside it.
  expect(await countTransactions(others)).toBe(1);
  expect(results.map((order) => order?.status)).toEqual(others.map(() => 'confirmed'));
  expect(await countChanges([twice, ...others])).toEqual([1, ...others.map(() => 1)]);
});

it('a record of released stock that waits for a lock holds up those beside it only briefly', async () => {
  const [locked, ...others] = await reserveMany();
  const { faults } = service.sandbox.services.inventory;
  // Long enough to lock the row between the change and the record.
  for (const { items } of [locked, ...others]) {
    const path = `/inventory/${items[0]?.productId}/replenish`;
    faults.add({ kind: 'delay', when: 'before', path, times: 1, ms: 500 });
  }
  await Promise.all([locked, ...others].map((order) => write(order, { to: 'cancelled' })));
  await whileLocked(locked, async () => {
    for (const { id } of others)
      await eventually(async () => (await reservationsOf(service, id)).includes('released'));
    expect(await reservationsOf(service, locked.id)).toEqual(['held']);
  });
  await eventually(async () => (await reservationsOf(service, locked.id)).includes('released'));
  const sql = `SELECT order_id FROM order_events WHERE order_id = ANY ($1) AND type = 'stock_released'`;
  expect(await select(sql, idsOf([locked, ...others]))).toHaveLength(COUNT);
});
