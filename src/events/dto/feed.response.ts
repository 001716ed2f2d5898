import { ApiProperty } from '@nestjs/swagger';
import {
  EXAMPLE_ID,
  Flag,
  Integer,
  ListOf,
  ObjectOf,
  OneOf,
  Positive,
  Text,
  Time,
  Uuid,
} from '../../platform/http/fields.openapi.js';
import { OrderResponse } from '../../orders/dto/order.response.js';
import { timeOfOrderId } from '../../orders/order-id.js';
import type { Order } from '../../orders/order.entity.js';
import { NULLABLE_STATUS } from '../../orders/history/order-events.response.js';
import type { OrderStatus } from '../../orders/order-status.js';
import type { FeedEvent, FeedPage } from '../event-feed.repository.js';
import { FEED_EVENT_TYPES, feedTypeOf } from '../event-type.js';

/** Numbers of the feed stay below it for 285,000 years at 1,000 events a second. */
const FEED_NO = { minimum: 0, maximum: Number.MAX_SAFE_INTEGER };

export class FeedEventDataResponse {
  @ApiProperty({ ...NULLABLE_STATUS, example: 'pending' })
  from!: OrderStatus | null;

  @ApiProperty({ ...NULLABLE_STATUS, example: 'confirmed' })
  to!: OrderStatus | null;

  @Text('placement', 'Who caused it.')
  actor!: string;

  @Text.nullable(undefined)
  reason!: string | null;

  @ApiProperty({
    type: 'object',
    nullable: true,
    additionalProperties: true,
    description: 'As `data` in the history of the order.',
  })
  details!: Record<string, unknown> | null;
}

export class FeedEventResponse {
  @Integer(4711, 'Position in the feed.', { ...FEED_NO, minimum: 1 })
  feed_no!: number;

  @Text(`${EXAMPLE_ID}/2`, 'The order and the version that the event led to. Never changes.', {
    pattern: '^[0-9a-f-]{36}/[0-9]+$',
  })
  id!: string;

  @OneOf(FEED_EVENT_TYPES, undefined, { example: 'order.confirmed' })
  type!: string;

  @Time()
  time!: string;

  @Uuid()
  order_id!: string;

  @Positive(2, 'The version that the event led to.')
  version!: number;

  @ObjectOf(FeedEventDataResponse)
  data!: FeedEventDataResponse;

  @ObjectOf.optional(
    OrderResponse,
    'The order as it is now, which may be a later version. Absent with `include=none`.',
  )
  order?: OrderResponse;

  static from(event: Omit<FeedEvent, 'customerId'>, order: Order | undefined): FeedEventResponse {
    return {
      feed_no: event.feedNo,
      id: `${event.orderId}/${event.seq}`,
      type: feedTypeOf(event),
      time: event.occurredAt.toISOString(),
      order_id: event.orderId,
      version: event.seq,
      data: {
        from: event.fromStatus,
        to: event.toStatus,
        actor: event.actor,
        reason: event.reason,
        details: event.data,
      },
      ...(order && { order: OrderResponse.from(order) }),
    };
  }
}

export class FeedResponse {
  @ListOf(FeedEventResponse, 'In the order of `feed_no`.')
  events!: FeedEventResponse[];

  @Integer(
    4711,
    'Where the next request begins: `after`. Store it with the work that the events have led to.',
    FEED_NO,
  )
  next_after!: number;

  @Integer(
    4711,
    'The last number of the feed. While `next_after` is less, the next request returns at once.',
    FEED_NO,
  )
  last_feed_no!: number;

  @Flag(
    true,
    'False while events from before the feed existed are still being numbered. New events follow behind them.',
  )
  is_complete!: boolean;

  @Time.nullable('While the feed is not complete: the events of orders placed until then are numbered.', {
    example: null,
  })
  numbered_until!: string | null;

  static from(
    { events, readUntil, lastNo, backfillOrderId }: FeedPage,
    orders: ReadonlyMap<string, Order>,
  ): FeedResponse {
    return {
      events: events.map((event) => FeedEventResponse.from(event, orders.get(event.orderId))),
      next_after: readUntil,
      last_feed_no: lastNo,
      is_complete: backfillOrderId === null,
      numbered_until: backfillOrderId === null ? null : timeOfOrderId(backfillOrderId).toISOString(),
    };
  }
}
