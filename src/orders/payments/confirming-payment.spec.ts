import { describe, expect, it } from '@jest/globals';
import { paymentsToConfirm } from './confirming-payment.js';
import type { Payment, ReportedState } from './payment.js';

/** A payment of an order of 20 USD, as in `*a captured`, `a refunded 5` or `b captured 20 EUR`; `*` marks the confirming one. */
function payment(text: string): Payment {
  const [name = '', state = '', amount = '20', currency = 'USD'] = text.split(' ');
  const reported = { state: state as ReportedState, amount: Number(amount), currency };
  const recorded = { reference: name.replace('*', ''), ...reported, recorded_at: '2026-11-28T12:00:00.000Z' };
  return name.startsWith('*') ? { ...recorded, confirmed: true } : recorded;
}

/** The payment that confirms the order: its reference and state; undefined when none is valid. */
function confirmedBy(texts: readonly string[]): string | undefined {
  const payments = texts.map(payment);
  const result = paymentsToConfirm({ payments, totalAmount: '20.00', currency: 'USD' });
  expect(result?.filter(({ confirmed }) => confirmed).length ?? 1).toBe(1);
  const found = result?.find(({ confirmed }) => confirmed);
  return found && `${found.reference} ${found.state}`;
}

describe('a late confirmation', () => {
  it.each([
    [['*a captured'], 'a captured'],
    [['*a authorized'], 'a authorized'],
    [['*a authorized', 'a captured'], 'a authorized'],
    [['a declined', '*a captured'], 'a captured'],
    [['*a captured', 'b declined', 'c voided'], 'a captured'],
    [['*a captured', 'a refunded 5'], 'a captured'],
    [['*a captured', 're refunded 5'], 'a captured'],
    [['*a captured', 're refunded 20 EUR'], 'a captured'],
    [['*a captured 25', 'b captured'], 'a captured'],
  ])('of %j is made by its payment', (texts, expected) => expect(confirmedBy(texts)).toBe(expected));

  it.each([
    [['*a captured', 'b captured', 'a refunded'], 'b captured'],
    [['*a captured', 'b captured', 're refunded'], 'b captured'],
    [['*a authorized', 'b captured', 'a voided'], 'b captured'],
    [['*a authorized', 'b authorized', 'a declined'], 'b authorized'],
    [['*a captured', 'a refunded', 'b authorized', 'c captured'], 'c captured'],
    [['*a captured', 'a refunded', 'b captured', 'c captured', 'c refunded'], 'b captured'],
    [['*a authorized', 'a voided', 'b authorized', 'b captured'], 'b captured'],
  ])('of %j is made by the latest valid payment', (texts, expected) =>
    expect(confirmedBy(texts)).toBe(expected),
  );

  it.each([
    [['*a captured', 'a refunded']],
    [['*a captured', 're refunded']],
    [['*a captured', 're_1 refunded 10', 're_2 refunded 10']],
    [['*a authorized', 're refunded']],
    [['*a authorized', 'a voided']],
    [['*a captured', 'a voided']],
    [['*a authorized', 'a declined']],
    [['*a captured', 'a refunded', 'b captured 19']],
    [['*a captured', 'a refunded', 'b captured 20 EUR']],
    [['*a captured', 'a refunded', 'b declined']],
    // The capture of `a` under an id of its own, and its refund.
    [['*a authorized', 'capture captured', 're refunded']],
  ])('of %j is made by none', (texts) => expect(confirmedBy(texts)).toBeUndefined());

  it('of an order that is confirmed without a payment needs none', () => {
    const order = { totalAmount: '20.00', currency: 'USD' };
    expect(paymentsToConfirm({ ...order, payments: null })).toBeNull();
    const payments = [payment('a captured'), payment('a refunded')];
    expect(paymentsToConfirm({ ...order, payments })).toEqual(payments);
  });

  it('of an order that costs nothing is made by its payment', () => {
    const payments = [payment('*a captured 0')];
    expect(paymentsToConfirm({ payments, totalAmount: '0', currency: 'USD' })).toEqual(payments);
  });
});
