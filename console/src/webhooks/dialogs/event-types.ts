import type { EventType } from '../../api/types.ts';

/** All types of events, in the order in which an order meets them. */
const MEANINGS: Record<EventType, string> = {
  'order.placed': 'The order is stored; its stock is not reserved yet.',
  'order.reserved': 'The stock is held while the customer pays.',
  'order.hold_extended': 'The stock is held for longer.',
  'order.payment_recorded': 'What the payment provider said was recorded.',
  'order.confirmed': 'The stock is reserved for good.',
  'order.rejected': 'The order cannot be delivered, for example for lack of stock.',
  'order.failed': 'The placement was taken back.',
  'order.processing': 'The order is being prepared.',
  'order.shipped': 'The order is on its way.',
  'order.delivered': 'The customer has received the order.',
  'order.cancelled': 'The order will not be delivered.',
  'order.returned': 'The customer has sent the order back.',
  'order.expired': 'No payment came in time; the stock is released.',
  'order.paid_without_stock': 'A payment came after the hold, and the stock is gone: refund it.',
  'order.corrected': 'Customer, addresses, note, tags or metadata were edited.',
  'order.stock_released': 'The reserved stock was returned.',
  'order.stock_in_doubt': 'The inventory may or may not hold the stock.',
  'order.incident_settled': 'A person has resolved an incident.',
  'order.personal_data_erased': 'Name, email and addresses were erased.',
};

export const EVENT_TYPES = Object.entries(MEANINGS) as [EventType, string][];
