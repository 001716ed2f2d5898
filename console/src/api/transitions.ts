import { allowedTransitions, ORDER_STATUS_NAMES } from '../../../src/orders/order-status.ts';
import { useCaller } from './caller.ts';
import type { OrderStatus } from './types.ts';

/**
 * The statuses that the caller may set next, by the table that the service itself goes by: it is part of the same build.
 * Should the service be another one than the page for a moment, it refuses and says which ones there are.
 */
export function useNextStatuses(): (from: OrderStatus) => OrderStatus[] {
  const { scopes, customer_id: customer } = useCaller();
  if (scopes.includes('orders:status')) return (from) => allowedTransitions(from);
  return (from) => (customer === null ? [] : allowedTransitions(from, 'customer'));
}

export { allowedTransitions, ORDER_STATUS_NAMES };
