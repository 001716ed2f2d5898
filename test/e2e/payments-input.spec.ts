import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { expectProblem, line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { API_KEYS, CUSTOMER, knownCallers } from '../support/callers.js';
import { getOrder } from '../support/client.js';
import { TestIssuer } from '../support/issuer.js';
import { beginUntraced, expectNoTrace } from '../support/no-trace.js';
import { CAPTURED, recordPayment, sendPayment } from '../support/payments.js';
import { startTestService, type TestService } from '../support/service.js';

const NUL = 'a\u0000b';
const HALF = 'a\ud800b';

const WRONG: [what: string, field: string, more: object][] = [
  ...[undefined, null, 5, ['a'], {}, true, '', ' ', 'x'.repeat(129), NUL, HALF, 'pay\u200b1'].map(
    (reference): [string, string, object] => [
      JSON.stringify(reference)?.slice(0, 20) ?? 'absent',
      'reference',
      { reference },
    ],
  ),
  ...['4111111111111111', '4111 1111 1111 1111', '378282246310005', 'alice@example.com'].map(
    (reference): [string, string, object] => [reference, 'reference', { reference }],
  ),
  ...[undefined, null, 'paid', 'Captured', '', 1, ['captured'], 'constructor'].map(
    (state): [string, string, object] => [JSON.stringify(state) ?? 'absent', 'state', { state }],
  ),
  ...[undefined, null, '10', -0.01, 100_000_000_000, 0.00001, [10], {}, true, 9.999].map(
    (amount): [string, string, object] => [JSON.stringify(amount) ?? 'absent', 'amount', { amount }],
  ),
  ['a half yen', 'amount', { amount: 10.5, currency: 'JPY' }],
  ...[null, 'usd', 'US', 'ABC', '', 840, ['USD']].map((currency): [string, string, object] => [
    JSON.stringify(currency),
    'currency',
    { currency },
  ]),
  ['an unknown field', 'card', { card: '1' }],
  ['a time', 'recorded_at', { recorded_at: '2026-11-27T12:00:00Z' }],
];

describe('a wrong report', () => {
  let service: TestService;
  let id: string;

  beforeAll(async () => {
    service = await startTestService();
    id = await placeOrder(service);
  });
  beforeEach(() => beginUntraced(service));
  afterEach(async () => {
    await expectNoTrace(service);
    expect(await getOrder(service, id)).toMatchObject({ version: 2, payments: [] });
  });
  afterAll(() => service.stop());

  it.each(WRONG)('%s: is refused with 400 that names %s', async (_what, field, more) => {
    expectProblem(await sendPayment(service, id, { ...CAPTURED, ...more }), 400, [field]);
  });

  it.each(['[]', 'null', '5', '"pay_1"', '{"__proto__":{"state":"captured"}}'])(
    'that is no object is refused: %s',
    async (body) => expectProblem(await sendPayment(service, id, body), 400),
  );

  it('does not repeat the refused card number', async () => {
    const answer = await sendPayment(service, id, { ...CAPTURED, reference: '4111111111111111' });
    expect(JSON.stringify(answer.body)).not.toContain('4111');
  });

  it('that names all fields wrongly is refused with all of them', async () => {
    const answer = await sendPayment(service, id, { reference: '', state: '', amount: '', currency: '' });
    expectProblem(answer, 400, ['amount', 'currency', 'reference', 'state']);
  });
});

describe('the caller of a report', () => {
  let issuer: TestIssuer;
  let service: TestService;
  let callers: Awaited<ReturnType<typeof knownCallers>>;

  beforeAll(async () => {
    issuer = await TestIssuer.start();
    service = await startTestService({
      settings: { ...issuer.settings, AUTH: 'jwt,api-key', API_KEYS },
    });
    callers = await knownCallers(issuer);
  });
  afterAll(async () => {
    await service.stop();
    await issuer.close();
  });

  it('needs the scope orders:status, also a customer for its own order', async () => {
    const items = [line(newProduct(service.sandbox))];
    const { body } = await service.request('POST', '/orders', orderBody(items), callers.customer);
    const id: string = body.order_id;
    for (const caller of [callers.customer, callers.otherCustomer, callers.overScoped, callers.shop]) {
      expectProblem(await sendPayment(service, id, CAPTURED, caller), 403);
    }
    expectProblem(await sendPayment(service, id, CAPTURED), 401);
    const { body: order } = await recordPayment(service, id, CAPTURED, callers.warehouse);
    expect(order).toMatchObject({ customer_id: CUSTOMER, payment_state: 'paid' });
    const { body: own } = await service.request('GET', `/orders/${id}`, undefined, callers.customer);
    expect(own.payments).toEqual(order.payments);
    const { body: history } = await service.request('GET', `/orders/${id}/events`, undefined, callers.admin);
    expect(history.events.at(-1)).toMatchObject({ type: 'payment_recorded', actor: 'key:warehouse' });
  });
});
