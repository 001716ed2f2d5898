import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { line, newProduct, orderBody, placeOrder, selectRows } from '../support/builders.js';
import { API_KEYS, knownCallers } from '../support/callers.js';
import { listOrders, type OrderQuery } from '../support/client.js';
import { TestIssuer } from '../support/issuer.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

let service: TestService;
let product: string;
/** Oldest first. */
let ids: [zoe: string, andrei: string, percent: string];

/** Waits until the search knows all events. */
async function indexed(of = service): Promise<void> {
  await eventually(async () => {
    const [state] = await selectRows<{ isDone: boolean }>(
      of.database,
      `SELECT s.feed_no = f.last_no AND NOT EXISTS (SELECT 1 FROM order_events WHERE feed_no = 0) AS "isDone"
       FROM order_search_state s, event_feed f`,
    );
    return state?.isDone;
  });
}

async function find(query: OrderQuery): Promise<string[]> {
  return (await listOrders(service, query)).orders.map((order) => order.order_id);
}

beforeAll(async () => {
  service = await startTestService();
  product = newProduct(service.sandbox, 100);
  ids = [
    await placeOrder(
      service,
      orderBody([line('PROD001'), line(product)], {
        customer_id: 'fragments-1',
        customer_name: 'Zoë Łukasz-Sørensen',
        customer_email: 'Zoe.Muller@straße.example',
      }),
    ),
    await placeOrder(
      service,
      orderBody([line('PROD002')], {
        customer_id: 'fragments-2',
        customer_name: 'Андрей Петров',
        customer_email: 'andrei@пример.example',
      }),
    ),
    await placeOrder(
      service,
      orderBody([line(product)], {
        customer_id: 'fragments-2',
        customer_name: String.raw`50% a_b \c`,
        customer_email: 'percent@example.com',
      }),
    ),
  ];
  await indexed();
});
afterAll(() => service.stop());

describe('GET /orders?q= finds orders by a part', () => {
  it.each<[string, () => OrderQuery, number[]]>([
    ['of an e-mail address', () => ({ q: 'zoe.mul' }), [0]],
    ['of a domain in other letters', () => ({ q: 'STRASSE.ex' }), [0]],
    ['of a domain in Cyrillic', () => ({ q: 'ПРИМЕР' }), [1]],
    ['of a name, without accents', () => ({ q: 'zoe lukasz-sor' }), [0]],
    ['of a name, with other accents and spaces', () => ({ q: 'ZÖÈ  łuk' }), [0]],
    ['of a name in Cyrillic', () => ({ q: 'АНДРЕЙ пет' }), [1]],
    ['of a product name', () => ({ q: 'less headph' }), [0]],
    ['of a product id', () => ({ q: 'prod00' }), [1, 0]],
    ['of the end of an order id', () => ({ q: ids[1].slice(-12) }), [1]],
    ['of the middle of an order id', () => ({ q: ids[2].slice(15, 30) }), [2]],
    ['of two characters', () => ({ q: 'zo' }), [0]],
    ['of one character in another script', () => ({ q: 'Й' }), [1]],
    ['with a percent sign, which is no wildcard', () => ({ q: '50%' }), [2]],
    ['with an underscore, which is no wildcard', () => ({ q: 'a_b' }), [2]],
    ['with a backslash', () => ({ q: '\\c' }), [2]],
    ['and nothing by wildcards', () => ({ q: 'zo%muller' }), []],
    ['and nothing by accents alone', () => ({ q: '\u{301}\u{301}\u{301}' }), []],
    ['and nothing across two values', () => ({ q: 'sorensen zoe' }), []],
    ['and other filters', () => ({ q: 'prod00', customer_id: 'fragments-2' }), [1]],
    ['and a product', () => ({ q: 'zoe', product_id: product }), [0]],
    ['and several statuses', () => ({ q: 'prod00', status: 'shipped,Ordered' }), [1, 0]],
    ['and a total', () => ({ q: 'prod00', total_max: '50' }), [1]],
    ['but by a whole value alone where there is one', () => ({ q: product }), [2, 0]],
  ])('%s', async (_what, query, expected) => {
    const list = await listOrders(service, query());
    expect(list.orders.map((order) => order.order_id)).toEqual(expected.map((index) => ids[index]));
    expect(list).toMatchObject({ total: expected.length, total_is_exact: true });
    expect(list).not.toHaveProperty('searched');
  });

  it('on all pages, and counts them', async () => {
    const first = await listOrders(service, { q: 'prod00', limit: 1 });
    expect(first).toMatchObject({ count: 1, total: 2, total_is_exact: true });
    const second = await listOrders(service, { q: 'prod00', limit: 1, cursor: first.next_cursor ?? '' });
    expect(second).toMatchObject({ count: 1, total: 2, next_cursor: null });
    expect([...first.orders, ...second.orders].map((order) => order.order_id)).toEqual([ids[1], ids[0]]);
  });

  it('in an export, and counts them for HEAD', async () => {
    const exported = await service.request('GET', '/orders/export?format=ndjson&q=prod00');
    const lines = (exported.body as string).trim().split('\n');
    expect(lines.map((text) => (JSON.parse(text) as { order_id?: string }).order_id)).toEqual([
      ids[1],
      ids[0],
      undefined,
    ]);
    const counted = await service.request('HEAD', '/orders/export?q=prod00');
    expect(counted.headers.get('x-total-count')).toBe('2');
  });
});

it('an erased customer is not found by old values, at once, and the order by what remains', async () => {
  const body = orderBody([line('PROD003')], {
    customer_id: 'to-erase',
    customer_name: 'Quentin Forgettable',
    customer_email: 'quentin.forgettable@example.com',
  });
  const id = await placeOrder(service, body);
  await indexed();
  expect(await find({ q: 'forgettab' })).toEqual([id]);
  await service.request('DELETE', '/customers/to-erase/personal-data');
  expect(
    await selectRows(service.database, `SELECT 1 FROM order_search WHERE text LIKE '%forgettab%'`),
  ).toEqual([]);
  expect(await find({ q: 'forgettab' })).toEqual([]);
  await indexed();
  expect(await find({ q: 'forgettab' })).toEqual([]);
  expect(await find({ q: id.slice(10) })).toEqual([id]);
});

it('a customer finds only its own orders by a part', async () => {
  const issuer = await TestIssuer.start();
  const guarded = await startTestService({
    settings: { ...issuer.settings, AUTH: 'jwt,api-key', API_KEYS },
    beside: service,
  });
  const callers = await knownCallers(issuer);
  const body = orderBody([line('PROD001')], { customer_email: 'shared.address@example.com' });
  const mine = await placeOrder(guarded, body, callers.customer);
  const foreign = await placeOrder(guarded, body, callers.otherCustomer);
  await indexed();
  const seen = async (q: string, as: Record<string, string>): Promise<unknown> => {
    const { body: list } = await guarded.request('GET', `/orders?q=${q}`, undefined, as);
    return [list.total, ...list.orders.map((order: { order_id: string }) => order.order_id)];
  };
  expect(await seen('ared.addr', callers.customer)).toEqual([1, mine]);
  expect(await seen('ared.addr', callers.otherCustomer)).toEqual([1, foreign]);
  expect(await seen('ared.addr', callers.admin)).toEqual([2, foreign, mine]);
  expect(await seen(foreign.slice(-12), callers.customer)).toEqual([0]);
  await guarded.stop();
  await issuer.close();
});

it('SEARCH_FRAGMENTS=false finds whole values only, and writes no texts', async () => {
  const other = await startTestService({ settings: { SEARCH_FRAGMENTS: 'false' } });
  const body = orderBody([line('PROD001')], { customer_email: 'whole.value@example.com' });
  const id = await placeOrder(other, body);
  const found = async (q: string) => (await listOrders(other, { q })).orders.map((order) => order.order_id);
  expect(await found('whole.value@example.com')).toEqual([id]);
  expect(await found('whole.val')).toEqual([]);
  expect(await selectRows(other.database, 'SELECT 1 FROM order_search')).toEqual([]);
  await other.stop();
});
