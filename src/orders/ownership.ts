import { type Caller, insufficientScope } from '../auth/access.js';
import type { Problem } from '../platform/http/problem.js';
import { orderProblem } from './order.problems.js';
import type { OrderStatus, StatusSetter } from './order-status.js';

/**
 * The customer whose orders a caller may read and change; null means all orders. Every query for a caller has it as a
 * condition, so that orders of others are not found.
 */
export type Owner = string | null;

export function ownerFor(caller: Caller): Owner {
  return caller.customerId;
}

/**
 * The customer of a new order: a customer orders for itself, with or without naming itself.
 *
 * @param named the customer that the request names
 * @throws {Problem} customer-not-allowed
 */
export function customerFor(caller: Caller, named: string | undefined): string | undefined {
  if (caller.customerId === null) return named;
  if (named !== undefined && named.normalize('NFC') !== caller.customerId) {
    throw customerNotAllowed(caller.customerId);
  }
  return caller.customerId;
}

/**
 * Numbers are the shop's: a customer could take those that come next.
 *
 * @throws {Problem} insufficient-scope
 */
export function requireNumberAllowed(caller: Caller, number: string | undefined): void {
  if (number !== undefined && caller.customerId !== null) throw insufficientScope('orders:read:all');
}

export function customerNotAllowed(customerId: string): Problem {
  const detail = 'A customer can order only for itself';
  return orderProblem('customer-not-allowed', detail, { customer_id: customerId });
}

/**
 * In which role a caller confirms an order. That a payment was made is usually the word of the checkout.
 *
 * @param isCustomerAllowed whether a customer may confirm its own order
 * @throws {Problem} insufficient-scope
 */
export function confirmerFor(caller: Caller, isCustomerAllowed: boolean): StatusSetter {
  if (caller.scopes.has('orders:status')) return 'admin';
  if (caller.customerId !== null && isCustomerAllowed) return 'customer';
  throw insufficientScope('orders:status');
}

/**
 * In which role a caller sets a status. A customer needs no scope to take its own order back, only to do more.
 *
 * @throws {Problem} insufficient-scope
 */
export function statusSetterFor(caller: Caller, to: OrderStatus): StatusSetter {
  if (caller.scopes.has('orders:status')) return 'admin';
  if (caller.customerId !== null && to === 'cancelled') return 'customer';
  throw insufficientScope('orders:status');
}
