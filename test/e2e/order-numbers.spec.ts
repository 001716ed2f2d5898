import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem, line, newProduct, orderBody, selectRows } from '../support/builders.js';
import { API_KEYS, type Headers, knownCallers } from '../support/callers.js';
import { getOrder } from '../support/client.js';
import { newReference } from '../support/details.js';
import { TestIssuer } from '../support/issuer.js';
import { startTestService, type TestResponse, type TestService } from '../support/service.js';

let service: TestService;
let issuer: TestIssuer;
let guarded: TestService;
let callers: Awaited<ReturnType<typeof knownCallers>>;
let product = '';

beforeAll(async () => {
  service = await startTestService();
  product = newProduct(service.sandbox, 100_000);
  issuer = await TestIssuer.start();
  guarded = await startTestService({
    settings: { ...issuer.settings, AUTH: 'jwt,api-key', API_KEYS, ORDER_NUMBER_PREFIX: 'A-' },
    beside: service,
  });
  callers = await knownCallers(issuer);
});
afterAll(async () => {
  await guarded.stop();
  await issuer.close();
  await service.stop();
});

const place = (more: object = {}, at = service, as: Headers = {}): Promise<TestResponse> =>
  at.request('POST', '/orders', { ...orderBody([line(product)]), ...more }, as);

const lastNumber = async (): Promise<number> => {
  const [row] = await selectRows<{ last: string }>(
    service.database,
    'SELECT last_value AS last FROM order_numbers',
  );
  return Number(row?.last);
};

describe('the number of an order', () => {
  it('begins at 1001 and ascends', async () => {
    const fresh = await startTestService();
    const items = [line(newProduct(fresh.sandbox, 100))];
    const first = await place({ items }, fresh);
    expect(first.body.number).toBe('1001');
    expect((await getOrder(fresh, first.body.order_id as string)).number).toBe('1001');
    const placed = await Promise.all(Array.from({ length: 20 }, () => place({ items }, fresh)));
    await fresh.stop();
    const numbers = placed.map(({ body }) => Number(body.number));
    expect(new Set(numbers).size).toBe(20);
    expect(Math.min(...numbers)).toBeGreaterThan(1001);
  });

  it('has the prefix of the settings', async () => {
    const { body } = await place({}, guarded, callers.shop);
    expect(body.number).toMatch(/^A-\d+$/);
  });

  it('may be chosen by the client, once', async () => {
    const first = await place({ number: 'M-1' });
    expect([first.status, first.body.number]).toEqual([201, 'M-1']);
    const second = await place({ number: 'M-1' });
    expectProblem(second, 409);
    expect(second.body).toMatchObject({
      type: '/problems/number-already-used',
      order_id: first.body.order_id,
    });
    const { body } = await service.request('POST', '/orders/preview', {
      items: [line(product)],
      number: 'M-1',
    });
    expect(body).toMatchObject({ can_be_placed: false, problems: [{ order_id: first.body.order_id }] });
  });

  it('is given once to concurrent requests', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => place({ number: 'M-2' })));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(7);
  });

  it('may be chosen again after the order was rejected', async () => {
    const own = newProduct(service.sandbox);
    const rule = { kind: 'status', method: 'PUT', path: `/inventory/${own}/reserve` } as const;
    service.sandbox.services.inventory.faults.add({ ...rule, status: 400, times: 1 });
    const more = { items: [line(own)], number: 'M-3', ...newReference() };
    expectProblem(await place(more), 400);
    expect((await place(more)).status).toBe(201);
  });

  it('is never one that a client has chosen, however many those are', async () => {
    const next = (await lastNumber()) + 1;
    await selectRows(
      service.database,
      `INSERT INTO order_claims (kind, value, order_id)
       SELECT 'number', n::text, gen_random_uuid() FROM generate_series($1::int, $1::int + 999) n`,
      [next],
    );
    const { status, body } = await place();
    expect(status).toBe(201);
    expect(Number(body.number)).toBeGreaterThanOrEqual(next + 1000);
  });

  it('may be chosen by API keys and staff, and not by customers', async () => {
    expect((await place({ number: 'K-1' }, guarded, callers.shop)).status).toBe(201);
    expect((await place({ number: 'K-2' }, guarded, callers.admin)).status).toBe(201);
    for (const path of ['/orders', '/orders/preview']) {
      const body = { ...orderBody([line(product)]), number: 'K-3' };
      const refused = await guarded.request('POST', path, body, callers.customer);
      expectProblem(refused, 403);
      expect(refused.body.type).toBe('/problems/insufficient-scope');
    }
    expect((await place({}, guarded, callers.customer)).status).toBe(201);
  });
});

describe('the reference of a customer', () => {
  it('is its own: it takes none from the shop or another customer, and learns of none', async () => {
    const reference = newReference();
    const ids = new Set<unknown>();
    for (const caller of [callers.customer, callers.otherCustomer, callers.shop]) {
      const first = await place(reference, guarded, caller);
      expect(first.status).toBe(201);
      expect((await place(reference, guarded, caller)).body).toEqual(first.body);
      ids.add(first.body.order_id);
    }
    expect(ids.size).toBe(3);
  });
});
