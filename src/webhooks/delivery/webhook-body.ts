import { FeedEventResponse } from '../../events/dto/feed.response.js';
import type { Order } from '../../orders/order.entity.js';
import type { DeliveredEvent } from './delivery.repository.js';

/** Receivers limit bodies too. Without its order, the rest of an event has a few kilobytes. */
export const MAX_BODY_BYTES = 256 * 1024;

/**
 * The body of a delivery: the event as in the feed, with its order as it is now. An order that is too large is left out; the
 * receiver reads it with `GET /orders/{id}`.
 *
 * @param previousFeedNo number of the event before it that matched the endpoint, so that the receiver sees a gap
 */
export function webhookBody(
  event: DeliveredEvent,
  previousFeedNo: number | null,
  order: Order | undefined,
): string {
  const { feed_no: feedNo, ...rest } = FeedEventResponse.from(event, order);
  const whole = { feed_no: feedNo, previous_feed_no: previousFeedNo, ...rest };
  const text = JSON.stringify(whole);
  if (Buffer.byteLength(text) <= MAX_BODY_BYTES) return text;
  return JSON.stringify({ ...whole, order: undefined, order_omitted: true });
}
