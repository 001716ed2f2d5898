import type { StoredResponse } from '../../idempotency/idempotency.repository.js';
import { Problem, PROBLEM_MEDIA_TYPE, RETRY_AFTER } from '../../platform/http/problem.js';
import { problemTypes } from '../../platform/http/problems/problem-types.js';
import type { OrderEvent } from '../order-event.entity.js';
import type { Order } from '../order.entity.js';
import { fitLists, orderProblem, type Shortage, shortageDetail } from '../order.problems.js';
import { amountsOf } from '../dto/order.response.js';
import { NOT_ASKED } from './completion.js';

/**
 * A confirmed order. System A: "Order confirmation with order ID and status".
 *
 * @param version the version at which it was confirmed; later changes don't matter
 */
export function confirmedResponse(order: Order, version: number): StoredResponse {
  return {
    status: 201,
    headers: { location: `/orders/${order.id}`, etag: `"${version}"` },
    body: {
      order_id: order.id,
      status: 'confirmed',
      message: 'Order placed successfully',
      timestamp: order.placedAt.toISOString(),
      ...amountsOf(order),
      currency: order.currency,
      number: order.number,
    },
  };
}

/**
 * An order whose stock is held for a payment.
 *
 * @param version the version at which it was reserved; later changes don't matter
 * @param expiresAt when the hold ended by the reservation, in ISO 8601; it may have been extended since
 */
export function reservedResponse(order: Order, version: number, expiresAt: string): StoredResponse {
  const { body, ...response } = confirmedResponse(order, version);
  return {
    ...response,
    body: {
      ...body,
      status: 'reserved',
      message: 'Order reserved until it is confirmed or expires',
      expires_at: expiresAt,
    },
  };
}

/** The order is stored durably; the client polls its URL for the result. */
export function acceptedResponse(order: Order): StoredResponse {
  return {
    status: 202,
    headers: { location: `/orders/${order.id}`, etag: `"${order.version}"`, ...RETRY_AFTER },
    body: {
      order_id: order.id,
      status: 'pending',
      message: 'Order accepted, and yet to be confirmed',
      timestamp: order.placedAt.toISOString(),
      ...amountsOf(order),
      currency: order.currency,
      number: order.number,
    },
  };
}

/**
 * The order was refused after it was stored: by the inventory or, for an order that was priced later, for any reason
 * of a refusal.
 *
 * @param rejection the event with the reason
 */
export function rejectedProblem(order: Order, rejection: OrderEvent | undefined): Problem {
  // Inventory calls are for the order's history, not for the response.
  const { calls: _calls, ...reasons } = rejection?.data ?? {};
  // Orders that were rejected by an earlier version may have stored longer lists.
  const about = fitLists({ order_id: order.id, ...reasons });
  const name = order.failure ?? '';
  const kind = problemTypes().get(name);
  if (kind && name !== 'insufficient-stock') {
    return new Problem(name, kind, rejection?.reason ?? kind.title, about);
  }
  const shortages = (about['shortages'] as Shortage[] | undefined) ?? [];
  return orderProblem('insufficient-stock', shortageDetail(shortages), { ...about, shortages });
}

/**
 * The order was compensated: its reservation is unknown, or no time was left for it.
 *
 * @param failure the event with the reason
 */
export function failedProblem(order: Order, failure: OrderEvent | undefined): Problem {
  const cause =
    failure?.reason === NOT_ASKED
      ? 'the database or a look-up was so slow that no time was left to reserve its stock'
      : 'the inventory did not say whether the stock was reserved';
  return orderProblem(
    'placement-failed',
    `The order was not placed: ${cause}. To try again, send a new request with another Idempotency-Key.`,
    { order_id: order.id },
    RETRY_AFTER,
  );
}

/**
 * The outcome is unknown so far; a retry with the key or the reference returns it.
 *
 * @param isDatabaseSlow whether the database left too little time for the inventory
 */
export function undecidedProblem(order: Order, isDatabaseSlow: boolean): Problem {
  const cause = isDatabaseSlow
    ? 'The database was busy or locked, so that too little time was left for the inventory.'
    : 'The inventory does not answer.';
  return orderProblem(
    'placement-unsettled',
    `${cause} Repeat the request, with the same Idempotency-Key if it had one, to learn the outcome.`,
    { order_id: order.id },
    RETRY_AFTER,
  );
}

/** A refusal as it is stored for its key. */
export function problemResponse(problem: Problem): StoredResponse {
  return {
    status: problem.status,
    headers: { ...problem.headers, 'content-type': PROBLEM_MEDIA_TYPE },
    body: problem.toBody(),
  };
}
