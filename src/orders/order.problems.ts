import { Problem, type ProblemType } from '../platform/http/problem.js';
import type { OrderStatus } from './order-status.js';

/** The business errors of orders, each with the status that the documents of both systems give it. */
export const ORDER_PROBLEMS = {
  'order-not-found': { status: 404, title: 'There is no such order' },
  'cart-not-found': { status: 404, title: 'The customer has no active cart' },
  'cart-empty': { status: 400, title: 'The cart is empty' },
  'cart-already-ordered': { status: 409, title: 'The cart has been ordered already' },
  'unknown-product': { status: 400, title: 'A product does not exist' },
  'insufficient-stock': { status: 400, title: 'There is not enough stock' },
  'price-changed': { status: 409, title: 'A price is not the current one' },
  'total-changed': { status: 409, title: 'The total is not the expected one' },
  'placement-failed': { status: 503, title: 'The order could not be placed' },
  'placement-unsettled': { status: 503, title: 'It is not yet known whether the order can be placed' },
  'idempotency-key-in-progress': { status: 409, title: 'A request with this key is still being processed' },
  'idempotency-key-reused': { status: 422, title: 'The key was used for another request' },
  'transition-not-allowed': { status: 409, title: 'The order can not get this status now' },
  'version-conflict': { status: 412, title: 'The order has changed meanwhile' },
} as const satisfies Record<string, ProblemType>;

export type OrderProblemName = keyof typeof ORDER_PROBLEMS;

/** A line of a request that can not be had, with what there is instead. */
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
  extensions?: Record<string, unknown>,
  headers?: Record<string, string>,
): Problem {
  return new Problem(name, ORDER_PROBLEMS[name], detail, extensions, headers);
}

export function orderNotFound(id: string): Problem {
  return orderProblem('order-not-found', `Order ${id} not found`);
}

/** @param orderId the live order of the cart; undefined when it has come to nothing in this moment */
export function cartAlreadyOrdered(orderId: string | undefined): Problem {
  return orderProblem('cart-already-ordered', 'This cart has been ordered already', { order_id: orderId });
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

export function versionConflict(currentVersion: number): Problem {
  return orderProblem('version-conflict', `The order is at version ${currentVersion} now`, {
    current_version: currentVersion,
  });
}
