import { allowedTransitions, isOpen, ORDER_STATUS_NAMES } from '../../../src/orders/order-status.ts';
import { useCaller } from './caller.ts';
import type { OrderStatus } from './types.ts';

/**
 * The statuses that the caller may set next, from the service's own table, which is part of the same build. If the
 * versions differ during an update, the service refuses invalid changes and lists the valid ones.
 */
export function useNextStatuses(): (from: OrderStatus) => OrderStatus[] {
  const { scopes, customer_id: customer } = useCaller();
  if (scopes.includes('orders:status')) return (from) => allowedTransitions(from);
  return (from) => (customer === null ? [] : allowedTransitions(from, 'customer'));
}

export { allowedTransitions, isOpen, ORDER_STATUS_NAMES };
