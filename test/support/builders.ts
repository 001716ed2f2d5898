import { expect } from '@jest/globals';
import { Client } from 'pg';
import { upstreamStates } from '../../src/platform/upstream/upstream-circuit.js';
import type { CallRecord, ServiceName } from '../../src/sandbox/service-server.js';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/sandbox.js';
import type { LedgerEntry } from '../../src/sandbox/stock.js';
import { type PlaceOrderBody, type PlacementHeaders, succeeded, type WithApi } from './client.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { eventually, readAnswer, startTestService, type TestResponse, type TestService } from './service.js';

/** The media type of every error answer. */
export const PROBLEM_JSON = 'application/problem+json';

/** The form of an order's id: a UUIDv7. */
export const ORDER_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** An instant in UTC, as all answers write it. */
export const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

export type OrderLine = PlaceOrderBody['items'][number];

/** One line of an order. */
export function line(productId: string | number, quantity = 1, price?: number): OrderLine {
  return { product_id: productId, quantity, ...(price !== undefined && { price }) };
}

/** A body that `POST /orders` accepts, with one unit of PROD001 unless lines are given. */
export function orderBody(
  items: OrderLine[] = [line('PROD001')],
  more: Partial<PlaceOrderBody> = {},
): PlaceOrderBody {
  return { customer_name: 'Alice Johnson', customer_email: 'alice@example.com', items, ...more };
}

/** Places an order that has to be confirmed. @returns its id */
export async function placeOrder(
  { api }: WithApi,
  body: PlaceOrderBody = orderBody(),
  header: PlacementHeaders = {},
): Promise<string> {
  const placed = await succeeded(api.POST('/orders', { body, params: { header } }));
  if (placed.status !== 'confirmed') throw new Error(`the order is ${placed.status}`);
  return placed.order_id;
}

/** Reads rows straight from the database, past the service. */
export async function selectRows<Row extends object>(
  database: TestDatabase,
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  try {
    return (await client.query<Row>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

/** How many orders there are in each status. */
export async function countByStatus(database: TestDatabase): Promise<Record<string, number>> {
  const rows = await selectRows<{ status: string; count: number }>(
    database,
    'SELECT status, count(*)::int AS count FROM orders GROUP BY status',
  );
  return Object.fromEntries(rows.map((row) => [row.status, row.count]));
}

/** How many rows each of the tables has that a request could write to. */
export async function countRows(database: TestDatabase): Promise<Record<string, number>> {
  const tables = [
    'orders',
    'order_items',
    'order_events',
    'idempotency_keys',
    'cart_claims',
    'product_catalog_movements',
  ];
  const counts = tables.map((table) => `(SELECT count(*)::int FROM ${table}) AS ${table}`);
  const [row] = await selectRows<Record<string, number>>(database, `SELECT ${counts.join(', ')}`);
  return row ?? {};
}

/** The calls that the stand-ins have received, of one service or of all of them. */
export function callsTo(sandbox: Sandbox, ...names: ServiceName[]): CallRecord[] {
  const services = names.length > 0 ? names.map((name) => sandbox.services[name]) : allServices(sandbox);
  return services.flatMap((service) => service.calls.all());
}

function allServices(sandbox: Sandbox) {
  return Object.values(sandbox.services);
}

/** Removes every fault rule and lets hanging calls go on, so that the next test meets healthy stand-ins. */
export function clearFaults(sandbox: Sandbox): void {
  for (const service of allServices(sandbox)) {
    service.faults.clear();
    service.faults.release();
  }
}

/** What has really happened to the stock of a product; repetitions that changed nothing are left out. */
export function movementsOf(sandbox: Sandbox, product: string): LedgerEntry[] {
  return sandbox.stock.ledger.all().filter((entry) => entry.product === product && !entry.replay);
}

/** Sets the stock of a product, creating the product if need be. */
export function setStock(sandbox: Sandbox, id: string, quantity: number, price = 10): void {
  const name = sandbox.stock.find(id)?.name ?? `Product ${id}`;
  sandbox.stock.put({ id, name, price, quantity }, { route: 'test', key: null });
}

export function stockOf(sandbox: Sandbox, id: string): number | undefined {
  return sandbox.stock.find(id)?.quantity;
}

let productsMade = 0;

/** Makes a product that costs 10, for one test alone, so that its ledger shows nothing else. @returns its id */
export function newProduct(sandbox: Sandbox, quantity = 10): string {
  productsMade += 1;
  // Digits, so that system B, which has integers for ids, can have it too.
  const id = String(1000 + productsMade);
  setStock(sandbox, id, quantity);
  return id;
}

/** What orders took from the stock of a product, and gave back to it, one after another. */
export function takenFrom(sandbox: Sandbox, product: string): number[] {
  return movementsOf(sandbox, product)
    .filter((entry) => entry.route !== 'test')
    .map((entry) => entry.delta);
}

/** The statuses of all orders with a line of a product. */
export async function statusesOfOrdersOf(database: TestDatabase, product: string): Promise<string[]> {
  const rows = await selectRows<{ status: string }>(
    database,
    'SELECT status FROM orders WHERE id IN (SELECT order_id FROM order_items WHERE product_id = $1) ORDER BY id',
    [product],
  );
  return rows.map((row) => row.status);
}

export function placeWithKey(
  service: TestService,
  key: string,
  body: unknown,
  path = '/orders',
): Promise<TestResponse> {
  return service.request('POST', path, body, { 'idempotency-key': key });
}

/** Whether an answer says that it was given before. */
export function isReplay(answer: TestResponse): boolean {
  return answer.headers.get('idempotency-replayed') === 'true';
}

/** The statuses of which the customer of an order was told, in the order of their arrival; repetitions left out. */
export function statusesTold(sandbox: Sandbox, orderId: string): string[] {
  const messages = sandbox.notifications.messages.all();
  return messages.filter((message) => message.order_id === orderId && message.delivered).map((m) => m.status);
}

/** Sends bytes as they are, with no header that was not asked for. */
export async function sendBytes(
  url: string,
  method: string,
  body: string | Uint8Array<ArrayBuffer> | undefined,
  headers: Record<string, string>,
): Promise<TestResponse> {
  // Of bytes, unlike of text, the client does not announce a type of its own accord.
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  const response = await fetch(url, { method, headers, ...(bytes !== undefined && { body: bytes }) });
  return readAnswer(method, url, response);
}

/** A problem is short; an answer that should have been one may be a list of orders. */
const SHOWN_CHARACTERS = 500;

/** What no answer may ever show: where the code stands, what the database said, whose error it was. */
const INSIDE =
  /node_modules|\.[jt]s:\d+|\bat \S+ \(|SELECT|INSERT|QueryFailed|FST_ERR|TypeError|\[native code\]/;

/**
 * Expects a refusal as all of them are: problem details, and nothing of the inside of the service.
 *
 * @param fields all fields that it has to name, and no others; any where it is left out
 */
export function expectProblem(answer: TestResponse, status: number, fields?: readonly string[]): void {
  const text = JSON.stringify(answer.body);
  const shown = text.slice(0, SHOWN_CHARACTERS);
  // The body is compared along with the status, so that a failure shows what was answered.
  expect({ status: answer.status, shown }).toEqual({ status, shown });
  expect(answer.headers.get('content-type')).toContain(PROBLEM_JSON);
  expect(answer.body).toMatchObject({ status, type: expect.stringMatching(/^\/problems\/[a-z-]+$/) });
  expect(answer.body.title).not.toBe('');
  expect(text).not.toMatch(INSIDE);
  if (!fields) return;
  const named = (answer.body.errors as { field: string }[]).map((error) => error.field);
  expect([...new Set(named)].toSorted()).toEqual([...fields].toSorted());
}

/** Instances of the service that share stand-ins and a database. */
export interface TestFleet {
  services: TestService[];
  sandbox: Sandbox;
  database: TestDatabase;
  stop(): Promise<void>;
}

/**
 * Starts instances of the service on the same stand-ins and the same database.
 *
 * @param settingsFor their settings, which may depend on where the stand-ins listen
 */
export async function startFleet(
  count: number,
  settingsFor: (sandbox: Sandbox) => Record<string, string> = () => ({}),
  options: SandboxOptions = {},
): Promise<TestFleet> {
  const ports = { inventory: 0, notification: 0, catalog: 0, carts: 0 };
  const sandbox = await startSandbox({ ports, ...options });
  const database = await createTestDatabase();
  const services: TestService[] = [];
  for (let index = 0; index < count; index += 1) {
    const settings = settingsFor(sandbox);
    services.push(await startTestService({ settings, beside: { sandbox, database } }));
  }
  const stop = async (): Promise<void> => {
    await Promise.all(services.map((service) => service.stop()));
    await sandbox.close();
    await database.drop();
  };
  return { services, sandbox, database, stop };
}

/** Makes the catalog of system B the inventory. The stand-in answers parallel calls correctly unless it is told otherwise. */
export function catalogSettings(sandbox: Sandbox): Record<string, string> {
  return { PRODUCT_CATALOG_SERVICE_URL: sandbox.urls.catalog, PRODUCT_CATALOG_CONCURRENCY: '100' };
}

/** Removes every fault, and waits until no service is left alone any more for having failed. */
export async function endFaults(sandbox: Sandbox): Promise<void> {
  clearFaults(sandbox);
  await eventually(() => upstreamStates().every(({ state }) => state !== 'open'));
}

/** Ends an outage of the notification service, and waits until the service trusts it again, having left it alone. */
export async function endOutage(service: TestService): Promise<void> {
  clearFaults(service.sandbox);
  const isTold = async (): Promise<boolean> => {
    const id = await placeOrder(service, orderBody([line(newProduct(service.sandbox))]));
    return eventually(() => statusesTold(service.sandbox, id).length === 1, 500).catch(() => false);
  };
  // The first message that arrives may be the one with which the service still tries whether the other is back.
  await eventually(async () => (await isTold()) && (await isTold()));
}

/**
 * Ends an outage of the inventory or the carts, and waits until the service trusts them again. It finds out with orders
 * that come to nothing: of a product that there is not, and of a customer without a cart.
 */
export async function restoreUpstreams(
  service: Pick<TestService, 'request'>,
  sandbox: Sandbox,
): Promise<void> {
  clearFaults(sandbox);
  await eventually(async () => {
    const asked = upstreamStates().filter(({ upstream }) => upstream !== 'notification service');
    if (asked.every(({ state }) => state === 'closed')) return true;
    await service.request('POST', '/orders', orderBody([line('no-such-product')]));
    await service.request('POST', '/orders/nobody');
    return false;
  });
}
