import { expect } from '@jest/globals';
import { Client } from 'pg';
import { upstreamStates } from '../../src/platform/upstream/upstream-circuit.js';
import type { CallRecord, ServiceName } from '../../sandbox/service-server.js';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../sandbox/sandbox.js';
import type { LedgerEntry } from '../../sandbox/stock.js';
import { type PlaceOrderBody, type PlacementHeaders, succeeded, type WithApi } from './client.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { eventually, readAnswer, startTestService, type TestResponse, type TestService } from './service.js';

/** The media type of every error response. */
export const PROBLEM_JSON = 'application/problem+json';

/** The form of an order id: a UUIDv7. */
export const ORDER_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** An instant in UTC, as all responses format it. */
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

/** Places an order and expects it to be confirmed. @returns its id */
export async function placeOrder(
  { api }: WithApi,
  body: PlaceOrderBody = orderBody(),
  header: PlacementHeaders = {},
): Promise<string> {
  const placed = await succeeded(api.POST('/orders', { body, params: { header } }));
  if (placed.status !== 'confirmed') throw new Error(`the order is ${placed.status}`);
  return placed.order_id;
}

/** Reads rows directly from the database. */
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

/** Number of orders per status. */
export async function countByStatus(database: TestDatabase): Promise<Record<string, number>> {
  const rows = await selectRows<{ status: string; count: number }>(
    database,
    'SELECT status, count(*)::int AS count FROM orders GROUP BY status',
  );
  return Object.fromEntries(rows.map((row) => [row.status, row.count]));
}

/** Number of rows in each table that a request could write to. */
export async function countRows(database: TestDatabase): Promise<Record<string, number>> {
  const tables = [
    'orders',
    'order_items',
    'order_events',
    'idempotency_keys',
    'order_claims',
    'product_catalog_movements',
  ];
  const counts = tables.map((table) => `(SELECT count(*)::int FROM ${table}) AS ${table}`);
  const [row] = await selectRows<Record<string, number>>(database, `SELECT ${counts.join(', ')}`);
  return row ?? {};
}

/** The calls that the stand-ins have received, for one service or all of them. */
export function callsTo(sandbox: Sandbox, ...names: ServiceName[]): CallRecord[] {
  const services = names.length > 0 ? names.map((name) => sandbox.services[name]) : allServices(sandbox);
  return services.flatMap((service) => service.calls.all());
}

function allServices(sandbox: Sandbox) {
  return Object.values(sandbox.services);
}

/** Removes every fault rule and releases hanging calls, so that the next test starts without faults. */
export function clearFaults(sandbox: Sandbox): void {
  for (const service of allServices(sandbox)) {
    service.faults.clear();
    service.faults.release();
  }
}

/** Effective changes of the stock of a product; replayed calls are left out. */
export function movementsOf(sandbox: Sandbox, product: string): LedgerEntry[] {
  return sandbox.stock.ledger.all().filter((entry) => entry.product === product && !entry.replay);
}

/** Sets the stock of a product, and creates the product if needed. */
export function setStock(sandbox: Sandbox, id: string, quantity: number, price = 10): void {
  const name = sandbox.stock.find(id)?.name ?? `Product ${id}`;
  sandbox.stock.put({ id, name, price, quantity }, { route: 'test', key: null });
}

export function stockOf(sandbox: Sandbox, id: string): number | undefined {
  return sandbox.stock.find(id)?.quantity;
}

let productsMade = 0;

/** Creates a product with the price 10 for one test, so that its ledger has no other entries. @returns its id */
export function newProduct(sandbox: Sandbox, quantity = 10): string {
  productsMade += 1;
  // Digits, because system B has integer ids; many of them, so that none is the number of an order.
  const id = String(500_000 + productsMade);
  setStock(sandbox, id, quantity);
  return id;
}

/** Units that orders took from the stock of a product and returned to it, in order. */
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

/** Whether a response was replayed. */
export function isReplay(answer: TestResponse): boolean {
  return answer.headers.get('idempotency-replayed') === 'true';
}

/** The statuses of an order that its customer was notified of, in order of arrival, without repeated messages. */
export function statusesTold(sandbox: Sandbox, orderId: string): string[] {
  const messages = sandbox.notifications.messages.all();
  return messages.filter((message) => message.order_id === orderId && message.delivered).map((m) => m.status);
}

/** Sends bytes with the given headers only. */
export async function sendBytes(
  url: string,
  method: string,
  body: string | Uint8Array<ArrayBuffer> | undefined,
  headers: Record<string, string>,
): Promise<TestResponse> {
  // For bytes, unlike for text, fetch adds no content type.
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  const response = await fetch(url, { method, headers, ...(bytes !== undefined && { body: bytes }) });
  return readAnswer(method, url, response);
}

/** Limit for problem bodies in error messages: a response of another kind may be a long list of orders. */
const SHOWN_CHARACTERS = 500;

/** Texts that no response may contain: code locations, database messages and error class names. */
const INSIDE =
  /node_modules|\.[jt]s:\d+|\bat \S+ \(|SELECT|INSERT|QueryFailed|FST_ERR|TypeError|\[native code\]/;

/**
 * Expects an error response: problem details without internal information.
 *
 * @param fields exactly the fields that it must name; any when omitted
 */
export function expectProblem(answer: TestResponse, status: number, fields?: readonly string[]): void {
  const text = JSON.stringify(answer.body);
  const shown = text.slice(0, SHOWN_CHARACTERS);
  // The body is compared along with the status, so that a failure shows the response.
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
 * Starts instances of the service with the same stand-ins and database.
 *
 * @param settingsFor their settings, which may depend on the ports of the stand-ins
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

/** Uses the catalog of system B as the inventory. By default the stand-in handles parallel calls correctly. */
export function catalogSettings(sandbox: Sandbox): Record<string, string> {
  return { PRODUCT_CATALOG_SERVICE_URL: sandbox.urls.catalog, PRODUCT_CATALOG_CONCURRENCY: '100' };
}

/** Removes every fault, and waits until no circuit is open. */
export async function endFaults(sandbox: Sandbox): Promise<void> {
  clearFaults(sandbox);
  await eventually(() => upstreamStates().every(({ state }) => state !== 'open'));
}

/** Ends an outage of the notification service, and waits until its circuit is closed. */
export async function endOutage(service: TestService): Promise<void> {
  clearFaults(service.sandbox);
  const isTold = async (): Promise<boolean> => {
    const id = await placeOrder(service, orderBody([line(newProduct(service.sandbox))]));
    return eventually(() => statusesTold(service.sandbox, id).length === 1, 500).catch(() => false);
  };
  // The first message that arrives may be the trial call of the open circuit.
  await eventually(async () => (await isTold()) && (await isTold()));
}

/**
 * Ends an outage of the inventory or the carts, and waits until their circuits are closed. The trial calls come from
 * orders without an effect: for an unknown product, and for a customer without a cart.
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
    await service.request('POST', '/orders/unknown');
    return false;
  });
}
