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
import { GUARDED, PUBLIC, type PublicRow, type Row } from './route-table.js';

let product = '';
const order = () => orderBody([line(product)]);

/** An order of the customer for all requests that change nothing. */
let unchanged = '';

/** An endpoint of webhooks for the same. */
let webhook = '';
const orderOfCustomer = () => placeOrder(service, { ...order(), customer_id: CUSTOMER }, known.admin);

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
  const created = await service.request('POST', '/webhooks', GUARDED['POST /webhooks']?.body, known.admin);
  webhook = created.body.id;
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
  const body = row.bodyFor?.(id) ?? row.body ?? (route.startsWith('POST /orders') ? order() : undefined);
  if (row.isEndless) {
    const status = await statusOf(`${on.url}${path}`, headers);
    if (status === 200) return status;
  }
  const answer = await on.request(method, row.path?.(id, webhook) ?? path, body, headers);
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
