import { describe, expect, it } from '@jest/globals';
import { checkAnswer, findLies, type SeenAnswer } from './check.js';

const ORDER = {
  order_id: '01a1ffe2-9b80-748a-ba30-787d85a2b441',
  status: 'confirmed',
  message: 'Order placed successfully',
  timestamp: '2026-11-21T20:53:23.456Z',
  subtotal_amount: 139.97,
  charges_amount: 0,
  total_amount: 139.97,
  currency: 'USD',
  number: '1001',
};

const HEADERS = {
  'content-type': 'application/json; charset=utf-8',
  'x-request-id': 'an-id',
  location: `/orders/${ORDER.order_id}`,
  etag: '"2"',
  'cache-control': 'private, no-cache',
};

const PROBLEM = {
  type: '/problems/not-found',
  title: 'Not found',
  status: 404,
  detail: 'Nothing',
};

function answer(
  body: unknown,
  change: Partial<SeenAnswer> = {},
  headers: Record<string, string> = {},
): SeenAnswer {
  return {
    method: 'POST',
    target: '/orders',
    status: 201,
    headers: new Headers({ ...HEADERS, ...headers }),
    text: typeof body === 'string' ? body : JSON.stringify(body),
    ...change,
  };
}

const problem = (body: unknown, change: Partial<SeenAnswer>): SeenAnswer =>
  answer(body, change, { 'content-type': 'application/problem+json' });

describe('response that matches the document', () => {
  it.each<[string, SeenAnswer]>([
    ['a success of an operation', answer(ORDER)],
    [
      'a documented problem',
      problem(
        { ...PROBLEM, status: 400, type: '/problems/cart-empty' },
        { status: 400, target: '/orders/1' },
      ),
    ],
    ['a 404 for an unknown order', problem(PROBLEM, { method: 'GET', target: '/order', status: 404 })],
    ['to HEAD', answer('', { method: 'HEAD', status: 200 })],
    ['a path outside the document', answer('x', { target: '/metrics', status: 200 })],
  ])('passes: %s', (_name, seen) => {
    expect(findLies(seen)).toEqual([]);
    expect(() => checkAnswer(seen)).not.toThrow();
  });
});

describe('response that does not match the document', () => {
  it.each<[string, SeenAnswer, string]>([
    ['an undocumented status', answer(ORDER, { status: 200 }), 'placeOrder does not document the status 200'],
    ['a fault of the service', problem(PROBLEM, { status: 500 }), 'the service has failed'],
    ['a missing member', answer({ ...ORDER, currency: undefined }), "required property 'currency'"],
    ['an undocumented member', answer({ ...ORDER, total: 1 }), 'additional properties'],
    [
      'a member of another type',
      answer({ ...ORDER, total_amount: '139.97' }),
      '/total_amount must be number',
    ],
    ['a value outside its enum', answer({ ...ORDER, status: 'shipped' }), '/status must be equal to one of'],
    ['another time format', answer({ ...ORDER, timestamp: 'today' }), 'must match format "date-time"'],
    ['a body that is not JSON', answer('{'), 'the body is not JSON'],
    ['another content type', answer(ORDER, {}, { 'content-type': 'text/plain' }), 'the body is text/plain'],
    ['an invalid header', answer(ORDER, {}, { etag: '2' }), 'the header ETag, 2: '],
    [
      'a missing header',
      answer(ORDER, { headers: new Headers({ 'content-type': 'application/json' }) }),
      'the header Location is missing',
    ],
    [
      'a problem of another operation',
      problem({ ...PROBLEM, status: 409 }, { status: 409 }),
      '/type must be equal to one of',
    ],
    [
      'a problem with an undocumented member',
      problem({ ...PROBLEM, sql: 'SELECT' }, { method: 'GET', target: '/order', status: 404 }),
      'additional properties',
    ],
    ['a success for an unknown path', answer(ORDER, { target: '/order', status: 200 }), 'no such operation'],
    ['a body after HEAD', answer('x', { method: 'HEAD', status: 200 }), 'there is a body'],
  ])('is reported: %s', (_name, seen, lie) => {
    expect(findLies(seen).join('\n')).toContain(lie);
    expect(() => checkAnswer(seen)).toThrow('the response does not match the document');
  });
});
