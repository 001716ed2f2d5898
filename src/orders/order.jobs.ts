import { jobFor, type Queue, type QueuedJob } from '../platform/jobs/job-queue.js';
import type { Order } from './order.entity.js';

/** One message to the customer about one event of an order. Name and address are looked up when it is sent. */
export const NOTIFICATIONS_QUEUE: Queue<{ orderId: string; seq: number }> = { name: 'order-notifications' };

/** Give back whatever is still held, or may be held, for an order that is not live any more. */
export const STOCK_RELEASES_QUEUE: Queue<{ orderId: string }> = { name: 'stock-releases' };

/** Tell the cart service that a cart has been ordered. */
export const CART_CHECKOUTS_QUEUE: Queue<{ orderId: string; customerId: string; cartId: string }> = {
  name: 'cart-checkouts',
};

/** Whether there is anybody to tell about an order: notifications need a name and an address. */
export function canNotify(order: Pick<Order, 'customerName' | 'customerEmail'>): boolean {
  return order.customerName !== null && order.customerEmail !== null;
}

/** What an event says when nobody is told of it. */
export const NOBODY_NOTIFIED = { notification: 'none: the order has no name or no e-mail address' };

/** The job that tells the customer of the event that led the order to `seq`. */
export function notificationJob(orderId: string, seq: number): QueuedJob {
  return jobFor(NOTIFICATIONS_QUEUE, orderId, { orderId, seq });
}

/** The job that gives the order's stock back. */
export function stockReleaseJob(orderId: string): QueuedJob {
  return jobFor(STOCK_RELEASES_QUEUE, orderId, { orderId });
}

/** The job that sets the cart to `Ordered`. */
export function cartCheckoutJob(orderId: string, customerId: string, cartId: string): QueuedJob {
  return jobFor(CART_CHECKOUTS_QUEUE, orderId, { orderId, customerId, cartId });
}
