import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { expectProblem, line, orderBody, sendBytes } from '../support/builders.js';
import { beginUntraced, expectNoTrace } from '../support/no-trace.js';
import { startTestService, type TestResponse, type TestService } from '../support/service.js';

const JSON_HEADERS = { 'content-type': 'application/json' };
const EXISTING_FORM = '/orders/01980000-0000-7000-8000-000000000000';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});

beforeEach(() => beginUntraced(service));

afterAll(() => service.stop());

function post(body: unknown, path = '/orders'): Promise<TestResponse> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return sendBytes(`${service.url}${path}`, 'POST', text, JSON_HEADERS);
}

/** The valid order with one field replaced; `undefined` omits the field. */
const withField = (field: string, value: unknown): Record<string, unknown> => ({
  ...orderBody(),
  [field]: value,
});

/** The valid order with one field of its only line replaced. */
const withLine = (field: string, value: unknown): Record<string, unknown> =>
  orderBody([{ ...line('PROD001'), [field]: value }]);

/** The valid order as JSON with one line as raw text, for values that `JSON.stringify` can't write. */
const rawLine = (text: string): string =>
  `{"customer_name":"Alice","customer_email":"alice@example.com","items":[${text}]}`;

const rawField = (text: string): string =>
  `{"customer_name":"Alice","customer_email":"alice@example.com","items":[{"product_id":"PROD001","quantity":1}],${text}}`;

const LONG_EMAIL = `${'a'.repeat(60)}@${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.${'e'.repeat(30)}.com`;

const WRONG_FIELDS: [name: string, body: unknown, fields: string[]][] = [
  ['an unknown field', withField('discount', 5), ['discount']],
  ['two unknown fields', { ...orderBody(), a: 1, b: null }, ['a', 'b']],
  ['an unknown field in a line', withLine('colour', 'red'), ['items[0].colour']],
  ['an unknown field named constructor', withField('constructor', 1), ['constructor']],
  ['an unknown field named constructor that is null', withField('constructor', null), ['constructor']],
  ['an unknown field named prototype', withField('prototype', {}), ['prototype']],
  ['an unknown field named toString', withField('toString', 'x'), ['toString']],
  ['a field named constructor in a line', withLine('constructor', {}), ['items[0].constructor']],
  ['no fields at all', {}, ['customer_name', 'customer_email', 'items']],
  ['no name', withField('customer_name', undefined), ['customer_name']],
  ['a name that is null', withField('customer_name', null), ['customer_name']],
  ['a name that is a number', withField('customer_name', 7), ['customer_name']],
  ['a name that is a list', withField('customer_name', ['Alice']), ['customer_name']],
  ['an empty name', withField('customer_name', ''), ['customer_name']],
  ['a blank name', withField('customer_name', ' \u00a0 '), ['customer_name']],
  ['a name of zero-width spaces', withField('customer_name', '\u200b\u200b'), ['customer_name']],
  ['a name of a Hangul filler', withField('customer_name', ' \u3164'), ['customer_name']],
  ['a name of braille blanks', withField('customer_name', '\u2800'), ['customer_name']],
  ['a name of 201 characters', withField('customer_name', 'x'.repeat(201)), ['customer_name']],
  ['a name with a control character', withField('customer_name', 'Al\u0007ice'), ['customer_name']],
  ['a name with a line break', withField('customer_name', 'Alice\nBcc: all'), ['customer_name']],
  ['a name with NUL', withField('customer_name', 'Al\u0000ice'), ['customer_name']],
  ['a name with an unpaired surrogate', withField('customer_name', 'Al\ud83dice'), ['customer_name']],
  ['no e-mail', withField('customer_email', undefined), ['customer_email']],
  ['an e-mail that is null', withField('customer_email', null), ['customer_email']],
  ['an e-mail that is a number', withField('customer_email', 1), ['customer_email']],
  ['an e-mail without a host', withField('customer_email', 'alice@'), ['customer_email']],
  ['an e-mail without an at sign', withField('customer_email', 'alice.example.com'), ['customer_email']],
  ['an e-mail with a space', withField('customer_email', 'al ice@example.com'), ['customer_email']],
  ['two e-mails', withField('customer_email', 'a@example.com,b@example.com'), ['customer_email']],
  ['an e-mail with a line break', withField('customer_email', '"a\nb"@example.com'), ['customer_email']],
  [
    'an e-mail with a control character',
    withField('customer_email', '"\u0001"@example.com'),
    ['customer_email'],
  ],
  [
    'an e-mail with an unpaired surrogate',
    withField('customer_email', 'a@ex\ud800ample.com'),
    ['customer_email'],
  ],
  [
    'an e-mail with a zero-width space',
    withField('customer_email', 'anna@example.com\u200b'),
    ['customer_email'],
  ],
  [
    'an e-mail with a local part of 65 octets',
    withField('customer_email', `${'a'.repeat(65)}@example.com`),
    ['customer_email'],
  ],
  ['an e-mail that is too long', withField('customer_email', LONG_EMAIL), ['customer_email']],
  ['no items', withField('items', undefined), ['items']],
  ['items that are null', withField('items', null), ['items']],
  ['items that are text', withField('items', 'PROD001'), ['items']],
  ['an empty list of items', withField('items', []), ['items']],
  ['201 lines', orderBody(Array.from({ length: 201 }, () => line('PROD001'))), ['items']],
  ['an empty line', withField('items', [{}]), ['items[0].product_id', 'items[0].quantity']],
  ['no product', withLine('product_id', undefined), ['items[0].product_id']],
  ['a product that is null', withLine('product_id', null), ['items[0].product_id']],
  ['an empty product', withLine('product_id', ''), ['items[0].product_id']],
  ['a product of 129 characters', withLine('product_id', 'x'.repeat(129)), ['items[0].product_id']],
  ['a product with a control character', withLine('product_id', 'PROD\u0085'), ['items[0].product_id']],
  ['a product that is a braille blank', withLine('product_id', '\u2800'), ['items[0].product_id']],
  ['a product with NUL', withLine('product_id', 'PROD\u0000'), ['items[0].product_id']],
  ['a product with an unpaired surrogate', withLine('product_id', '\udc00'), ['items[0].product_id']],
  ['a product that is a fraction', withLine('product_id', 1.5), ['items[0].product_id']],
  ['a product that is an object', withLine('product_id', { id: 1 }), ['items[0].product_id']],
  ['a product that is true', withLine('product_id', true), ['items[0].product_id']],
  ['a product above the safe integers', withLine('product_id', 2 ** 53), ['items[0].product_id']],
  ['no quantity', withLine('quantity', undefined), ['items[0].quantity']],
  ['a quantity that is null', withLine('quantity', null), ['items[0].quantity']],
  ['a quantity of 0', withLine('quantity', 0), ['items[0].quantity']],
  ['a negative quantity', withLine('quantity', -1), ['items[0].quantity']],
  ['a fractional quantity', withLine('quantity', 1.5), ['items[0].quantity']],
  ['a quantity beyond a million', withLine('quantity', 1_000_001), ['items[0].quantity']],
  ['a quantity that is text', withLine('quantity', '2'), ['items[0].quantity']],
  ['a quantity that is true', withLine('quantity', true), ['items[0].quantity']],
  ['a quantity that is a list', withLine('quantity', [2]), ['items[0].quantity']],
  ['an infinite quantity', rawLine('{"product_id":"P","quantity":1e999}'), ['items[0].quantity']],
  ['a price that is null', withLine('price', null), ['items[0].price']],
  ['a negative price', withLine('price', -1), ['items[0].price']],
  ['a price that is text', withLine('price', '79.99'), ['items[0].price']],
  ['a price that is "NaN"', withLine('price', 'NaN'), ['items[0].price']],
  ['an infinite price', rawLine('{"product_id":"P","quantity":1,"price":1e999}'), ['items[0].price']],
  ['a price above the largest total', withLine('price', 1e11), ['items[0].price']],
  ['a price with five decimals', withLine('price', 1.00001), ['items[0].price']],
  ['a tiny price', withLine('price', 1e-9), ['items[0].price']],
  ['a price with more decimals than USD has', withLine('price', 79.999), ['items[0].price']],
  [
    'two prices with more decimals than USD has',
    orderBody([line('PROD001', 1, 79.999), line('PROD002', 1, 29.99), line('PROD003', 1, 1.001)]),
    ['items[0].price', 'items[2].price'],
  ],
  ['a customer that is null', withField('customer_id', null), ['customer_id']],
  ['an empty customer', withField('customer_id', ''), ['customer_id']],
  ['a customer of 129 characters', withField('customer_id', 'c'.repeat(129)), ['customer_id']],
  ['a customer with a tab', withField('customer_id', 'a\tb'), ['customer_id']],
  ['a customer of no-break spaces', withField('customer_id', '\u00a0\u00a0'), ['customer_id']],
  ['a customer with a zero-width space', withField('customer_id', 'c1\u200b'), ['customer_id']],
  ['a customer that is a fraction', withField('customer_id', 0.5), ['customer_id']],
  ['a customer above the safe integers', rawField('"customer_id":9007199254740993'), ['customer_id']],
  ['an unknown currency', withField('currency', 'XYZ1'), ['currency']],
  ['a currency in lower case', withField('currency', 'usd'), ['currency']],
  ['a currency that is null', withField('currency', null), ['currency']],
  ['a currency that is a list', withField('currency', ['USD']), ['currency']],
  ['an expected total that is negative', withField('expected_total', -0.01), ['expected_total']],
  ['an expected total that is text', withField('expected_total', '79.99'), ['expected_total']],
  ['an expected total that is null', withField('expected_total', null), ['expected_total']],
  [
    'many invalid fields',
    {
      customer_name: '',
      customer_email: 'x',
      customer_id: null,
      items: [line('PROD001'), { product_id: '', quantity: 0, price: -1, size: 'L' }],
      currency: 1,
      expected_total: 'much',
      coupon: 'SAVE10',
    },
    [
      'customer_name',
      'customer_email',
      'customer_id',
      'items[1].product_id',
      'items[1].quantity',
      'items[1].price',
      'items[1].size',
      'currency',
      'expected_total',
      'coupon',
    ],
  ],
];

describe('POST /orders returns 400 and names each invalid field', () => {
  afterEach(() => expectNoTrace(service));

  it.each(WRONG_FIELDS)('%s', async (_name, body, fields) => {
    expectProblem(await post(body), 400, fields);
  });

  it.each([[null], ['PROD001'], [1], [true], [[]], [[line('PROD001')]], [[[line('PROD001')]]]])(
    'a line that is not an object: %j',
    async (wrong) => {
      for (const path of ['/orders', '/orders/42']) {
        const answer = await post(withField('items', [line('PROD002'), wrong]), path);
        expectProblem(answer, 400);
        // Either the list or its line may be named, but no other field.
        for (const { field } of answer.body.errors) expect(field).toMatch(/^items(\[1\])?$/);
      }
    },
  );

  it('items that are an object', async () => {
    const answer = await post(withField('items', { 0: line('PROD001'), length: 1 }));
    expectProblem(answer, 400);
    expect(answer.body.errors).toContainEqual({ field: 'items', message: 'must be a list' });
  });
});

describe('POST /orders/{customer_id} returns 400 for the same invalid fields', () => {
  const required = new Set(['customer_name', 'customer_email', 'items']);
  const isOptionalHere = (fields: string[], body: unknown): boolean =>
    typeof body === 'object' &&
    body !== null &&
    fields.some((field) => required.has(field) && isAbsent(body, field));
  const table = WRONG_FIELDS.filter(
    ([, body, fields]) => !isOptionalHere(fields, body) && fields.length === 1,
  );
  afterEach(() => expectNoTrace(service));

  // Here the customer is part of the path, so `customer_id` is an unknown field, valid or not.
  it.each(table)('%s', async (_name, body, fields) => {
    expectProblem(await post(body, '/orders/42'), 400, fields);
  });
});

function isAbsent(body: object, field: string): boolean {
  return (body as Record<string, unknown>)[field] === undefined;
}

describe('PUT /orders/{order_id} returns 400 for invalid fields', () => {
  afterEach(() => expectNoTrace(service));

  it.each<[string, unknown, string[]]>([
    ['no body', '', ['status']],
    ['an empty object', {}, ['status']],
    ['an unknown status', { status: 'lost' }, ['status']],
    ['an empty status', { status: '' }, ['status']],
    ['a status that is null', { status: null }, ['status']],
    ['a status that is a list', { status: ['shipped'] }, ['status']],
    ['a status named like an inherited property', { status: 'constructor' }, ['status']],
    ['a status named __proto__', { status: '__proto__' }, ['status']],
    ['a reason that is a number', { status: 'shipped', reason: 1 }, ['reason']],
    ['a reason that is null', { status: 'shipped', reason: null }, ['reason']],
    ['a reason of 501 characters', { status: 'shipped', reason: 'r'.repeat(501) }, ['reason']],
    ['a reason with NUL', { status: 'shipped', reason: 'a\u0000' }, ['reason']],
    ['an unknown field', { status: 'shipped', by: 'me' }, ['by']],
    ['only invalid fields', { status: 'x', reason: [], by: 1 }, ['status', 'reason', 'by']],
  ])('%s', async (_name, body, fields) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    expectProblem(await sendBytes(service.url + EXISTING_FORM, 'PUT', text, JSON_HEADERS), 400, fields);
  });
});
