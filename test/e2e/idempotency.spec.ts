import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  callsTo,
  clearFaults,
  countRows,
  expectProblem,
  isReplay,
  line,
  newProduct,
  orderBody,
  placeWithKey,
  selectRows,
  statusesOfOrdersOf,
  statusesTold,
  takenFrom,
} from '../support/builders.js';
import { setStatus } from '../support/client.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});

afterEach(() => clearFaults(service.sandbox));

afterAll(() => service.stop());

describe('repeated Idempotency-Key', () => {
  it('places one order, makes one reservation and replays the response', async () => {
    const product = newProduct(service.sandbox);
    const body = orderBody([line(product, 2)]);
    const first = await placeWithKey(service, 'twice', body);
    const second = await placeWithKey(service, 'twice', body);

    expect([first.status, isReplay(first)]).toEqual([201, false]);
    expect([second.status, isReplay(second)]).toEqual([201, true]);
    expect(second.body).toEqual(first.body);
    for (const header of ['location', 'etag', 'content-type']) {
      expect(second.headers.get(header)).toBe(first.headers.get(header));
    }
    expect(await statusesOfOrdersOf(service.database, product)).toEqual(['confirmed']);
    expect(takenFrom(service.sandbox, product)).toEqual([-2]);
    const told = await eventually(() => {
      const statuses = statusesTold(service.sandbox, first.body.order_id);
      return statuses.length > 0 ? statuses : undefined;
    });
    expect(told).toEqual(['confirmed']);
  });

  it('replays the first response even when the order has changed since', async () => {
    const body = orderBody([line(newProduct(service.sandbox))]);
    const first = await placeWithKey(service, 'moved-on', body);
    await setStatus(service, first.body.order_id, 'cancelled');
    const second = await placeWithKey(service, 'moved-on', body);
    expect([second.status, second.body]).toEqual([201, first.body]);
  });

  it('is the same key quoted or bare', async () => {
    const body = orderBody([line(newProduct(service.sandbox))]);
    const first = await placeWithKey(service, '"quoted"', body);
    const second = await placeWithKey(service, 'quoted', body);
    expect([second.status, isReplay(second), second.body]).toEqual([201, true, first.body]);
  });

  it('matches the same request in another form of JSON', async () => {
    const product = newProduct(service.sandbox);
    const first = await placeWithKey(
      service,
      'form',
      orderBody([line(product, 1, 10)], { expected_total: 10 }),
    );
    const other = `{ "expected_total": 10.00, "items": [{"price": 1e1, "quantity": 1.0, "product_id": ${product}}],
      "customer_email": "alice@example.com", "customer_name": "\\u0041lice Johnson" }`;
    const second = await placeWithKey(service, 'form', other);
    expect([second.status, isReplay(second), second.body]).toEqual([201, true, first.body]);
  });
});

describe('identical requests', () => {
  it('place two orders with different keys or without a key', async () => {
    const product = newProduct(service.sandbox);
    const body = orderBody([line(product)]);
    for (const key of ['one', 'One', 'one ']) await placeWithKey(service, `${key}x`, body);
    await service.request('POST', '/orders', body);
    await service.request('POST', '/orders', body);
    expect(takenFrom(service.sandbox, product)).toHaveLength(5);
  });

  it('place a new order once the key has expired', async () => {
    const product = newProduct(service.sandbox);
    const body = orderBody([line(product)]);
    const first = await placeWithKey(service, 'expired', body);
    await selectRows(
      service.database,
      `UPDATE idempotency_keys SET expires_at = now() - interval '1 second' WHERE key = 'expired'`,
    );
    const second = await placeWithKey(service, 'expired', body);
    expect([second.status, isReplay(second)]).toEqual([201, false]);
    expect(second.body.order_id).not.toBe(first.body.order_id);
  });
});

describe('Idempotency-Key that was used for another request', () => {
  it.each<[string, (product: string) => [body: unknown, path?: string]]>([
    ['another quantity', (product) => [orderBody([line(product, 2)])]],
    ['another line', (product) => [orderBody([line(product), line(product)])]],
    ['a price', (product) => [orderBody([line(product, 1, 10)])]],
    ['another name', (product) => [orderBody([line(product)], { customer_name: 'Bob' })]],
    ['another e-mail', (product) => [orderBody([line(product)], { customer_email: 'bob@example.com' })]],
    ['a customer', (product) => [orderBody([line(product)], { customer_id: '1' })]],
    ['a currency', (product) => [orderBody([line(product)], { currency: 'USD' })]],
    ['an expected total', (product) => [orderBody([line(product)], { expected_total: 10 })]],
    ['another call', (product) => [orderBody([line(product)]), '/orders/1']],
  ])('returns 422: %s', async (name, change) => {
    const product = newProduct(service.sandbox);
    expect((await placeWithKey(service, `reused ${name}`, orderBody([line(product)]))).status).toBe(201);
    const [body, path] = change(product);
    const answer = await placeWithKey(service, `reused ${name}`, body, path);
    expectProblem(answer, 422);
    expect(answer.body.type).toBe('/problems/idempotency-key-reused');
    expect(takenFrom(service.sandbox, product)).toEqual([-1]);
  });
});

describe('concurrent requests with the same key', () => {
  it('place one order when 20 of them are sent at once', async () => {
    const product = newProduct(service.sandbox);
    const body = orderBody([line(product, 3)]);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => placeWithKey(service, 'twenty', body)),
    );

    expect(answers.filter((answer) => answer.status === 201 && !isReplay(answer))).toHaveLength(1);
    const others = answers.filter((answer) => answer.status !== 201 || isReplay(answer));
    for (const answer of others.filter(({ status }) => status !== 201)) {
      expectProblem(answer, 409);
      expect(answer.body.type).toBe('/problems/idempotency-key-in-progress');
      expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
    }
    const ids = answers.filter(({ status }) => status === 201).map(({ body: answer }) => answer.order_id);
    expect(new Set(ids).size).toBe(1);
    expect(await statusesOfOrdersOf(service.database, product)).toEqual(['confirmed']);
    expect(takenFrom(service.sandbox, product)).toEqual([-3]);
  });

  it('return 409 while the first request is in progress', async () => {
    const product = newProduct(service.sandbox);
    const body = orderBody([line(product)]);
    const inventory = service.sandbox.services.inventory;
    inventory.faults.add({ kind: 'hang', method: 'PUT', path: `/inventory/${product}/reserve`, times: 1 });
    const first = placeWithKey(service, 'in-progress', body);
    await eventually(() => inventory.faults.held === 1);
    const second = await placeWithKey(service, 'in-progress', body);
    inventory.faults.release();

    expectProblem(second, 409);
    expect(second.body.type).toBe('/problems/idempotency-key-in-progress');
    expect(second.headers.get('retry-after')).toMatch(/^\d+$/);
    expect((await first).status).toBe(201);
    const third = await placeWithKey(service, 'in-progress', body);
    expect([third.status, isReplay(third), third.body]).toEqual([201, true, (await first).body]);
    expect(takenFrom(service.sandbox, product)).toEqual([-1]);
  });
});

describe('invalid Idempotency-Key', () => {
  it.each<[string, string]>([
    ['empty', ''],
    ['empty between quotes', '""'],
    ['of 256 characters', 'k'.repeat(256)],
    ['with a tab', 'a\tb'],
    ['with a letter outside ASCII', 'clé'],
  ])('returns 400: %s', async (_name, key) => {
    const [rows, calls] = [await countRows(service.database), callsTo(service.sandbox, 'inventory').length];
    expectProblem(await placeWithKey(service, key, orderBody()), 400, ['Idempotency-Key']);
    expectProblem(await placeWithKey(service, key, orderBody(), '/orders/1'), 400, ['Idempotency-Key']);
    expect(await countRows(service.database)).toEqual(rows);
    expect(callsTo(service.sandbox, 'inventory')).toHaveLength(calls);
  });

  it('is valid up to 255 characters', async () => {
    expect(
      (await placeWithKey(service, 'k'.repeat(255), orderBody([line(newProduct(service.sandbox))]))).status,
    ).toBe(201);
  });
});
