import { ORDER_EVENT_TYPES, type OrderEventType } from '../orders/order-event.entity.js';
import { ORDER_STATUS_NAMES, type OrderStatus } from '../orders/order-status.js';

const PREFIX = 'order.';

/** A change of status is named after the status that it led to; every other event after its type. */
const KINDS: readonly string[] = [
  ...ORDER_EVENT_TYPES.filter((type) => type !== 'status_changed'),
  ...ORDER_STATUS_NAMES.filter((status) => status !== 'pending'),
];

/** The types of events in the feed. */
export const FEED_EVENT_TYPES: readonly string[] = KINDS.map((kind) => `${PREFIX}${kind}`);

/** The kind of an event `e` in a statement: its type in the feed without the prefix. */
export const KIND_OF_EVENT = `CASE e.type WHEN 'status_changed' THEN e.to_status ELSE e.type END`;

export function feedTypeOf({
  type,
  toStatus,
}: {
  type: OrderEventType;
  toStatus: OrderStatus | null;
}): string {
  return `${PREFIX}${type === 'status_changed' ? toStatus : type}`;
}

/** @param types names of `FEED_EVENT_TYPES` */
export function kindsOf(types: readonly string[]): string[] {
  return types.map((type) => type.slice(PREFIX.length));
}
