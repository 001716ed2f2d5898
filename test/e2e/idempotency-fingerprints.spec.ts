import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { IsOptional, IsString } from 'class-validator';
import { BulkOrderDto, BulkStatusDto } from '../../src/orders/bulk/bulk-status.dto.js';
import { OrderItemDto, PlaceCustomerOrderDto, PlaceOrderDto } from '../../src/orders/dto/place-order.dto.js';
import {
  expectProblem,
  isReplay,
  line,
  newProduct,
  orderBody,
  placeOrder,
  placeWithKey,
  selectRows,
} from '../support/builders.js';
import { startTestService, type TestResponse, type TestService } from '../support/service.js';

/** A field that the bodies of requests get in this test, as a later release would add it. */
const NEW_FIELD = 'remark';

for (const dto of [PlaceOrderDto, PlaceCustomerOrderDto, OrderItemDto, BulkStatusDto, BulkOrderDto]) {
  IsOptional()(dto.prototype, NEW_FIELD);
  IsString()(dto.prototype, NEW_FIELD);
}

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});

afterAll(() => service.stop());

const BULK = '/orders/bulk-status';

const KNOWN_ORDERS = ['01a1ffe2-9b80-748a-ba30-787d85a2b441', '01a1ffe2-9b80-748a-ba30-787d85a2b442'];

/** Requests without and with a new field, whose value is given. */
const WITH_NEW_FIELD: [where: string, path: string, bodyOf: (remark?: string) => object][] = [
  ['an order', '/orders', (remark) => ({ ...orderBody(), remark })],
  ['an order of a customer', '/orders/42', (remark) => ({ ...orderBody(), remark })],
  ['a line of an order', '/orders', (remark) => orderBody([Object.assign(line('PROD001'), { remark })])],
  [
    'a bulk change',
    BULK,
    (remark) => ({ status: 'shipped', orders: [{ order_id: KNOWN_ORDERS[0] }], remark }),
  ],
  [
    'an order of a bulk change',
    BULK,
    (remark) => ({ status: 'shipped', orders: [{ order_id: KNOWN_ORDERS[0], remark }] }),
  ],
];

describe('key used for a request with another value of a new field', () => {
  it.each(WITH_NEW_FIELD)('returns 422, and replays the same value: %s', async (where, path, bodyOf) => {
    const first = await placeWithKey(service, where, bodyOf('one'), path);
    expect([200, 201]).toContain(first.status);
    expectProblem(await placeWithKey(service, where, bodyOf('two'), path), 422);
    expectProblem(await placeWithKey(service, where, bodyOf(), path), 422);
    const again = await placeWithKey(service, where, bodyOf('one'), path);
    expect([again.status, isReplay(again), again.body]).toEqual([first.status, true, first.body]);
  });
});

/** Requests with the fingerprints that release 0.1 has stored for them. */
const STORED: [what: string, path: string, body: object | undefined, requestHash: string][] = [
  [
    'an order with every field',
    '/orders',
    {
      customer_id: '42',
      customer_name: 'Alice Johnson',
      customer_email: 'alice@example.com',
      items: [
        { product_id: 'PROD001', quantity: 2, price: 79.99 },
        { product_id: 'PROD002', quantity: 1 },
      ],
      currency: 'USD',
      expected_total: 209.97,
    },
    '655d717d90b3717eaeda3ac0e308e074c1e87c5c31908d49ff2d001118d9b36d',
  ],
  [
    'an order with the fields that it needs',
    '/orders',
    orderBody(),
    '7cbeb6c0eb440d86526aaefd0440e844a5835b6ab1868151e684191f366bdc53',
  ],
  [
    'the cart of a customer',
    '/orders/71',
    undefined,
    '8c4671201ebe68b8b995c360ac4baba773a4c8238bf6a3d751ed5282d653124c',
  ],
  [
    'a bulk change with every field',
    BULK,
    {
      status: 'shipped',
      reason: 'on its way',
      orders: [{ order_id: KNOWN_ORDERS[0]?.toUpperCase(), version: 2 }, { order_id: KNOWN_ORDERS[1] }],
    },
    'b0495bb7a4a8e628e47ba71548e67e06fe30acbee874bca8331ab562400d7062',
  ],
  [
    'a bulk change with the fields that it needs',
    BULK,
    { status: 'shipped', orders: [{ order_id: KNOWN_ORDERS[0] }] },
    '909c798b9a5a1fbf28d0513e75d963adabb3f88d7c05374078cec291bb1e5985',
  ],
];

/** Stores a key as that release did: bound to an order, or with the response to a bulk change. */
async function store(key: string, requestHash: string, orderId: string | null, response?: TestResponse) {
  await selectRows(
    service.database,
    `INSERT INTO idempotency_keys (scope, key, request_hash, order_id, response_status, response_headers, response_body,
       created_at, expires_at)
     VALUES ('anonymous', $1, $2, $3, $4, $5, $6, now(), now() + interval '1 hour')`,
    [key, requestHash, orderId, response?.status, response && {}, response?.body],
  );
}

describe('key that an earlier release has stored', () => {
  it.each(STORED)('replays the response: %s', async (what, path, body, requestHash) => {
    const isBulk = path === BULK;
    const orderId = await placeOrder(service, orderBody([line(newProduct(service.sandbox))]));
    const earlier = isBulk ? await service.request('POST', path, body) : undefined;
    await store(what, requestHash, isBulk ? null : orderId, earlier);
    const replay = await placeWithKey(service, what, body, path);
    expect([replay.status, isReplay(replay)]).toEqual([isBulk ? 200 : 201, true]);
    if (earlier) expect(replay.body).toEqual(earlier.body);
    else expect(replay.body.order_id).toBe(orderId);
    const other = isBulk
      ? { status: 'cancelled', orders: [{ order_id: KNOWN_ORDERS[0] }] }
      : orderBody([line('PROD003')]);
    expectProblem(await placeWithKey(service, what, other, isBulk ? BULK : '/orders'), 422);
  });
});
