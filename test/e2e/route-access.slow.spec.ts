import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
// Must precede every import that creates a server.
import { routesOf } from '../support/routes.js';
import { newProduct, line, orderBody, placeOrder } from '../support/builders.js';
import { expectPrivate, expectShared } from '../support/caching.js';
import {
  API_KEYS,
  CUSTOMER,
  type Headers,
  type KnownCaller,
  knownCallers,
  unknownCallers,
} from '../support/callers.js';
import { TestIssuer } from '../support/issuer.js';
import { startTestService, type TestService } from '../support/service.js';

/** Expected statuses of a route by caller, and the request to send. */
interface Row {
  /** The path when the route has parameters: for an order of the customer. */
  path?: (orderId: string) => string;
  /** Whether each permitted caller needs a new order. */
  changes?: boolean;
  body?: unknown;
  /** The body when it names the order. */
  bodyFor?: (orderId: string) => unknown;
  /** Whether a successful response never ends, so that it can not be read completely. */
  isEndless?: boolean;
  answers: Record<KnownCaller, number>;
}

/** Routes without authentication; known callers get the same answer when a setting requires authentication. */
interface PublicRow {
  path?: string;
  answer: number;
  /** Whether no setting requires authentication. */
  isAlways?: boolean;
}

const FORBIDDEN: Record<KnownCaller, number> = {
  customer: 403,
  otherCustomer: 403,
  readingCustomer: 403,
  customerWithoutScopes: 403,
  overScoped: 403,
  admin: 403,
  reader: 403,
  shop: 403,
  warehouse: 403,
  operator: 403,
};

const CUSTOMERS_OWN = { customer: 200, otherCustomer: 404, readingCustomer: 200, overScoped: 200 };
const LISTS = { ...FORBIDDEN, ...CUSTOMERS_OWN, otherCustomer: 200, admin: 200, reader: 200 };
const ALLOWED = Object.fromEntries(Object.keys(FORBIDDEN).map((name) => [name, 200])) as typeof FORBIDDEN;
const PLACES = { ...FORBIDDEN, customer: 201, overScoped: 201, admin: 201, shop: 201 };
const PREVIEWS = { ...FORBIDDEN, customer: 200, overScoped: 200, admin: 200, shop: 200 };
const READS = { ...FORBIDDEN, ...CUSTOMERS_OWN, admin: 200, reader: 200 };
const CHANGES = { ...FORBIDDEN, admin: 200, warehouse: 200 };
const DELIVERIES = { ...FORBIDDEN, admin: 200, reader: 200, operator: 200 };
const OPERATES = { ...FORBIDDEN, admin: 200, operator: 200 };

let product = '';
const order = () => orderBody([line(product)]);

/** An order of the customer for all requests that change nothing. */
let unchanged = '';
const orderOfCustomer = () => placeOrder(service, { ...order(), customer_id: CUSTOMER }, known.admin);

const GUARDED: Record<string, Row> = {
  'POST /orders': { answers: { ...PLACES, otherCustomer: 201 } },
  'POST /orders/:id': { path: () => `/orders/${CUSTOMER}`, answers: PLACES },
  'POST /orders/preview': { answers: { ...PREVIEWS, otherCustomer: 200 } },
  'POST /orders/:customer_id/preview': { path: () => `/orders/${CUSTOMER}/preview`, answers: PREVIEWS },
  'GET /orders': { answers: LISTS },
  'HEAD /orders': { answers: LISTS },
  'GET /orders/export': { answers: LISTS },
  'HEAD /orders/export': { answers: LISTS },
  'GET /orders/stream': { isEndless: true, answers: LISTS },
  'HEAD /orders/stream': { answers: LISTS },
  'GET /events': { answers: LISTS },
  'HEAD /events': { answers: LISTS },
  'GET /orders/:id': { path: (id) => `/orders/${id}`, answers: READS },
  'HEAD /orders/:id': { path: (id) => `/orders/${id}`, answers: READS },
  'PUT /orders/:id': {
    path: (id) => `/orders/${id}`,
    body: { status: 'shipped' },
    changes: true,
    answers: CHANGES,
  },
  'PATCH /orders/:id': { path: (id) => `/orders/${id}`, body: { tags: ['seen'] }, answers: CHANGES },
  'POST /orders/bulk-status': {
    changes: true,
    bodyFor: (id) => ({ status: 'shipped', orders: [{ order_id: id }] }),
    answers: CHANGES,
  },
  'GET /orders/:order_id/events': { path: (id) => `/orders/${id}/events`, answers: READS },
  'HEAD /orders/:order_id/events': { path: (id) => `/orders/${id}/events`, answers: READS },
  'GET /operations/incidents': { answers: OPERATES },
  'HEAD /operations/incidents': { answers: OPERATES },
  'GET /operations/incidents/causes': { answers: OPERATES },
  'HEAD /operations/incidents/causes': { answers: OPERATES },
  'POST /operations/incidents/bulk': { body: { action: 'retry', kind: 'notification' }, answers: OPERATES },
  'GET /operations/figures': { answers: OPERATES },
  'HEAD /operations/figures': { answers: OPERATES },
  'GET /orders/:order_id/deliveries': { path: (id) => `/orders/${id}/deliveries`, answers: DELIVERIES },
  'HEAD /orders/:order_id/deliveries': { path: (id) => `/orders/${id}/deliveries`, answers: DELIVERIES },
  'POST /orders/:order_id/deliveries/:delivery_id/retry': {
    path: (id) => `/orders/${id}/deliveries/${id}/retry`,
    answers: { ...FORBIDDEN, admin: 404, operator: 404 },
  },
  'POST /operations/incidents/:incident_id': {
    path: (id) => `/operations/incidents/reservation-${id}-1-1`,
    body: { action: 'release' },
    answers: { ...FORBIDDEN, admin: 404, operator: 404 },
  },
  'POST /operations/notifications/redrive': { body: {}, answers: OPERATES },
  'POST /operations/personal-data/erase': {
    body: { customer_email: 'unknown@example.com' },
    answers: OPERATES,
  },
  'DELETE /customers/:customer_id/personal-data': {
    path: () => '/customers/unknown/personal-data',
    answers: OPERATES,
  },
  'DELETE /orders/:order_id/personal-data': {
    path: (id) => `/orders/${id}/personal-data`,
    changes: true,
    answers: OPERATES,
  },
  'GET /caller': { answers: ALLOWED },
  'HEAD /caller': { answers: ALLOWED },
  'GET /metrics': { answers: OPERATES },
  'HEAD /metrics': { answers: OPERATES },
};

const DOCS_FILE = '/docs/swagger-ui.css';

const PUBLIC: Record<string, PublicRow> = {
  'GET /': { answer: 200, isAlways: true },
  'HEAD /': { answer: 200, isAlways: true },
  'GET /health': { answer: 200 },
  'HEAD /health': { answer: 200 },
  'GET /health/live': { answer: 200 },
  'HEAD /health/live': { answer: 200 },
  'GET /health/ready': { answer: 200 },
  'HEAD /health/ready': { answer: 200 },
  'GET /problems': { answer: 200, isAlways: true },
  'HEAD /problems': { answer: 200, isAlways: true },
  'GET /problems/:name': { path: '/problems/invalid-credentials', answer: 200, isAlways: true },
  'HEAD /problems/:name': { path: '/problems/invalid-credentials', answer: 200, isAlways: true },
  'GET /admin': { answer: 200, isAlways: true },
  'HEAD /admin': { answer: 200, isAlways: true },
  'GET /admin/*': { path: '/admin/orders', answer: 200, isAlways: true },
  'HEAD /admin/*': { path: '/admin/orders', answer: 200, isAlways: true },
  'GET /admin/assets/*': { path: '/admin/assets/nothing.js', answer: 404, isAlways: true },
  'HEAD /admin/assets/*': { path: '/admin/assets/nothing.js', answer: 404, isAlways: true },
  'GET /docs': { answer: 200 },
  'HEAD /docs': { answer: 200 },
  'GET /docs/': { answer: 200 },
  'HEAD /docs/': { answer: 200 },
  'GET /docs/index.html': { answer: 200 },
  'HEAD /docs/index.html': { answer: 200 },
  'GET /docs/LICENSE': { answer: 404 },
  'HEAD /docs/LICENSE': { answer: 404 },
  'GET /docs/swagger-ui-init.js': { answer: 200 },
  'HEAD /docs/swagger-ui-init.js': { answer: 200 },
  'GET /docs/docs/swagger-ui-init.js': { answer: 200 },
  'HEAD /docs/docs/swagger-ui-init.js': { answer: 200 },
  'GET /docs-json': { answer: 200 },
  'HEAD /docs-json': { answer: 200 },
  'GET /docs-yaml': { answer: 200 },
  'HEAD /docs-yaml': { answer: 200 },
  'GET /docs/*': { path: DOCS_FILE, answer: 200 },
  'HEAD /docs/*': { path: DOCS_FILE, answer: 200 },
};

let issuer: TestIssuer;
let service: TestService;
let closed: TestService;
let open: TestService;
let known: Record<KnownCaller, Headers>;
let unknown: Record<string, Headers>;

beforeAll(async () => {
  issuer = await TestIssuer.start();
  const settings = { ...issuer.settings, AUTH: 'jwt,api-key', API_KEYS };
  service = await startTestService({ settings });
  closed = await startTestService({
    settings: { ...settings, HEALTH_PUBLIC: 'false', DOCS_PUBLIC: 'false' },
    beside: service,
  });
  open = await startTestService({ beside: service });
  known = await knownCallers(issuer);
  unknown = await unknownCallers(issuer);
  product = newProduct(service.sandbox, 1_000_000);
  unchanged = await orderOfCustomer();
});
afterAll(async () => {
  await open.stop();
  await closed.stop();
  await service.stop();
  await issuer.close();
});

function split(route: string): [method: string, path: string] {
  const [method = '', path = ''] = route.split(' ');
  return [method, path];
}

async function answerTo(on: TestService, route: string, row: Row, headers: Headers): Promise<number> {
  const [method, path] = split(route);
  const id = row.changes ? await orderOfCustomer() : unchanged;
  const body = row.bodyFor?.(id) ?? (route.startsWith('POST /orders') ? order() : row.body);
  if (row.isEndless) {
    const status = await statusOf(`${on.url}${path}`, headers);
    if (status === 200) return status;
  }
  const answer = await on.request(method, row.path?.(id) ?? path, body, headers);
  expectPrivate(answer.headers);
  if (answer.status === 401) expectChallenge(answer.headers, method === 'HEAD' ? null : answer.body);
  return answer.status;
}

/** The status of a response whose body is not read. */
async function statusOf(url: string, headers: Headers): Promise<number> {
  const response = await fetch(url, { headers });
  await response.body?.cancel();
  expectPrivate(response.headers);
  return response.status;
}

function expectChallenge(headers: globalThis.Headers, body: unknown): void {
  expect(headers.get('www-authenticate')).toMatch(
    /^Bearer realm="order-service".*, ApiKey realm="order-service"/,
  );
  if (body !== null) expect(body).toMatchObject({ type: expect.any(String), status: 401 });
}

async function answersTo(route: string, row: Row, callers: Record<string, Headers>) {
  const answers: Record<string, number> = {};
  for (const [name, headers] of Object.entries(callers)) {
    answers[name] = await answerTo(service, route, row, headers);
  }
  return answers;
}

/** The same status for each caller. */
function all(callers: Record<string, Headers>, status: number): Record<string, number> {
  return Object.fromEntries(Object.keys(callers).map((name) => [name, status]));
}

async function publicAnswers(
  on: TestService,
  route: string,
  row: PublicRow,
  callers: Record<string, Headers>,
) {
  const [method, path] = split(route);
  const answers: Record<string, number> = {};
  for (const [name, headers] of Object.entries(callers)) {
    const answer = await on.request(method, row.path ?? path, undefined, headers);
    const isSame = row.isAlways || (on !== closed && path.startsWith('/docs'));
    if (isSame) expectShared(answer);
    else expectPrivate(answer.headers);
    answers[name] = answer.status;
  }
  return answers;
}

describe('route access table', () => {
  it('has a row for every route, and a route for every row', () => {
    const routes = routesOf(service.app.getHttpAdapter().getInstance());
    expect(routes.toSorted()).toEqual([...Object.keys(GUARDED), ...Object.keys(PUBLIC)].toSorted());
  });

  it.each(Object.entries(GUARDED))('%s: returns 401 without valid credentials', async (route, row) => {
    expect(await answersTo(route, row, unknown)).toEqual(all(unknown, 401));
  });

  it.each(Object.entries(GUARDED))('%s: returns its expected status to known callers', async (route, row) => {
    expect(await answersTo(route, row, known)).toEqual(row.answers);
  });

  it.each(Object.entries(PUBLIC))('%s: is public', async (route, row) => {
    const callers = { ...unknown, ...known };
    expect(await publicAnswers(service, route, row, callers)).toEqual(all(callers, row.answer));
  });

  it.each(Object.entries(PUBLIC))('%s: needs a caller if so configured', async (route, row) => {
    expect(await publicAnswers(closed, route, row, unknown)).toEqual(
      all(unknown, row.isAlways ? row.answer : 401),
    );
    expect(await publicAnswers(closed, route, row, known)).toEqual(all(known, row.answer));
  });

  it.each(Object.entries(GUARDED))('%s: accepts every caller with AUTH=none', async (route, row) => {
    expect(await answerTo(open, route, row, {})).toBe(row.answers.admin);
  });
});
