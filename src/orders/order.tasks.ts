import { fieldsToPassOn } from '../platform/telemetry/request-context.js';
import { newTask, type NewTask, type TaskKind } from '../tasks/task-kind.js';
import type { Order } from './order.entity.js';

/** Completes the placement of an order: prices it where that is still to be done, reserves its stock, confirms or rejects it. */
export const PLACE_ORDER: TaskKind = { name: 'place-order', lane: 'placement' };

/** One message to the customer about one event of an order: `seq`. Name and address are looked up when it is sent. */
export const NOTIFY: TaskKind = { name: 'notify', lane: 'notification' };

/** Releases stock that is held, or may be held, for an order that is not live. */
export const RELEASE_STOCK: TaskKind = { name: 'release-stock', lane: 'stock' };

/** Checks out the cart at the cart service. */
export const CHECK_OUT_CART: TaskKind<{ customerId: string; cartId: string }> = {
  name: 'check-out-cart',
  lane: 'cart',
};

/** Ends the hold of an order whose payment did not come in time. It waits until `expires_at`. */
export const EXPIRE_HOLD: TaskKind = { name: 'expire-hold', lane: 'hold' };

/** Who confirms an order, for its history. */
export interface LatePayload {
  actor: string;
  reason?: string | undefined;
}

/** Confirms an order whose hold had expired: its stock is reserved again. */
export const CONFIRM_EXPIRED: TaskKind<LatePayload> = { name: 'confirm-expired', lane: 'confirmation' };

/** Makes an inventory that keeps units for a time keep those of a confirmed order until they are released. */
export const KEEP_STOCK: TaskKind = { name: 'keep-stock', lane: 'stock' };

/** Whether the customer can be notified: that needs a name and an address. */
export function canNotify(order: Pick<Order, 'customerName' | 'customerEmail'>): boolean {
  return order.customerName !== null && order.customerEmail !== null;
}

/** What an event of the current request stores where the customer is notified of it: see `notifyTask`. */
export function notificationOf(
  order: Pick<Order, 'customerName' | 'customerEmail'>,
): Record<string, string> | undefined {
  return canNotify(order) ? fieldsToPassOn() : undefined;
}

/** Data of an event about which no customer is notified. */
export const NOBODY_NOTIFIED = { notification: 'none: the order has no name or no e-mail address' };

/**
 * Notifies the customer of the event that led the order to version `seq`. The sequencer inserts the task when it numbers the
 * event.
 *
 * @param context what the event stores about its notification
 */
export function notifyTask(orderId: string, seq: number, context: Record<string, string>): NewTask {
  return newTask(NOTIFY, orderId, seq, {}, context);
}

/** Ends the hold after so long. */
export function expireHoldTask(orderId: string, seq: number, delayMs: number): NewTask {
  return { ...newTask(EXPIRE_HOLD, orderId, seq, {}), delayMs };
}

export function confirmExpiredTask(orderId: string, seq: number, by: LatePayload): NewTask {
  return newTask(CONFIRM_EXPIRED, orderId, seq, by);
}

export function keepStockTask(orderId: string, seq: number): NewTask {
  return newTask(KEEP_STOCK, orderId, seq, {});
}

/** Returns the order's stock. */
export function releaseStockTask(orderId: string, seq: number): NewTask {
  return newTask(RELEASE_STOCK, orderId, seq, {});
}

/** Sets the cart to `Ordered`. */
export function checkOutCartTask(orderId: string, seq: number, customerId: string, cartId: string): NewTask {
  return newTask(CHECK_OUT_CART, orderId, seq, { customerId, cartId });
}
