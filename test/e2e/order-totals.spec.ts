import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem, line, newProduct, orderBody, setStock } from '../support/builders.js';
import { getOrder } from '../support/client.js';
import { eventually, startTestService, type TestResponse, type TestService } from '../support/service.js';

let service: TestService;
let yen: TestService;
let product = '';

beforeAll(async () => {
  service = await startTestService();
  yen = await startTestService({ settings: { DEFAULT_CURRENCY: 'JPY' }, beside: service });
  product = newProduct(service.sandbox, 100_000);
  setStock(service.sandbox, product, 100_000, 79.99);
});
afterAll(async () => {
  await yen.stop();
  await service.stop();
});

const CHARGES = [
  { type: 'shipping', amount: 4.99 },
  { type: 'discount', amount: -16.1 },
  { type: 'fee', amount: 0.2 },
  { type: 'tax', amount: 23.74, included: true },
];

/** 2 x 79.99 + 4.99 - 16.10 + 0.20 */
const AMOUNTS = { subtotal_amount: 159.98, charges_amount: -10.91, total_amount: 149.07 };

const body = (more: object, quantity = 2) => ({ ...orderBody([line(product, quantity)]), ...more });

const place = (more: object, headers?: Record<string, string>): Promise<TestResponse> =>
  service.request('POST', '/orders', body(more), headers);

/** The order of an accepted request, once it is priced. */
const settled = ({ body: accepted }: TestResponse) =>
  eventually(async () => {
    const order = await getOrder(service, accepted.order_id as string);
    return order.status === 'pending' ? undefined : order;
  });

describe('the total of an order', () => {
  it('is the lines and the charges that are not included', async () => {
    const { status, body: placed } = await place({ charges: CHARGES, expected_total: 149.07 });
    expect(status).toBe(201);
    expect(placed).toMatchObject(AMOUNTS);
    expect(await getOrder(service, placed.order_id as string)).toMatchObject({
      ...AMOUNTS,
      charges: CHARGES,
    });
    const preview = await service.request('POST', '/orders/preview', body({ charges: CHARGES }));
    expect(preview.body).toMatchObject({ ...AMOUNTS, can_be_placed: true });
  });

  it('is compared with the expected one', async () => {
    const refused = await place({ charges: CHARGES, expected_total: 159.98 });
    expectProblem(refused, 409);
    expect(refused.body).toMatchObject({
      type: '/problems/total-changed',
      expected_total: 159.98,
      current_total: 149.07,
      charges_amount: -10.91,
    });
  });

  it('may be zero and is never negative', async () => {
    const zero = await place({ charges: [{ type: 'discount', amount: -159.98 }] });
    expect([zero.status, zero.body.total_amount]).toEqual([201, 0]);
    const charges = [{ type: 'discount', amount: -159.99 }];
    expectProblem(await place({ charges }), 400, ['charges']);
    expectProblem(await service.request('POST', '/orders/preview', body({ charges })), 400, ['charges']);
  });

  it('is compared when an accepted order is priced', async () => {
    const prefer = { prefer: 'respond-async' };
    const good = await place({ charges: CHARGES, expected_total: 149.07 }, prefer);
    expect(good.body).toMatchObject({ subtotal_amount: null, charges_amount: -10.91, total_amount: null });
    const bad = await place({ charges: CHARGES, expected_total: 1 }, prefer);
    const negative = await place({ charges: [{ type: 'discount', amount: -1_000 }] }, prefer);
    expect(await settled(good)).toMatchObject({ status: 'confirmed', ...AMOUNTS });
    expect(await settled(bad)).toMatchObject({ status: 'rejected', failure: '/problems/total-changed' });
    expect(await settled(negative)).toMatchObject({
      status: 'rejected',
      failure: '/problems/invalid-request',
    });
  });

  it('has the decimals of its currency', async () => {
    const own = newProduct(service.sandbox);
    const order = (amount: number) => ({ ...orderBody([line(own)]), charges: [{ type: 'fee', amount }] });
    expectProblem(await yen.request('POST', '/orders', order(0.5)), 400, ['charges[0].amount']);
    const placed = await yen.request('POST', '/orders', order(5));
    expect(placed.body).toMatchObject({ currency: 'JPY', total_amount: 15 });
  });

  it('is refused where it is too large to be exact', async () => {
    const charges = Array.from({ length: 2 }, () => ({ type: 'fee', amount: 99_999_999_999 }));
    expectProblem(await place({ charges }), 400, ['charges']);
  });
});
