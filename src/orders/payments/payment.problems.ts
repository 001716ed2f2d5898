import { Problem } from '../../platform/http/problem.js';
import { defineProblemTypes } from '../../platform/http/problems/problem-types.js';

export const PAYMENT_PROBLEMS = defineProblemTypes({
  'payment-already-recorded': {
    status: 409,
    title: 'Payment already recorded',
    cause: 'The order has a payment with this reference and state, and another amount or currency.',
    remedy: 'Compare the amounts. A second capture or refund of one payment needs a reference of its own.',
    members: {
      recorded_amount: 'the amount that is recorded',
      recorded_currency: 'its currency',
    },
  },
  'too-many-payments': {
    status: 409,
    title: 'Too many payments',
    cause: 'The order has as many recorded payments as it can have.',
    remedy: 'Keep further reports in the system that takes the payments. Repeated reports do not count.',
    members: { max_payments: 'how many payments an order can have' },
  },
});

export type PaymentProblemName = keyof typeof PAYMENT_PROBLEMS;

/** A payment as it is recorded. */
interface Recorded {
  reference: string;
  state: string;
  amount: number;
  currency: string;
}

export function paymentAlreadyRecorded({ reference, state, amount, currency }: Recorded): Problem {
  const name = 'payment-already-recorded';
  const detail = `Payment ${reference} is recorded as ${state} with ${amount} ${currency}`;
  return new Problem(name, PAYMENT_PROBLEMS[name], detail, {
    recorded_amount: amount,
    recorded_currency: currency,
  });
}

export function tooManyPayments(maxPayments: number): Problem {
  const name = 'too-many-payments';
  return new Problem(name, PAYMENT_PROBLEMS[name], `An order can have ${maxPayments} payments`, {
    max_payments: maxPayments,
  });
}
