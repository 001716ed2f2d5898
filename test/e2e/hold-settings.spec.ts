import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  expectProblem,
  line,
  newProduct,
  startFleet,
  statusesTold,
  stockOf,
  type TestFleet,
} from '../support/builders.js';
import { confirmOrder, expireOrder, extendHold, reserveOrder, statusOf } from '../support/holds.js';
import { eventually, type TestService } from '../support/service.js';

const MAX_SECONDS = 3_600;

let fleet: TestFleet;
let service: TestService;

beforeAll(async () => {
  const settings = {
    NOTIFY_HOLDS: 'true',
    ALLOW_PAYMENT_MISMATCH: 'true',
    HOLD_MAX_SECONDS: String(MAX_SECONDS),
  };
  fleet = await startFleet(1, () => settings);
  [service] = fleet.services as [TestService];
});
afterAll(() => fleet.stop());

const reserve = (): Promise<string> => reserveOrder(service, [line(newProduct(fleet.sandbox), 2)]);

it('NOTIFY_HOLDS notifies the customer of the hold and of its end', async () => {
  const id = await reserve();
  await expireOrder(service, id);
  await eventually(() => statusesTold(fleet.sandbox, id).length === 2);
  expect(statusesTold(fleet.sandbox, id)).toEqual(['reserved', 'expired']);
});

it('ALLOW_PAYMENT_MISMATCH confirms by a payment of another amount and currency, as it was reported', async () => {
  const [one, other] = [await reserve(), await reserve()];
  expect(
    await confirmOrder(service, one, { reference: 'pay_1', state: 'captured', amount: 5 }),
  ).toMatchObject({
    status: 200,
    body: { status: 'confirmed', payments: [{ amount: 5, currency: 'USD' }], payment_state: 'authorized' },
  });
  expect(await confirmOrder(service, other, { reference: 'pay_2', currency: 'EUR' })).toMatchObject({
    status: 200,
    body: { status: 'confirmed', payments: [{ amount: 20, currency: 'EUR' }], payment_state: 'none' },
  });
});

it('HOLD_MAX_SECONDS bounds extensions', async () => {
  const id = await reserve();
  const answer = await extendHold(service, id, MAX_SECONDS + 1);
  expectProblem(answer, 400, ['hold_seconds']);
  expect(answer.body.errors[0].message).toBe(`must be at most ${MAX_SECONDS}`);
});

describe('a change of many orders to confirmed', () => {
  it('confirms reserved orders, and expired ones by reserving their stock again', async () => {
    const product = newProduct(fleet.sandbox);
    const ids = [
      await reserveOrder(service, [line(product, 2)]),
      await reserveOrder(service, [line(product, 2)]),
    ];
    await expireOrder(service, String(ids[1]));
    const orders = ids.map((id) => ({ order_id: id }));
    const answer = await service.request('POST', '/orders/bulk-status', { status: 'confirmed', orders });
    expect([answer.status, answer.body.changed]).toEqual([200, 2]);
    expect(await Promise.all(ids.map((id) => statusOf(service, id)))).toEqual(['confirmed', 'confirmed']);
    expect(stockOf(fleet.sandbox, product)).toBe(6);
  });
});
