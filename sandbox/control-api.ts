import type { BoundedLog, LogPage, Numbered } from './bounded-log.ts';
import { type CartBook, type CartSeed, readCarts } from './cart.server.ts';
import type { FaultKind, FaultRule, Faults } from './faults.ts';
import { type Answer, answer, refusal } from './idempotency.ts';
import {
  BadInput,
  type Fields,
  MAX_QUANTITY,
  readFields,
  readId,
  readInteger,
  readNumber,
  readText,
} from './input.ts';
import type { NotificationBook } from './notification.server.ts';
import type { Call, ServiceServer } from './service-server.ts';
import { readLines } from './reservations/reserved-lines.ts';
import { MAX_PRODUCTS, readProducts, type Stock, type StockedProduct } from './stock.ts';

/** What the control calls work on. */
export interface Controlled {
  readonly stock: Stock;
  readonly notifications: NotificationBook;
  readonly carts: CartBook;
  /** Resets everything. Omitted parts get their state from the start. */
  reset(initial: { stock?: readonly StockedProduct[]; carts?: readonly CartSeed[] }): void;
}

/** Entries of a log in one answer, at most: some 25 MB of JSON. */
const MAX_PAGE = 100_000;

/** Longer than any test waits; it bounds how long a held call occupies memory. */
const MAX_WAIT_MS = 600_000;

const MAX_COUNT = 1_000_000_000;
const MAX_SEED = 0xffff_ffff;

function optional<T>(value: unknown, read: (given: unknown) => T): T | undefined {
  return value === undefined || value === null ? undefined : read(value);
}

function oneOf<T extends string>(value: unknown, name: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw new BadInput(`${name} must be one of ${allowed.join(', ')}`);
  return found;
}

/** As an object, because then the compiler sees when one is missing. */
const FAULT_KINDS: Record<FaultKind, FaultKind> = {
  delay: 'delay',
  hang: 'hang',
  refuse: 'refuse',
  reset: 'reset',
  status: 'status',
  garbage: 'garbage',
  truncate: 'truncate',
  away: 'away',
};

const RULE_FIELDS = new Set(
  'kind when method path skip times probability seed ms status retry_after_seconds for_ms'.split(' '),
);

/**
 * Reads a rule as the control calls carry it: the fields of `FaultRule` in snake_case.
 *
 * @throws {BadInput} also for a field that doesn't exist: a misspelt one would make a test pass that tests nothing
 */
export function readFaultRule(body: unknown): FaultRule {
  const fields = readFields(body, 'the rule');
  const stranger = Object.keys(fields).find((name) => !RULE_FIELDS.has(name));
  if (stranger !== undefined) throw new BadInput(`${stranger} is not a field of a fault rule`);
  const integer = (name: string, min: number, max: number): number | undefined =>
    optional(fields[name], (value) => readInteger(value, name, min, max));
  return {
    kind: oneOf(fields['kind'], 'kind', Object.values(FAULT_KINDS)),
    when: optional(fields['when'], (value) => oneOf(value, 'when', ['before', 'after'])),
    method: optional(fields['method'], (value) => readText(value, 'method')),
    path: optional(fields['path'], (value) => readText(value, 'path')),
    skip: integer('skip', 0, MAX_COUNT),
    times: integer('times', 1, MAX_COUNT),
    probability: optional(fields['probability'], (value) => readNumber(value, 'probability', 0, 1)),
    seed: integer('seed', 0, MAX_SEED),
    ms: integer('ms', 0, MAX_WAIT_MS),
    status: integer('status', 400, 599),
    retryAfterSeconds: integer('retry_after_seconds', 0, MAX_WAIT_MS),
    forMs: integer('for_ms', 0, MAX_WAIT_MS),
  };
}

/** A part of a log, as the query `?after=<sequence>&limit=<entries>` asks for it. */
function pageOf<T extends Numbered>(log: BoundedLog<T>, { query }: Call): LogPage<T> {
  const fields = readFields(query, 'the query');
  const read = (name: string, otherwise: number, max: number): number => {
    const value = fields[name];
    return value === undefined ? otherwise : readInteger(Number(value), name, 0, max);
  };
  return log.page(read('after', 0, Number.MAX_SAFE_INTEGER), read('limit', MAX_PAGE, MAX_PAGE));
}

function listFaults(faults: Faults): Answer {
  const rules = faults.list().map(({ rule: { retryAfterSeconds, forMs, ...rule }, ...state }) => ({
    ...state,
    ...rule,
    retry_after_seconds: retryAfterSeconds,
    for_ms: forMs,
  }));
  return answer(200, { rules, injected: faults.counts, held: faults.held });
}

function addFaultControls(server: ServiceServer): void {
  const { faults } = server;
  server.control('GET', 'faults', () => listFaults(faults));
  server.control('POST', 'faults', ({ body }) => answer(201, { id: faults.add(readFaultRule(body)) }));
  server.control('POST', 'faults/release', () => answer(200, { released: faults.release() }));
  server.control('DELETE', 'faults', () => {
    faults.clear();
    return { status: 204, body: '' };
  });
  server.control('DELETE', 'faults/:id', ({ params }) =>
    faults.remove(Number(params['id'])) ? { status: 204, body: '' } : refusal(404, 'No such fault rule'),
  );
}

/** Sets the quantity of a product, and its name and price where they are given; creates it if need be. */
function putStock(stock: Stock, call: Call): Answer {
  const id = readId(call.params['id'], 'the product');
  const fields: Fields = readFields(call.body, 'the body');
  const existing = stock.find(id);
  if (!existing && stock.list().length >= MAX_PRODUCTS) {
    return refusal(409, `There are ${MAX_PRODUCTS} products already`);
  }
  const product: StockedProduct = {
    id,
    name: optional(fields['name'], (value) => readText(value, 'name')) ?? existing?.name ?? `Product ${id}`,
    price:
      optional(fields['price'], (value) => readNumber(value, 'price', 0, Number.MAX_SAFE_INTEGER)) ??
      existing?.price ??
      1,
    quantity: readInteger(fields['quantity'], 'quantity', 0, MAX_QUANTITY),
  };
  stock.put(product, call);
  return answer(200, product);
}

function addStateControls(server: ServiceServer, controlled: Controlled): void {
  const { stock, notifications, carts } = controlled;
  server.control('GET', 'stock', () =>
    answer(200, {
      products: stock.list(),
      reservations: [...stock.reservations].map(([id, items]) => ({ reservation_id: id, items })),
    }),
  );
  server.control('PUT', 'stock/:id', (call) => putStock(stock, call));
  server.control('GET', 'ledger', (call) => answer(200, pageOf(stock.ledger, call)));
  server.control('GET', 'notifications', (call) => answer(200, pageOf(notifications.messages, call)));
  server.control('GET', 'carts', (call) =>
    answer(200, { carts: carts.list(), changes: pageOf(carts.changes, call) }),
  );
  server.control('PUT', 'carts/:customer', (call) => {
    const customer = readId(call.params['customer'], 'the customer');
    const lines = readLines(readFields(call.body, 'the body')['items']);
    return answer(200, { cart: carts.give(customer, lines, call) });
  });
  server.control('GET', 'calls', (call) => answer(200, pageOf(server.calls, call)));
  server.control('POST', 'reset', ({ body }) => {
    const fields = readFields(body ?? {}, 'the body');
    controlled.reset({
      stock: optional(fields['stock'], readProducts),
      carts: optional(fields['carts'], readCarts),
    });
    return { status: 204, body: '' };
  });
}

/**
 * Adds the control calls under `/sandbox/`. They are the same on every server: `faults` and `calls` concern the server
 * that is asked, all else the whole sandbox.
 */
export function addControls(server: ServiceServer, controlled: Controlled): void {
  addStateControls(server, controlled);
  addFaultControls(server);
}
