import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { expectProblem, placeOrder, sendBytes } from '../support/builders.js';
import { getOrder } from '../support/client.js';
import { sendPatch } from '../support/corrections.js';
import { ADDRESS } from '../support/details.js';
import { beginUntraced, expectNoTrace } from '../support/no-trace.js';
import { startTestService, type TestService } from '../support/service.js';

let service: TestService;
let id: string;

beforeAll(async () => {
  service = await startTestService();
  id = await placeOrder(service);
});
beforeEach(() => beginUntraced(service));
afterEach(async () => {
  await expectNoTrace(service);
  expect((await getOrder(service, id)).version).toBe(2);
});
afterAll(() => service.stop());

const NUL = 'a\u0000b';
const BELL = 'a\u0007b';
const HALF = 'a\ud800b';
const long = (length: number): string => 'x'.repeat(length + 1);
const keys = (count: number, value: unknown = 1) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, value]));

/** Fields of text with their greatest length. */
const TEXTS: [field: string, maxLength: number][] = [
  ['customer_name', 200],
  ['customer_email', 254],
  ['customer_phone', 32],
  ['note', 2_000],
];

const WRONG: [what: string, field: string, body: object][] = [
  ...TEXTS.flatMap(([field, maxLength]) =>
    [5, ['a'], { a: 1 }, true, ' ', '', long(maxLength), NUL, BELL, HALF].map(
      (value): [string, string, object] => [JSON.stringify(value).slice(0, 20), field, { [field]: value }],
    ),
  ),
  ['null', 'customer_name', { customer_name: null }],
  ['null', 'customer_email', { customer_email: null }],
  ['no address', 'customer_email', { customer_email: 'alice@' }],
  ...['shipping_address', 'billing_address'].flatMap((field): [string, string, object][] => [
    ['text', field, { [field]: 'Berlin' }],
    ['a list', field, { [field]: [ADDRESS] }],
    ['without a city', `${field}.city`, { [field]: { ...ADDRESS, city: null } }],
    ['with a long line', `${field}.line1`, { [field]: { line1: long(200) } }],
    ['with a number', `${field}.postal_code`, { [field]: { postal_code: 10117 } }],
    ['with NUL', `${field}.name`, { [field]: { name: NUL } }],
    ['with half a character', `${field}.region`, { [field]: { region: HALF } }],
    ['of no country', `${field}.country`, { [field]: { country: 'XX' } }],
    ['with an unknown member', `${field}.planet`, { [field]: { planet: null } }],
  ]),
  ['text', 'tags', { tags: 'gift' }],
  ['too many', 'tags', { tags: Array.from({ length: 21 }, () => 'a') }],
  ['with a long one', 'tags', { tags: [long(50)] }],
  ['with a blank one', 'tags', { tags: [' '] }],
  ['with null', 'tags', { tags: [null] }],
  ['with half a character', 'tags', { tags: [HALF] }],
  ['text', 'metadata', { metadata: 'a' }],
  ['a list', 'metadata', { metadata: [1] }],
  ['with too many keys', 'metadata', { metadata: keys(51) }],
  ['with too many keys to remove', 'metadata', { metadata: keys(101, null) }],
  ['with a long key', 'metadata', { metadata: { [long(40)]: null } }],
  ['with a long value', 'metadata', { metadata: { a: long(500) } }],
  ['with an object', 'metadata', { metadata: { a: { b: null } } }],
  ['with a list', 'metadata', { metadata: { a: [1] } }],
  ['with NUL', 'metadata', { metadata: { a: NUL } }],
  ['with half a character in a key', 'metadata', { metadata: { [HALF]: null } }],
  ['with too many bytes', 'metadata', { metadata: keys(50, 'ü'.repeat(400)) }],
  ['named constructor', 'metadata.constructor', { metadata: { constructor: null } }],
];

const UNCORRECTABLE: [field: string, value: unknown][] = [
  ['items', [{ product_id: 'PROD001', quantity: 2 }]],
  ['charges', []],
  ['currency', 'USD'],
  ['number', 'A-1'],
  ['source', 'web'],
  ['source_order_id', null],
  ['customer_id', '42'],
  ['status', 'shipped'],
  ['total_amount', 1],
  ['version', 2],
];

describe('a wrong correction is refused with 400 and named', () => {
  it.each(WRONG)('%s: %s', async (_what, field, body) => {
    expectProblem(await sendPatch(service, id, { ...body, note: 'valid', ...body }), 400, [field]);
  });

  it.each(UNCORRECTABLE)('%s, which can not be corrected', async (field, value) => {
    const answer = await sendPatch(service, id, { [field]: value, note: 'valid', colour: 'red' });
    expectProblem(answer, 400, ['colour', field]);
    expect(answer.body.errors).toContainEqual({ field, message: 'can not be corrected' });
  });

  it.each(['[]', 'null', '"note"', '5', '[{"op":"remove","path":"/note"}]'])(
    'a body that is no object: %s',
    async (body) => {
      expectProblem(await sendPatch(service, id, body), 400, ['']);
    },
  );

  it.each([
    '{"__proto__":{"note":"a"}}',
    '{"metadata":{"__proto__":1}}',
    '{"shipping_address":{"__proto__":null}}',
  ])('__proto__: %s', async (body) => expectProblem(await sendPatch(service, id, body), 400));

  it('a field twice', async () => {
    expectProblem(await sendPatch(service, id, '{"note":"a","note":"b"}'), 400, ['note']);
  });

  it('a wrong key', async () => {
    const answer = await sendPatch(service, id, { note: 'a' }, { 'idempotency-key': '"' });
    expectProblem(answer, 400, ['Idempotency-Key']);
  });
});

describe('a content type', () => {
  it.each(['text/plain', 'application/json-patch+json', 'application/merge-patch+xml'])(
    'that is no merge patch returns 415: %s',
    async (type) => {
      const url = `${service.url}/orders/${id}`;
      expectProblem(await sendBytes(url, 'PATCH', '{"note":"a"}', { 'content-type': type }), 415);
    },
  );

  it.each(['POST', 'PUT'])('of a merge patch returns 415 for %s', async (method) => {
    const headers = { 'content-type': 'application/merge-patch+json' };
    const url = `${service.url}/orders/${id}`;
    expectProblem(await sendBytes(url, method, '{"status":"shipped"}', headers), 415);
  });
});
