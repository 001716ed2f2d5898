import type { HeldReservation } from '../../orders/order.ports.js';
import type { OrderStatus } from '../../orders/order-status.js';
import type { ProductDrift } from '../drift/drift.js';

/** An order that is known outside, and that the database does not have. */
export interface MissingOrder {
  orderId: string;
  statuses: OrderStatus[];
  items: HeldReservation['items'];
}

/** An order that was reported with statuses that it never had in the database. */
export interface LostStatus {
  orderId: string;
  status: OrderStatus;
  reported: OrderStatus[];
}

/**
 * `no_order`: the database has no such order. `order_ended`: its order was rejected, failed, cancelled or has expired, and the
 * database says that nothing is held. `other_generation`: the stock of its order was released and reserved again under
 * another id. `not_held`: its order waits to be paid or shipped, but the inventory holds nothing.
 */
export type ReservationVerdict = 'no_order' | 'order_ended' | 'other_generation' | 'not_held';

/** A reservation that does not agree with the orders. */
export interface ReservationFinding {
  orderId: string;
  /** See `reservationIdOf`. */
  reservationId: string;
  verdict: ReservationVerdict;
  /** Of the order; null where there is none. */
  status: OrderStatus | null;
  /** Null when the inventory does not list its units. */
  items: HeldReservation['items'] | null;
  /** Null when a release is not safe, or was not requested. */
  release: { outcome: 'proposed' } | { outcome: 'released' } | { outcome: 'unknown'; reason: string } | null;
}

export interface Findings {
  missing: MissingOrder[];
  statuses: LostStatus[];
  reservations: ReservationFinding[];
  /** How reservations were compared: by the inventory's list, only those of missing orders, or not at all. */
  reservationSource: 'list' | 'known_orders' | 'none';
  /** The drift report, for an inventory without reservations. */
  stock: ProductDrift[] | null;
  compared: { knownOrders: number; reservations: number; otherReservations: number };
}

/** Units by product over all items. */
export function sumUnits(lists: readonly (HeldReservation['items'] | null)[]): Map<string, number> {
  const units = new Map<string, number>();
  for (const { productId, quantity } of lists.flatMap((items) => items ?? [])) {
    units.set(productId, (units.get(productId) ?? 0) + quantity);
  }
  return units;
}
