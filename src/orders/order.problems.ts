import { Problem, RETRY_AFTER } from '../platform/http/problem.js';
import { defineProblemTypes } from '../platform/http/problems/problem-types.js';
import type { OrderStatus } from './order-status.js';

const SAME_KEY = 'Send the same request again with the same `Idempotency-Key`';

const OMITTED = 'how many entries of each list were left out, where the problem would be larger than 4 kB';

const SHORTAGES =
  'a list of {product_id, requested, available?, reason}, one for each line that can not be had';

/** The business errors of orders, each with the status that the documents of both systems give it. */
export const ORDER_PROBLEMS = defineProblemTypes({
  'order-not-found': {
    status: 404,
    title: 'Order not found',
    cause: 'No order has this id and, where a customer may be named, no customer with orders has it.',
    remedy: 'Compare the id with the `order_id` or the `Location` that the order was answered with.',
  },
  'customer-not-allowed': {
    status: 403,
    title: 'Customer not permitted',
    cause: 'The caller is a customer, and the order names another one.',
    remedy: 'Leave the customer out, or name the customer of the token.',
    members: { customer_id: 'the customer that the caller is' },
  },
  'cart-not-found': {
    status: 404,
    title: 'Cart not found',
    cause: 'The order names no items, and the cart service knows no active cart of this customer.',
    remedy: 'Name the items, or let the customer fill a cart first.',
  },
  'cart-empty': {
    status: 400,
    title: 'Cart is empty',
    cause: 'The active cart of the customer has no items that could be ordered.',
    remedy: 'Name the items, or let the customer fill the cart first.',
  },
  'cart-already-ordered': {
    status: 409,
    title: 'Cart already ordered',
    cause: 'A live order exists for this cart. A cart can be ordered only once, regardless of the key.',
    remedy: 'Read the existing order. The cart can be ordered again after it is cancelled.',
    members: { order_id: 'the order of this cart' },
  },
  'number-already-used': {
    status: 409,
    title: 'Number already used',
    cause: 'Another order has this `number`. Rejected and failed orders do not count.',
    remedy: 'Choose another number, or leave it out: then the service numbers the order.',
    members: { order_id: 'the order with this number' },
  },
  'reference-already-used': {
    status: 409,
    title: 'Reference already used',
    cause: 'Another order has this `source` and `source_order_id`, and was requested with another content.',
    remedy: 'Read the existing order. Send another `source_order_id` for another order.',
    members: { order_id: 'the order with this reference' },
  },
  'reference-in-progress': {
    status: 409,
    title: 'Order in progress',
    cause: 'The order with this `source` and `source_order_id` is being placed.',
    remedy: 'Send the same request again, in a moment: the response has the outcome.',
    members: { order_id: 'the order with this reference; absent when it failed a moment ago' },
  },
  'unknown-product': {
    status: 400,
    title: 'Product not found',
    cause: 'The inventory does not know one or more of the products.',
    remedy: 'Take the products that `shortages` names out of the order.',
    members: {
      shortages: SHORTAGES,
      omitted: OMITTED,
      order_id: 'the rejected order, where it had been stored before',
    },
  },
  'insufficient-stock': {
    status: 400,
    title: 'Insufficient stock',
    cause: 'The inventory has fewer units than the order asks for. Nothing stays reserved for it.',
    remedy: 'Order no more than `shortages` says there is, or later.',
    members: {
      shortages: SHORTAGES,
      omitted: OMITTED,
      order_id: 'the rejected order, where it had been stored before',
    },
  },
  'price-changed': {
    status: 409,
    title: 'Price changed',
    cause: 'A `price` in the order is not the price that the inventory has now.',
    remedy: 'Show the customer the new price, and order again with it or without any.',
    members: {
      differences:
        'a list of {line, product_id, requested_price, current_price}, of the lines with another price',
      omitted: OMITTED,
    },
  },
  'total-changed': {
    status: 409,
    title: 'Total changed',
    cause: 'The current prices and the charges add up to a total other than `expected_total`.',
    remedy: 'Show the customer the new total, and order again with it or without any.',
    members: {
      expected_total: 'what the request expected',
      current_total: 'what the order would cost',
      charges_amount: 'the sum of the charges that are added to the lines, where the request has charges',
      lines:
        'a list of {line, product_id, quantity, requested_price?, price, line_total}, which add up to it with the charges',
      omitted: OMITTED,
    },
  },
  'placement-failed': {
    status: 503,
    title: 'Order could not be placed',
    cause: 'The outcome of the reservation stayed unknown, so the order failed and its stock is released.',
    remedy: 'Place a new order, with a new `Idempotency-Key`. The failed order stays failed.',
    members: { order_id: 'the failed order' },
  },
  'placement-unsettled': {
    status: 503,
    title: 'Outcome not yet known',
    cause: 'The order is stored, and the inventory has not yet said whether its stock is reserved.',
    remedy: `${SAME_KEY}, after the seconds in \`Retry-After\`: the response has the outcome of the order.`,
    members: { order_id: 'the order; poll it for the outcome' },
  },
  'transition-not-allowed': {
    status: 409,
    title: 'Status transition not allowed',
    cause: 'The order can not change from its current status to the requested one.',
    remedy: 'Choose one of `allowed_transitions`.',
    members: {
      current_status: 'the status that the order has',
      allowed_transitions: 'the statuses that it may get; none when it has reached an end',
    },
  },
  'correction-not-allowed': {
    status: 409,
    title: 'Correction not allowed',
    cause:
      'A field of the correction can not be changed any more: the order was shipped or has ended, or its personal data ' +
      'were erased. Nothing was changed.',
    remedy: 'Leave the named `fields` out. Tags can always be corrected, and metadata until an erasure.',
    members: {
      current_status: 'the status that the order has',
      fields: 'the fields that can not be corrected',
      personal_data_erased: 'whether an erasure of personal data is the reason',
    },
  },
  'version-conflict': {
    status: 412,
    title: 'Order has changed',
    cause: 'The order is not at the version that `If-Match` names, or was changed at the same moment.',
    remedy: 'Read the order again, and retry with its new `ETag`.',
    members: { current_version: 'the version that the order is at' },
  },
  'if-match-required': {
    status: 428,
    title: 'Precondition required',
    cause: 'The service requires `If-Match` for every change of an order (`REQUIRE_IF_MATCH`).',
    remedy: 'Read the order, and send its `ETag` as `If-Match`; `*` means any version.',
  },
});

export type OrderProblemName = keyof typeof ORDER_PROBLEMS;

/** A line that is unavailable, with the available quantity. */
export interface Shortage {
  product_id: string;
  requested: number;
  /** Units there are; absent where only the inventory's refusal is known. */
  available?: number;
  reason: string;
}

export function orderProblem(
  name: OrderProblemName,
  detail: string,
  extensions: Record<string, unknown> = {},
  headers?: Record<string, string>,
): Problem {
  return new Problem(name, ORDER_PROBLEMS[name], shortenDetail(detail), fitLists(extensions), headers);
}

export function shortageDetail(shortages: readonly Shortage[]): string {
  const lines = shortages.map((shortage) => `${shortage.product_id} (${shortage.reason})`);
  return `Insufficient inventory for one or more items: ${lines.join(', ')}`;
}

/**
 * Bytes of JSON that the lists of a problem may take. Problems of orders are stored, for their key and in the history of
 * the order: with the detail and the fixed members one stays below 4 kB, however many lines an order has.
 */
export const MAX_BYTES_OF_LISTS = 2_400;

/** Characters of a detail, which are at most three bytes each. */
export const MAX_DETAIL_LENGTH = 300;

/** Lists with an entry for each line of an order, the most useful ones first. */
const LISTS = ['shortages', 'differences', 'lines'] as const;

function shortenDetail(detail: string): string {
  return detail.length <= MAX_DETAIL_LENGTH
    ? detail
    : `${detail.slice(0, MAX_DETAIL_LENGTH - 1).toWellFormed()}…`;
}

/** Cuts the lists about the lines of an order to the size that is stored; `omitted` counts the entries that are left out. */
export function fitLists(members: Record<string, unknown>): Record<string, unknown> {
  const omitted: Record<string, unknown> = { ...(members['omitted'] as object | undefined) };
  const fitted = { ...members };
  let free = MAX_BYTES_OF_LISTS;
  for (const name of LISTS) {
    const list = members[name];
    if (!Array.isArray(list)) continue;
    const kept: unknown[] = [];
    for (const entry of list as unknown[]) {
      free -= Buffer.byteLength(JSON.stringify(entry)) + 1;
      if (free < 0) break;
      kept.push(entry);
    }
    fitted[name] = kept;
    if (kept.length < list.length) omitted[name] = list.length - kept.length + Number(omitted[name] ?? 0);
  }
  return Object.keys(omitted).length > 0 ? { ...fitted, omitted } : fitted;
}

export function orderNotFound(id: string): Problem {
  return orderProblem('order-not-found', `Order ${id} not found`);
}

/** @param orderId the live order of the cart; undefined when that order failed a moment ago */
export function cartAlreadyOrdered(orderId: string | undefined): Problem {
  return orderProblem('cart-already-ordered', 'This cart has been ordered already', { order_id: orderId });
}

/** @param orderId undefined when that order failed a moment ago */
export function numberAlreadyUsed(number: string, orderId: string | undefined): Problem {
  return orderProblem('number-already-used', `The number ${number} belongs to another order`, {
    order_id: orderId,
  });
}

export function referenceAlreadyUsed(orderId: string): Problem {
  const detail = 'The order with this source and source_order_id was requested with another content';
  return orderProblem('reference-already-used', detail, { order_id: orderId });
}

/** @param orderId undefined when that order failed a moment ago */
export function referenceInProgress(orderId?: string): Problem {
  const detail = 'The order with this source and source_order_id is being placed; repeat the request later.';
  return orderProblem('reference-in-progress', detail, { order_id: orderId }, RETRY_AFTER);
}

/** Neither an order nor a customer with orders has this id. */
export function noOrdersOf(id: string): Problem {
  return orderProblem('order-not-found', `Order ${id} not found, and no orders found for a customer ${id}`);
}

export function transitionNotAllowed(from: OrderStatus, to: OrderStatus, allowed: OrderStatus[]): Problem {
  return orderProblem('transition-not-allowed', `An order that is ${from} can not become ${to}`, {
    current_status: from,
    allowed_transitions: allowed,
  });
}

/** @param isErased whether the fields can't be corrected because personal data were erased, otherwise the status is why */
export function correctionNotAllowed(status: OrderStatus, fields: string[], isErased: boolean): Problem {
  const reason = isErased ? 'whose personal data were erased' : `that is ${status}`;
  return orderProblem('correction-not-allowed', `An order ${reason} keeps its ${fields.join(', ')}`, {
    current_status: status,
    fields,
    personal_data_erased: isErased,
  });
}

export function versionConflict(currentVersion: number): Problem {
  return orderProblem('version-conflict', `The order is at version ${currentVersion} now`, {
    current_version: currentVersion,
  });
}

export function ifMatchRequired(): Problem {
  return orderProblem('if-match-required', 'A change of an order needs If-Match with its ETag');
}
