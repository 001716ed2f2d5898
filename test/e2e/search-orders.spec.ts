import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem, line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { API_KEYS, CUSTOMER, type Headers, knownCallers, OTHER_CUSTOMER } from '../support/callers.js';
import { listOrders, type OrderQuery, setStatus } from '../support/client.js';
import { TestIssuer } from '../support/issuer.js';
import { startTestService, type TestService } from '../support/service.js';

const ADDRESS = 'Alice.Search@example.com';

let service: TestService;
let products: [string, string];
/** By the customers `search-a`, `search-b` and `search-a`; of the first product, the second, and both. */
let ids: [string, string, string];

beforeAll(async () => {
  service = await startTestService();
  products = [newProduct(service.sandbox, 100), newProduct(service.sandbox, 100)];
  const place = (customer_id: string, customer_email: string, ...bought: string[]) =>
    placeOrder(
      service,
      orderBody(
        bought.map((id) => line(id)),
        { customer_id, customer_email },
      ),
    );
  const [one, two] = products;
  ids = [
    await place('search-a', ADDRESS, one),
    await place('search-b', 'bob.search@example.com', two),
    // Twice in one order, which must be listed once.
    await place('search-a', ADDRESS, one, two, one),
  ];
  await setStatus(service, ids[2], 'shipped');
});
afterAll(() => service.stop());

async function find(query: OrderQuery): Promise<string[]> {
  return (await listOrders(service, query)).orders.map((order) => order.order_id);
}

describe('GET /orders?q= finds orders', () => {
  it.each<[string, () => OrderQuery, number[]]>([
    ['by their id', () => ({ q: ids[1] }), [1]],
    ['by their id in capitals', () => ({ q: ids[1].toUpperCase() }), [1]],
    ['by a prefix of their id', () => ({ q: ids[1].slice(0, 30) }), [1]],
    ['by the prefix for their minute', () => ({ q: ids[1].slice(0, 8), customer_id: 'search-b' }), [1]],
    ['by their customer', () => ({ q: 'search-a' }), [2, 0]],
    ['by an address in another case', () => ({ q: ADDRESS.toUpperCase() }), [2, 0]],
    ['by a product, without duplicates', () => ({ q: products[0] }), [2, 0]],
    ['with surrounding space', () => ({ q: ` search-b\t` }), [1]],
    ['of a status', () => ({ q: 'search-a', status: 'shipped' }), [2]],
    ['of a customer and a product', () => ({ q: products[1], customer_id: 'search-b' }), [1]],
    ['of two products', () => ({ q: products[1], product_id: products[0] }), [2]],
    ['of a time', () => ({ q: 'search-a', placed_from: '2999-01-01' }), []],
    ['but not those of similar ids', () => ({ q: 'search-' }), []],
    ['but none by text that is SQL', () => ({ q: `' OR true --%` }), []],
  ])('%s', async (_name, query, expected) => {
    expect(await find(query())).toEqual(expected.map((index) => ids[index]));
  });

  it.each<[string, () => string]>([
    ['customer', () => 'search-a'],
    ['product', () => products[0]],
  ])('on all pages: by a %s', async (_name, q) => {
    const first = await listOrders(service, { q: q(), limit: 1 });
    expect(first.orders.map((order) => order.order_id)).toEqual([ids[2]]);
    const second = await listOrders(service, { q: q(), limit: 1, cursor: first.next_cursor ?? '' });
    expect(second.orders.map((order) => order.order_id)).toEqual([ids[0]]);
    expect(second.next_cursor).toBeNull();
  });
});

it.each(['q=', 'q=%20', 'q=a%00b', 'q=a&q=b', `q=${'x'.repeat(255)}`])(
  'GET /orders?%s returns 400',
  async (query) => {
    expectProblem(await service.request('GET', `/orders?${query}`), 400, ['q']);
  },
);

it('GET /orders?q= finds only orders of the customer who asks', async () => {
  const issuer = await TestIssuer.start();
  const guarded = await startTestService({
    settings: { ...issuer.settings, AUTH: 'jwt,api-key', API_KEYS },
    beside: service,
  });
  const callers = await knownCallers(issuer);
  const product = newProduct(service.sandbox, 10);
  const address = 'both.customers@example.com';
  const body = orderBody([line(product)], { customer_email: address });
  const mine = await placeOrder(guarded, body, callers.customer);
  const foreign = await placeOrder(guarded, body, callers.otherCustomer);
  const seen = async (q: string, as: Headers): Promise<string[]> => {
    const path = `/orders?q=${encodeURIComponent(q)}`;
    const { body: list } = await guarded.request('GET', path, undefined, as);
    return list.orders.map((order: { order_id: string }) => order.order_id);
  };
  for (const q of [product, address]) {
    expect(await seen(q, callers.customer)).toEqual([mine]);
    expect(await seen(q, callers.otherCustomer)).toEqual([foreign]);
    expect(await seen(q, callers.admin)).toEqual([foreign, mine]);
  }
  expect(await seen(foreign, callers.customer)).toEqual([]);
  expect(await seen(OTHER_CUSTOMER, callers.customer)).toEqual([]);
  expect(await seen(CUSTOMER, callers.customer)).toEqual([mine]);
  await guarded.stop();
  await issuer.close();
});
