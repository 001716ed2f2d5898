import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Problem } from '../../platform/http/problem.js';
import {
  MAX_PAYMENTS,
  type Payment,
  PAYMENT_STATES,
  PAYMENT_SUMMARIES,
  type PaymentReport,
  paymentStateOf,
  type ReportedState,
  withPayment,
} from './payment.js';

const AT = new Date('2026-11-27T12:00:00.000Z');
const LATER = new Date('2026-11-27T13:00:00.000Z');

const CAPTURE: PaymentReport = { reference: 'pay_1', state: 'captured', amount: 164.97, currency: 'USD' };

const record = (payments: readonly Payment[] | null, report: PaymentReport, at = AT, confirms = false) =>
  withPayment(payments, report, at, { confirms });

/** Records reports one after the other. */
function recordAll(reports: readonly PaymentReport[]): Payment[] | null {
  return reports.reduce<Payment[] | null>((payments, report) => {
    const after = record(payments, report);
    return after === 'unchanged' ? payments : after;
  }, null);
}

/** The name of the problem that a function throws. */
function problemOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof Problem) return error.name;
    throw error;
  }
}

/** Amounts in hundredths, as clients write them. */
const amounts = fc.integer({ min: 0, max: 1_000_000 }).map((cents) => cents / 100);

const reports = fc.record({
  reference: fc.constantFrom('pay_1', 'pay_2', 're_1', 're_2'),
  state: fc.constantFrom(...PAYMENT_STATES),
  amount: amounts,
  currency: fc.constantFrom('USD', 'USD', 'EUR'),
});

/** Reports with different references and states, in any order. */
const distinct = fc.uniqueArray(reports, {
  selector: ({ reference, state }) => `${reference} ${state}`,
  maxLength: 20,
});

describe('withPayment', () => {
  it('adds the payment after those that are recorded', () => {
    const first = record(null, CAPTURE);
    expect(first).toStrictEqual([{ ...CAPTURE, recorded_at: AT.toISOString() }]);
    const refund = { ...CAPTURE, reference: 're_1', state: 'refunded', amount: 5 } as const;
    expect(record(first as Payment[], refund, LATER)).toStrictEqual([
      { ...CAPTURE, recorded_at: AT.toISOString() },
      { ...refund, recorded_at: LATER.toISOString() },
    ]);
  });

  it('stores the members of a payment alone', () => {
    const report = { ...CAPTURE, card: '4111111111111111' };
    expect(JSON.stringify(record(null, report))).not.toContain('4111');
  });

  it('is unchanged by a repeated report, whenever it is repeated', () => {
    fc.assert(
      fc.property(distinct, fc.nat(), (all, at) => {
        const payments = recordAll(all);
        const again = all[at % Math.max(all.length, 1)];
        if (again) expect(record(payments, again, LATER)).toBe('unchanged');
      }),
    );
  });

  it('keeps one entry for each reference and state', () => {
    fc.assert(
      fc.property(distinct, (all) => {
        expect(recordAll(all) ?? []).toHaveLength(all.length);
      }),
    );
  });

  it.each([{ amount: 164.96 }, { currency: 'EUR' }])('refuses the same payment with %j', (other) => {
    const payments = record(null, CAPTURE) as Payment[];
    expect(problemOf(() => record(payments, { ...CAPTURE, ...other }))).toBe('payment-already-recorded');
    expect(problemOf(() => record(payments, { ...CAPTURE, ...other }, AT, true))).toBe(
      'payment-already-recorded',
    );
  });

  it('marks the payment that confirms the order, also one that was recorded before', () => {
    const confirmed = [{ ...CAPTURE, recorded_at: AT.toISOString(), confirmed: true }];
    expect(record(null, CAPTURE, AT, true)).toStrictEqual(confirmed);
    expect(record(record(null, CAPTURE) as Payment[], CAPTURE, LATER, true)).toStrictEqual(confirmed);
    expect(record(confirmed as Payment[], CAPTURE, LATER, true)).toBe('unchanged');
    expect(record(confirmed as Payment[], CAPTURE, LATER, false)).toBe('unchanged');
  });

  it('refuses more payments than an order can have, and still answers repeated ones', () => {
    const full = recordAll(
      Array.from({ length: MAX_PAYMENTS }, (_, index) => ({ ...CAPTURE, reference: `pay_${index}` })),
    );
    expect(full).toHaveLength(MAX_PAYMENTS);
    expect(problemOf(() => record(full, { ...CAPTURE, reference: 'one more' }))).toBe('too-many-payments');
    expect(record(full, { ...CAPTURE, reference: 'pay_7' })).toBe('unchanged');
  });
});

const stateOf = (...of: [state: ReportedState, amount: number, reference?: string, currency?: string][]) =>
  paymentStateOf({
    totalAmount: '100.00',
    currency: 'USD',
    payments: recordAll(
      of.map(([state, amount, reference = 'pay_1', currency = 'USD']) => ({
        state,
        amount,
        reference,
        currency,
      })),
    ),
  });

describe('paymentStateOf', () => {
  it.each<[string, ReturnType<typeof stateOf>, (typeof PAYMENT_SUMMARIES)[number]]>([
    ['nothing', stateOf(), 'none'],
    ['a declined payment', stateOf(['declined', 100]), 'none'],
    ['an authorization', stateOf(['authorized', 100]), 'authorized'],
    ['an authorization after a decline', stateOf(['declined', 100], ['authorized', 100]), 'authorized'],
    ['a voided authorization', stateOf(['authorized', 100], ['voided', 100]), 'none'],
    [
      'another authorization beside a voided one',
      stateOf(['authorized', 100], ['voided', 100], ['authorized', 100, 'pay_2']),
      'authorized',
    ],
    ['a capture of all', stateOf(['authorized', 100], ['captured', 100]), 'paid'],
    ['a capture of more', stateOf(['captured', 100.01]), 'paid'],
    ['a capture of a part', stateOf(['captured', 99.99]), 'authorized'],
    ['a voided rest', stateOf(['authorized', 100], ['captured', 40], ['voided', 60]), 'authorized'],
    ['two captures of all', stateOf(['captured', 40], ['captured', 60, 'pay_2']), 'paid'],
    ['a refund of a part', stateOf(['captured', 100], ['refunded', 40, 're_1']), 'partially_refunded'],
    [
      'refunds of all',
      stateOf(['captured', 100], ['refunded', 40, 're_1'], ['refunded', 60, 're_2']),
      'refunded',
    ],
    ['a refund of all of a partial capture', stateOf(['captured', 40], ['refunded', 40, 're_1']), 'refunded'],
    ['a refund before its capture', stateOf(['refunded', 40, 're_1']), 'partially_refunded'],
    ['a capture in another currency', stateOf(['captured', 100, 'pay_1', 'EUR']), 'none'],
  ])('%s', (_case, state, expected) => {
    expect(state).toBe(expected);
  });

  it('adds exactly where binary numbers go wrong', () => {
    const payments = [0.1, 0.1, 0.1].map((amount, index) => ({
      ...CAPTURE,
      amount,
      reference: `pay_${index}`,
      recorded_at: AT.toISOString(),
    }));
    const order = { totalAmount: '0.3000', currency: 'USD', payments };
    expect(paymentStateOf(order)).toBe('paid');
    expect(paymentStateOf({ ...order, totalAmount: '0.3001' })).toBe('authorized');
  });

  it('of an order that is free or not priced is none until a payment is reported', () => {
    const order = { currency: 'USD', payments: null };
    const captured = record(null, { ...CAPTURE, amount: 0 }) as Payment[];
    expect(paymentStateOf({ ...order, totalAmount: '0' })).toBe('none');
    expect(paymentStateOf({ ...order, totalAmount: '0', payments: captured })).toBe('paid');
    expect(paymentStateOf({ ...order, totalAmount: null })).toBe('none');
    expect(
      paymentStateOf({ ...order, totalAmount: null, payments: record(null, CAPTURE) as Payment[] }),
    ).toBe('authorized');
  });

  it('does not depend on the order of the reports', () => {
    fc.assert(
      fc.property(distinct, amounts, fc.nat(), (all, total, turn) => {
        const turned = [...all.slice(turn % (all.length + 1)), ...all.slice(0, turn % (all.length + 1))];
        const order = { totalAmount: String(total), currency: 'USD' };
        const state = paymentStateOf({ ...order, payments: recordAll(all) });
        expect(PAYMENT_SUMMARIES).toContain(state);
        expect(paymentStateOf({ ...order, payments: recordAll(turned.toReversed()) })).toBe(state);
      }),
    );
  });

  it('is changed by neither a declined payment nor one in another currency', () => {
    fc.assert(
      fc.property(distinct, amounts, (all, total) => {
        const order = { totalAmount: String(total), currency: 'USD' };
        const counted = all.filter(({ state, currency }) => state !== 'declined' && currency === 'USD');
        expect(paymentStateOf({ ...order, payments: recordAll(all) })).toBe(
          paymentStateOf({ ...order, payments: recordAll(counted) }),
        );
      }),
    );
  });
});
