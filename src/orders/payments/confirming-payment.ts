import { Big } from 'big.js';
import { type PayableOrder, type Payment, sumOf } from './payment.js';

/** The payment that confirms an order, or will once its stock is reserved again; undefined where none does. */
export function confirmingOf(payments: readonly Payment[] | null): Payment | undefined {
  return payments?.find(({ confirmed }) => confirmed);
}

/**
 * The payments of an order at a late confirmation. Hours may lie between the payment and the stock, in which the payment
 * was refunded: then the latest one that is still valid and pays the whole order confirms it instead.
 *
 * @returns the payments as they are stored with the confirmation; undefined when no payment is valid any more
 */
export function paymentsToConfirm(order: PayableOrder): Payment[] | null | undefined {
  const payments = order.payments && [...order.payments];
  const confirming = confirmingOf(payments);
  if (!payments || !confirming) return payments;
  const valid = validPayments(order, payments);
  if (valid.some(({ reference }) => reference === confirming.reference)) return payments;
  const latest = valid.findLast((payment) => paysAll(order, payment));
  return latest && payments.map((payment) => ({ ...withoutMark(payment), ...(payment === latest && MARK) }));
}

const MARK = { confirmed: true } as const;

function withoutMark({ reference, state, amount, currency, recorded_at }: Payment): Payment {
  return { reference, state, amount, currency, recorded_at };
}

function paysAll({ totalAmount, currency }: PayableOrder, payment: Payment): boolean {
  return payment.currency === currency && totalAmount !== null && new Big(payment.amount).eq(totalAmount);
}

/** The last success of each payment that has not ended since, oldest payment first. */
function validPayments({ currency }: PayableOrder, payments: readonly Payment[]): Payment[] {
  const successes = new Map(
    payments
      .filter(({ state }) => state === 'authorized' || state === 'captured')
      .map((payment) => [payment.reference, payment]),
  );
  const counted = payments.filter((payment) => payment.currency === currency);
  const refunded = sumOf(counted, 'refunded');
  const isAllRefunded = refunded.gt(0) && refunded.gte(sumOf(counted, 'captured'));
  let unassigned = sumOf(
    counted.filter(({ reference }) => !successes.has(reference)),
    'refunded',
  );
  return [...successes.values()].filter((success) => {
    if (hasEnded(payments, success)) return false;
    // Most refunds have an id of their own. The client of the first payment was the first to be asked for a refund.
    if (unassigned.gt(0) && unassigned.gte(success.amount)) {
      unassigned = unassigned.minus(success.amount);
      return false;
    }
    return success.state === 'authorized' || !isAllRefunded;
  });
}

/** By what is reported under the reference of the payment itself. A decline before its success was an earlier try. */
function hasEnded(payments: readonly Payment[], success: Payment): boolean {
  const since = payments.indexOf(success);
  return payments.some(({ reference, state, amount }, at) => {
    if (reference !== success.reference) return false;
    if (state === 'refunded') return amount >= success.amount;
    return state === 'voided' || (state === 'declined' && at > since);
  });
}
