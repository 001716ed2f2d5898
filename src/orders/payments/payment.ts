import { Big } from 'big.js';
import { paymentAlreadyRecorded, tooManyPayments } from './payment.problems.js';

export const PAYMENT_STATES = ['authorized', 'captured', 'refunded', 'voided', 'declined'] as const;

export type ReportedState = (typeof PAYMENT_STATES)[number];

/** What the payment provider said about one payment, with the members of the API. One entry for each reference and state. */
export interface Payment {
  /** Id of the payment at its provider; of a refund its own id. */
  reference: string;
  state: ReportedState;
  /** The number that the client wrote, which is exact for amounts. */
  amount: number;
  currency: string;
  /** ISO 8601. */
  recorded_at: string;
  /** Whether it confirms the order: at once, or when the stock of an expired one is reserved again. Absent otherwise. */
  confirmed?: true;
}

/** What a client reports. */
export type PaymentReport = Pick<Payment, 'reference' | 'state' | 'amount' | 'currency'>;

/**
 * Payments of one order. Retries of a card and partial captures and refunds are a few; as many entries are at most 60 kB, and
 * 15 kB with usual references, which each reading of the order returns.
 */
export const MAX_PAYMENTS = 100;

/** What the payments of an order amount to. */
export const PAYMENT_SUMMARIES = ['none', 'authorized', 'paid', 'partially_refunded', 'refunded'] as const;

export type PaymentState = (typeof PAYMENT_SUMMARIES)[number];

/** What the state of the payments of an order depends on. */
export interface PayableOrder {
  payments: readonly Payment[] | null;
  /** Null until the order is priced. */
  totalAmount: string | null;
  currency: string;
}

/**
 * The payments of an order with a reported one, which is the last. A repeated report changes nothing, except that a payment
 * that was recorded before can become the one that confirms the order.
 *
 * @throws {Problem} payment-already-recorded, too-many-payments
 */
export function withPayment(
  payments: readonly Payment[] | null,
  { reference, state, amount, currency }: PaymentReport,
  at: Date,
  { confirms }: { confirms: boolean },
): Payment[] | 'unchanged' {
  const before = payments ?? [];
  const index = before.findIndex((payment) => payment.reference === reference && payment.state === state);
  const known = before[index];
  if (known) {
    if (known.amount !== amount || known.currency !== currency) throw paymentAlreadyRecorded(known);
    if (!confirms || known.confirmed) return 'unchanged';
    return before.with(index, { ...known, confirmed: true });
  }
  // The payment of an order must find a place, also behind a hundred that were declined.
  if (before.length >= MAX_PAYMENTS && !confirms) throw tooManyPayments(MAX_PAYMENTS);
  const payment = { reference, state, amount, currency, recorded_at: at.toISOString() };
  return [...before, confirms ? { ...payment, confirmed: true } : payment];
}

/**
 * What the payments of an order amount to. Only those in the currency of the order count, because amounts in different
 * currencies can not be added. A report can be missing or late, so a refund without its capture counts as well. A void ends
 * an authorization and returns no captured money.
 */
export function paymentStateOf({ payments, totalAmount, currency }: PayableOrder): PaymentState {
  const counted = (payments ?? []).filter((payment) => payment.currency === currency);
  const captured = sumOf(counted, 'captured');
  const refunded = sumOf(counted, 'refunded');
  if (captured.gt(0) && refunded.gte(captured)) return 'refunded';
  if (refunded.gt(0)) return 'partially_refunded';
  const isCaptured = counted.some(({ state }) => state === 'captured');
  if (isCaptured && totalAmount !== null && captured.gte(totalAmount)) return 'paid';
  return captured.gt(0) || isAuthorized(counted) ? 'authorized' : 'none';
}

export function sumOf(payments: readonly Payment[], of: ReportedState): Big {
  return payments
    .filter(({ state }) => state === of)
    .reduce((sum, { amount }) => sum.plus(amount), new Big(0));
}

function isAuthorized(payments: readonly Payment[]): boolean {
  const voided = new Set(
    payments.filter(({ state }) => state === 'voided').map(({ reference }) => reference),
  );
  return payments.some(({ state, reference }) => state === 'authorized' && !voided.has(reference));
}
