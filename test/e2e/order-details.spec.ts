import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem, line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { getOrder } from '../support/client.js';
import {
  ADDRESS,
  DETAILS,
  LINE_DETAILS,
  newReference,
  NO_DETAILS,
  NO_LINE_DETAILS,
} from '../support/details.js';
import { eventually, startTestService, type TestResponse, type TestService } from '../support/service.js';

let service: TestService;
let product = '';

beforeAll(async () => {
  service = await startTestService();
  product = newProduct(service.sandbox, 100_000);
});
afterAll(() => service.stop());

const bodyWith = (more: object, lineMore: object = {}) =>
  Object.assign(orderBody([Object.assign(line(product), lineMore)]), more);

const place = (more: object, lineMore: object = {}): Promise<TestResponse> =>
  service.request('POST', '/orders', bodyWith(more, lineMore));

describe('the details of an order', () => {
  it.each(['/orders', '/orders/customer-7'])('are stored and answered as sent to POST %s', async (path) => {
    const reference = newReference();
    const charges = [{ type: 'shipping', label: 'Standard', amount: 4.99 }];
    const body = bodyWith({ ...DETAILS, ...reference, charges }, LINE_DETAILS);
    const placed = await service.request('POST', path, body);
    expect(placed.status).toBe(201);
    expect(placed.body).toMatchObject({ subtotal_amount: 10, charges_amount: 4.99, total_amount: 14.99 });
    const order = await getOrder(service, placed.body.order_id as string);
    expect(order).toMatchObject({ ...DETAILS, ...reference, charges, number: placed.body.number });
    expect(order.items).toEqual([expect.objectContaining(LINE_DETAILS)]);
  });

  it('are in lists, in exports and in the events of the feed', async () => {
    const id = await placeOrder(service, bodyWith(DETAILS, LINE_DETAILS));
    const order = await getOrder(service, id);
    const list = await service.request('GET', '/orders?limit=1');
    expect(list.body.orders).toEqual([order]);
    const exported = await service.request('GET', '/orders/export?format=ndjson');
    expect(exported.body).toContain(JSON.stringify(order));
    const own = await eventually(async () => {
      const { body } = await service.request('GET', '/events?limit=500');
      const events = body.events as { order_id: string; data: object; order: object }[];
      const found = events.filter((event) => event.order_id === id);
      return found.length > 1 ? found : undefined;
    });
    for (const event of own) {
      expect(event.order).toEqual(order);
      expect(JSON.stringify(event.data)).not.toContain('Müller');
    }
    const csv = await service.request('GET', '/orders/export?format=csv');
    expect(csv.body).toContain(id);
  });

  it('are empty where the client sent none', async () => {
    const order = await getOrder(service, await placeOrder(service, bodyWith({})));
    expect(order).toMatchObject({
      ...NO_DETAILS,
      subtotal_amount: 10,
      charges_amount: 0,
      total_amount: 10,
    });
    expect(order.items).toEqual([expect.objectContaining(NO_LINE_DETAILS)]);
  });

  it('count as lines of a page, so that no answer grows with them', async () => {
    const metadata = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`k${n}`, 'v'.repeat(500)]));
    const lines = Array.from({ length: 5 }, () => Object.assign(line(product), { metadata }));
    const customer_id = 'large-details';
    for (let order = 0; order < 9; order += 1) {
      await placeOrder(service, orderBody(lines, { customer_id }));
    }
    const { body } = await service.request('GET', `/orders?customer_id=${customer_id}`);
    expect(body.count).toBeLessThan(9);
    expect(body.next_cursor).not.toBeNull();
    expect(JSON.stringify(body).length).toBeLessThan(800_000);
  });

  it('may be a source without an id', async () => {
    const order = await getOrder(service, await placeOrder(service, bodyWith({ source: 'web' })));
    expect(order).toMatchObject({ source: 'web', source_order_id: null });
  });

  it('accept an id of another system as an integer', async () => {
    const { source } = newReference();
    const placed = await place({ source, source_order_id: 4711 });
    expect((await getOrder(service, placed.body.order_id as string)).source_order_id).toBe('4711');
  });
});

const NUL = 'a\u0000b';
const BELL = 'a\u0007b';
const HALF = 'a\ud800b';
const long = (length: number): string => 'x'.repeat(length + 1);
const keys = (count: number, value: unknown = 1) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, value]));
const address = (more: object) => ({ ...ADDRESS, ...more });
const charge = (more: object = {}) => ({ type: 'fee', amount: 1, ...more });

/** Fields of text with their greatest length. */
const TEXTS: [field: string, maxLength: number][] = [
  ['customer_phone', 32],
  ['note', 2_000],
  ['number', 32],
  ['source', 64],
];

const WRONG: [what: string, field: string, body: object][] = [
  ...TEXTS.flatMap(([field, maxLength]): [string, string, object][] => [
    ['a number', field, { [field]: 5 }],
    ['null', field, { [field]: null }],
    ['a list', field, { [field]: ['a'] }],
    ['an object', field, { [field]: { a: 1 } }],
    ['blank', field, { [field]: ' ' }],
    ['too long', field, { [field]: long(maxLength) }],
    ...[NUL, BELL, HALF].map((text): [string, string, object] => [
      `with ${JSON.stringify(text)}`,
      field,
      { [field]: text },
    ]),
  ]),
  ...['shipping_address', 'billing_address'].flatMap((field): [string, string, object][] => [
    ['text', field, { [field]: 'Berlin' }],
    ['null', field, { [field]: null }],
    ['a list', field, { [field]: [ADDRESS] }],
    ['without a city', `${field}.city`, { [field]: address({ city: undefined }) }],
    ['with a long line', `${field}.line1`, { [field]: address({ line1: long(200) }) }],
    ['with a number', `${field}.postal_code`, { [field]: address({ postal_code: 10117 }) }],
    ['with NUL', `${field}.name`, { [field]: address({ name: NUL }) }],
    ['with half a character', `${field}.region`, { [field]: address({ region: HALF }) }],
    ['of no country', `${field}.country`, { [field]: address({ country: 'XX' }) }],
    ['with a country in lower case', `${field}.country`, { [field]: address({ country: 'de' }) }],
    ['with an unknown member', `${field}.planet`, { [field]: address({ planet: 'Earth' }) }],
  ]),
  ['text', 'tags', { tags: 'gift' }],
  ['too many', 'tags', { tags: Array.from({ length: 21 }, () => 'a') }],
  ['with a long one', 'tags', { tags: [long(50)] }],
  ['with a blank one', 'tags', { tags: [' '] }],
  ['with a number', 'tags', { tags: [1] }],
  ['with an object', 'tags', { tags: [{ a: 1 }] }],
  ['with NUL', 'tags', { tags: [NUL] }],
  ['with half a character', 'tags', { tags: [HALF] }],
  ['text', 'metadata', { metadata: 'a' }],
  ['a list', 'metadata', { metadata: [1] }],
  ['null', 'metadata', { metadata: null }],
  ['with too many keys', 'metadata', { metadata: keys(51) }],
  ['with a long key', 'metadata', { metadata: { [long(40)]: 1 } }],
  ['with a long value', 'metadata', { metadata: { a: long(500) } }],
  ['with an object', 'metadata', { metadata: { a: { b: 1 } } }],
  ['with a list', 'metadata', { metadata: { a: [1] } }],
  ['with null', 'metadata', { metadata: { a: null } }],
  ['with NUL', 'metadata', { metadata: { a: NUL } }],
  ['with NUL in a key', 'metadata', { metadata: { [NUL]: 1 } }],
  ['with half a character', 'metadata', { metadata: { a: HALF } }],
  ['with too many bytes', 'metadata', { metadata: keys(50, 'ü'.repeat(400)) }],
  ['an object', 'charges', { charges: charge() }],
  ['too many', 'charges', { charges: Array.from({ length: 21 }, () => charge()) }],
  ['with text', 'charges charges[0]', { charges: ['fee'] }],
  ['of no type', 'charges[0].type', { charges: [charge({ type: 'tip' })] }],
  ['without an amount', 'charges[0].amount', { charges: [charge({ amount: undefined })] }],
  ['with an amount as text', 'charges[0].amount', { charges: [charge({ amount: '1' })] }],
  ['with a negative fee', 'charges[1].amount', { charges: [charge(), charge({ amount: -1 })] }],
  ['with a positive discount', 'charges[0].amount', { charges: [charge({ type: 'discount' })] }],
  ['with more decimals than the currency has', 'charges[0].amount', { charges: [charge({ amount: 0.001 })] }],
  ['with too large an amount', 'charges[0].amount', { charges: [charge({ amount: 1e12 })] }],
  ['with a long label', 'charges[0].label', { charges: [charge({ label: long(200) })] }],
  ['with NUL', 'charges[0].label', { charges: [charge({ label: NUL })] }],
  ['with included as text', 'charges[0].included', { charges: [charge({ included: 'yes' })] }],
  ['without its source', 'source_order_id', { source_order_id: '1' }],
  ['too long', 'source_order_id', { source: 'a', source_order_id: long(128) }],
  ['an object', 'source_order_id', { source: 'a', source_order_id: {} }],
  ['with NUL', 'source_order_id', { source: 'a', source_order_id: NUL }],
  ['with half a character', 'source_order_id', { source: 'a', source_order_id: HALF }],
  ['invisible', 'source', { source: '\u200b' }],
];

const WRONG_LINES: [what: string, field: string, line: object][] = [
  ['a number', 'sku', { sku: 5 }],
  ['too long', 'sku', { sku: long(128) }],
  ['with NUL', 'sku', { sku: NUL }],
  ['with half a character', 'sku', { sku: HALF }],
  ...['options', 'metadata'].flatMap((field): [string, string, object][] => [
    ['text', field, { [field]: 'a' }],
    ['with too many keys', field, { [field]: keys(51) }],
    ['with an object', field, { [field]: { a: {} } }],
    ['with NUL', field, { [field]: { a: NUL } }],
  ]),
];

describe('a wrong detail is refused with 400 and named', () => {
  it.each(WRONG)('%s: %s', async (_what, field, more) => {
    for (const path of ['/orders', '/orders/7', '/orders/preview', '/orders/7/preview']) {
      expectProblem(await service.request('POST', path, bodyWith(more)), 400, field.split(' '));
    }
  });

  it.each(WRONG_LINES)('%s: %s of a line', async (_what, field, more) => {
    expectProblem(await place({}, more), 400, [`items[0].${field}`]);
  });

  it.each(['constructor', 'toString', 'prototype'])('a key of metadata: %s', async (key) => {
    expectProblem(await place({ metadata: { [key]: 1 } }), 400, [`metadata.${key}`]);
  });

  it.each(['metadata', 'shipping_address'])('__proto__ in %s', async (field) => {
    const text = JSON.stringify(bodyWith({})).replace('{', `{"${field}":{"__proto__":{"a":1}},`);
    expectProblem(await service.request('POST', '/orders', text), 400);
  });
});
