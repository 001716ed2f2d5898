import type { LineDetails, OrderDetails } from '../details/order-details.js';
import type { RequestedItem } from './order-quote.js';

/** As many lines as a request may have; a cart is held to the same. */
export const MAX_LINES = 200;

/** Units of a line. More of one product is a mistake or an attack, and must not block the stock of all others. */
export const MAX_QUANTITY = 1_000_000;

/** A line of a validated request. */
export type RequestedLine = RequestedItem & LineDetails;

/** A validated request for an order. */
export interface PlacementRequest extends OrderDetails {
  customerId?: string | undefined;
  customerName?: string | undefined;
  customerEmail?: string | undefined;
  /** Absent when the order takes the customer's cart. */
  items?: RequestedLine[] | undefined;
  currency?: string | undefined;
  expectedTotal?: string | undefined;
  /** How long to hold the stock for a payment; absent where the order is confirmed at once. */
  holdSeconds?: number | undefined;
}
