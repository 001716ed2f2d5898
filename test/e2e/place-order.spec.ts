import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  callsTo,
  countRows,
  expectProblem,
  line,
  newProduct,
  orderBody,
  type OrderLine,
  placeOrder,
  setStock,
  stockOf,
  takenFrom,
} from '../support/builders.js';
import { answerOf, getOrder, type PlaceOrderBody } from '../support/client.js';
import { startTestService, type TestResponse, type TestService } from '../support/service.js';

/** Verifies prices, which is the default. */
let service: TestService;
/** Trusts the prices that come with an order. */
let trusting: TestService;

beforeAll(async () => {
  service = await startTestService();
  trusting = await startTestService({ settings: { PRICE_CHECK: 'trust' }, beside: service });
});

afterAll(async () => {
  await trusting.stop();
  await service.stop();
});

function place(items: OrderLine[], more?: Partial<PlaceOrderBody>, at = service): Promise<TestResponse> {
  return answerOf(at.api.POST('/orders', { body: orderBody(items, more) }));
}

/** Creates a product with a price. @returns its id */
function productAt(price: number, quantity = 1000): string {
  const id = newProduct(service.sandbox);
  setStock(service.sandbox, id, quantity, price);
  return id;
}

describe('prices of an order', () => {
  it('default to those of the inventory', async () => {
    const answer = await place([line('PROD001', 2), line('PROD002')]);
    expect(answer.body).toMatchObject({ total_amount: 189.97, currency: 'USD' });
    const body = await getOrder(service, answer.body.order_id);
    expect(body.items).toMatchObject([
      { product_id: 'PROD001', product_name: 'Wireless Headphones', quantity: 2, price: 79.99 },
      { product_id: 'PROD002', product_name: 'USB-C Charger', quantity: 1, price: 29.99 },
    ]);
  });

  it('match in any notation of the same number', async () => {
    const product = productAt(80);
    const json = JSON.stringify(orderBody([line(product, 1, 80)])).replace('"price":80', '"price":8.00e1');
    expect((await service.request('POST', '/orders', json)).status).toBe(201);
  });

  it('are rejected with each difference when they are not the current ones', async () => {
    const [right, cheap, dear] = [productAt(10), productAt(20), productAt(30)];
    const answer = await place([line(right, 1, 10), line(cheap, 1, 19.99), line(dear, 2, 31), line(dear)]);
    expectProblem(answer, 409);
    expect(answer.body.type).toBe('/problems/price-changed');
    expect(answer.body.differences).toEqual([
      { line: 2, product_id: cheap, requested_price: 19.99, current_price: 20 },
      { line: 3, product_id: dear, requested_price: 31, current_price: 30 },
    ]);
    expect(answer.body).not.toHaveProperty('expected_total');
    expect(answer.body.current_total).toBe(120);
    expect(answer.body.lines).toEqual([
      { line: 1, product_id: right, quantity: 1, requested_price: 10, price: 10, line_total: 10 },
      { line: 2, product_id: cheap, quantity: 1, requested_price: 19.99, price: 20, line_total: 20 },
      { line: 3, product_id: dear, quantity: 2, requested_price: 31, price: 30, line_total: 60 },
      { line: 4, product_id: dear, quantity: 1, price: 30, line_total: 30 },
    ]);
    for (const product of [right, cheap, dear]) expect(takenFrom(service.sandbox, product)).toEqual([]);
  });

  it('are those of the request when prices are trusted', async () => {
    const product = productAt(30);
    const answer = await place([line(product, 2, 12.5), line(product)], {}, trusting);
    expect([answer.status, answer.body.total_amount]).toEqual([201, 55]);
    const body = await getOrder(service, answer.body.order_id);
    expect(body.items).toMatchObject([{ price: 12.5 }, { price: 30 }]);
  });

  it('may be 0', async () => {
    expect((await place([line(productAt(0), 1, 0)])).body).toMatchObject({ total_amount: 0 });
  });
});

describe('total of an order', () => {
  it.each<[string, [price: number, quantity: number][], number]>([
    ['3 × 0.1', [[0.1, 3]], 0.3],
    [
      '0.1 and 0.2',
      [
        [0.1, 1],
        [0.2, 1],
      ],
      0.3,
    ],
    [
      '1.1 × 3 and 2.2',
      [
        [1.1, 3],
        [2.2, 1],
      ],
      5.5,
    ],
    ['1.005 is not a valid price, so 1.01 × 100', [[1.01, 100]], 101],
    ['a hundred times 79.99', [[79.99, 100]], 7999],
    ['4.35 × 100', [[4.35, 100]], 435],
    ['almost the largest total', [[999_999_999.99, 99]], 98_999_999_999.01],
  ])('is exact: %s', async (_name, lines, total) => {
    const items = lines.map(([price, quantity]) => line(productAt(price), quantity));
    const answer = await place(items, { expected_total: total });
    expect([answer.status, answer.body.total_amount]).toEqual([201, total]);
    const body = await getOrder(service, answer.body.order_id);
    expect(body.total_amount).toBe(total);
  });

  it('is rejected when it differs from the expected total', async () => {
    const [product, other] = [productAt(0.1), productAt(5)];
    const answer = await place([line(product, 3), line(other, 2, 5)], { expected_total: 10.31 });
    expectProblem(answer, 409);
    expect(answer.body).toEqual({
      type: '/problems/total-changed',
      title: expect.any(String),
      status: 409,
      detail: 'The total is 10.3, not 10.31',
      expected_total: 10.31,
      current_total: 10.3,
      lines: [
        { line: 1, product_id: product, quantity: 3, price: 0.1, line_total: 0.3 },
        { line: 2, product_id: other, quantity: 2, requested_price: 5, price: 5, line_total: 10 },
      ],
    });
    for (const id of [product, other]) expect(takenFrom(service.sandbox, id)).toEqual([]);
  });

  it('is reported with the price differences when both have changed', async () => {
    const product = productAt(20);
    const answer = await place([line(product, 2, 19)], { expected_total: 38 });
    expect(answer.body).toMatchObject({
      type: '/problems/price-changed',
      expected_total: 38,
      current_total: 40,
      lines: [{ requested_price: 19, price: 20, line_total: 40 }],
    });
  });

  it('is calculated from the prices of the request when those are trusted', async () => {
    const product = productAt(30);
    const answer = await place([line(product, 2, 12.5)], { expected_total: 60 }, trusting);
    expect(answer.body).toMatchObject({
      type: '/problems/total-changed',
      current_total: 25,
      lines: [{ requested_price: 12.5, price: 12.5, line_total: 25 }],
    });
  });

  it('is rejected when it is too large to be exact', async () => {
    const product = productAt(1_000_000, 1_000_000_000);
    expectProblem(await place([line(product, 100_000)]), 400, ['items']);
    expect(takenFrom(service.sandbox, product)).toEqual([]);
    expect((await place([line(product, 99_999)])).body.total_amount).toBe(99_999_000_000);
  });
});

describe('currency of an order', () => {
  it('defaults to that of the products', async () => {
    expect((await place([line('PROD003')], { currency: 'USD' })).body.currency).toBe('USD');
    expect((await place([line('PROD003')])).body.currency).toBe('USD');
  });

  it('must be that of the products when prices are verified', async () => {
    const before = callsTo(service.sandbox, 'inventory').length;
    expectProblem(await place([line('PROD003')], { currency: 'EUR' }), 400, ['currency']);
    expectProblem(await place([line('PROD003', 1, 149.99)], { currency: 'EUR' }), 400, ['currency']);
    expect(callsTo(service.sandbox, 'inventory')).toHaveLength(before);
  });

  it('may be any when all prices come with the order and are trusted', async () => {
    const answer = await place([line('PROD003', 1, 139.5)], { currency: 'EUR' }, trusting);
    expect(answer.body).toMatchObject({ total_amount: 139.5, currency: 'EUR' });
    const partly = await place([line('PROD003', 1, 139.5), line('PROD004')], { currency: 'EUR' }, trusting);
    expectProblem(partly, 400, ['currency']);
  });

  it.each<[string, number, number]>([
    ['JPY', 1500, 15.5],
    ['USD', 15.25, 15.255],
    ['KWD', 1.255, 1.2555],
  ])('limits the decimals of a price: %s', async (currency, right, wrong) => {
    const answer = await place([line('PROD003', 1, right)], { currency }, trusting);
    expect(answer.body).toMatchObject({ total_amount: right, currency });
    expectProblem(await place([line('PROD003', 1, wrong)], { currency }, trusting), 400, ['items[0].price']);
  });
});

describe('products that are not available', () => {
  it('are rejected with a list of all unknown products', async () => {
    const product = newProduct(service.sandbox);
    const answer = await place([line('NOPE1'), line(product, 2), line('NOPE2', 3), line('NOPE1', 2)]);
    expectProblem(answer, 400);
    expect(answer.body.type).toBe('/problems/unknown-product');
    expect(answer.body.shortages).toMatchObject([
      { product_id: 'NOPE1', requested: 3, available: 0 },
      { product_id: 'NOPE2', requested: 3, available: 0 },
    ]);
    for (const name of ['NOPE1', 'NOPE2']) expect(answer.body.detail).toContain(name);
    expect(takenFrom(service.sandbox, product)).toEqual([]);
  });

  it('are rejected with a list of all short products and what is available', async () => {
    const rows = await countRows(service.database);
    const [enough, few, none] = [5, 2, 0].map((quantity) => newProduct(service.sandbox, quantity));
    const items = [enough, few, none].map((product) => line(product ?? '', 3));
    const answer = await place(items);
    expectProblem(answer, 400);
    expect(answer.body.type).toBe('/problems/insufficient-stock');
    expect(answer.body.detail).toContain('Insufficient inventory for one or more items');
    expect(answer.body.shortages).toMatchObject([
      { product_id: few, requested: 3, available: 2 },
      { product_id: none, requested: 3, available: 0 },
    ]);
    expect(await countRows(service.database)).toEqual(rows);
  });
});

describe('lines of an order', () => {
  it('of the same product are checked against the stock as a sum', async () => {
    const product = newProduct(service.sandbox, 5);
    const answer = await place([line(product, 3), line(product, 3)]);
    expectProblem(answer, 400);
    expect(answer.body.shortages).toMatchObject([{ product_id: product, requested: 6, available: 5 }]);
    expect((await place([line(product, 3), line(product, 2)])).status).toBe(201);
    expect(takenFrom(service.sandbox, product)).toEqual(expect.arrayContaining([-2, -3]));
    expect(stockOf(service.sandbox, product)).toBe(0);
  });

  it('cause one lookup per product', async () => {
    const product = newProduct(service.sandbox, 300);
    await placeOrder(service, orderBody(Array.from({ length: 200 }, () => line(product))));
    const lookups = callsTo(service.sandbox, 'inventory').filter(
      ({ path }) => path === `/inventory/${product}`,
    );
    expect(lookups).toHaveLength(1);
    expect(takenFrom(service.sandbox, product)).toHaveLength(200);
  });

  it.each(['..', '.', 'a/b', 'a?b', 'a#b', '%41', 'ü ß', '🎧'])(
    'may have a product id with any characters, which is looked up unchanged: %s',
    async (product) => {
      const answer = await place([line(product)]);
      expectProblem(answer, 400);
      expect(answer.body).toMatchObject({
        type: '/problems/unknown-product',
        shortages: [{ product_id: product }],
      });
    },
  );
});
