import { Problem, RETRY_AFTER } from '../../platform/http/problem.js';
import { defineProblemTypes } from '../../platform/http/problems/problem-types.js';
import type { OrderStatus } from '../order-status.js';

/** The errors of holds and confirmations. */
export const HOLD_PROBLEMS = defineProblemTypes({
  'payment-mismatch': {
    status: 409,
    title: 'Payment does not match',
    cause: 'The payment has another amount or currency than the order. The order stays as it is.',
    remedy:
      'Compare with the total of the order. `ALLOW_PAYMENT_MISMATCH=true` confirms such orders; `POST /orders/{id}/payments` ' +
      'records the payment without confirming.',
    members: { total_amount: 'the total of the order', currency: 'the currency of the order' },
  },
  'already-confirmed': {
    status: 409,
    title: 'Already confirmed by another payment',
    cause:
      'The order was confirmed by a payment with another reference. Where its hold had expired before, this one is recorded.',
    remedy:
      'Refund one of the payments. Record the other with `POST /orders/{id}/payments` if people are to see it.',
    members: {
      reference: 'the payment that confirmed the order',
      current_status: 'the status that the order has',
    },
  },
  'not-reserved': {
    status: 409,
    title: 'Order has no hold',
    cause: 'The order is not `reserved`: it was confirmed, cancelled, or its hold has expired.',
    remedy: 'Read the order. A confirmation of an expired order reserves its stock again.',
    members: { current_status: 'the status that the order has' },
  },
  'stock-not-kept': {
    status: 409,
    title: 'Stock is not kept any longer',
    cause: 'The inventory does not hold the stock of the order any more, so its hold can not be extended.',
    remedy: 'Cancel the order, or let its hold expire.',
  },
  'reservation-expired': {
    status: 409,
    title: 'Hold has expired and the stock is gone',
    cause:
      'The hold of the order had expired, and its stock could not be reserved again. The payment, if there was one, is ' +
      'recorded, and an incident tells staff to refund it.',
    remedy: 'Tell the customer, and refund the payment. Staff can try again or cancel the order.',
    members: { current_status: 'the status that the order has' },
  },
  'confirmation-unsettled': {
    status: 503,
    title: 'Outcome not yet known',
    cause:
      'The hold of the order had expired, and it is not known yet whether its stock could be reserved again. The payment is ' +
      'recorded, and the service goes on trying by itself.',
    remedy:
      'Send the same request again, after the seconds in `Retry-After`. With `waits_for_staff` the stock of the expired hold ' +
      'is not released until staff resolves its incident, and the order is confirmed by itself after that.',
    members: { waits_for_staff: 'true while only a person can release the stock of the expired hold' },
  },
});

export type HoldProblemName = keyof typeof HOLD_PROBLEMS;

function holdProblem(
  name: HoldProblemName,
  detail: string,
  members: Record<string, unknown> = {},
  headers?: Record<string, string>,
): Problem {
  return new Problem(name, HOLD_PROBLEMS[name], detail, members, headers);
}

export function paymentMismatch(total: number | null, currency: string): Problem {
  const detail = `The order costs ${total ?? 'an amount that is not known yet'} ${currency}`;
  return holdProblem('payment-mismatch', detail, { total_amount: total, currency });
}

export function alreadyConfirmed(reference: string, status: OrderStatus): Problem {
  const detail = `The order was confirmed by the payment ${reference}`;
  return holdProblem('already-confirmed', detail, { reference, current_status: status });
}

export function notReserved(status: OrderStatus): Problem {
  return holdProblem('not-reserved', `The order is ${status}`, { current_status: status });
}

export function stockNotKept(): Problem {
  return holdProblem('stock-not-kept', 'The inventory does not hold the stock of the order any more');
}

export function reservationExpired(status: OrderStatus): Problem {
  const detail = 'The hold of the order has expired, and its stock could not be reserved again';
  return holdProblem('reservation-expired', detail, { current_status: status });
}

export function confirmationUnsettled(waitsForStaff: boolean): Problem {
  const detail = waitsForStaff
    ? 'The stock of the expired hold has to be released first, which waits for staff; repeat the request'
    : 'Whether the stock of the order could be reserved again is not known yet; repeat the request';
  const members = waitsForStaff ? { waits_for_staff: true } : {};
  return holdProblem('confirmation-unsettled', detail, members, RETRY_AFTER);
}
