import { NIL as NIL_ID } from 'uuid';
import type { Order } from '../order.entity.js';

/**
 * Under what the inventory keeps the units of an order: the order's id, and for stock that was reserved again after a release
 * `<id>-<generation>`, because nothing can be reserved under an id that was released.
 */
export function reservationIdOf({ id, stockGeneration }: Pick<Order, 'id' | 'stockGeneration'>): string {
  return stockGeneration === 1 ? id : `${id}-${stockGeneration}`;
}

/** The order that a reservation is for. */
export function orderIdOf(reservationId: string): string {
  return reservationId.slice(0, NIL_ID.length);
}
