import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { OrderResponse } from '../../orders/dto/order.response.js';
import { timeOfOrderId } from '../../orders/order-id.js';
import type { Order } from '../../orders/order.entity.js';
import { NULLABLE_STATUS } from '../../orders/history/order-events.response.js';
import type { OrderStatus } from '../../orders/order-status.js';
import type { FeedEvent, FeedPage } from '../event-feed.repository.js';
import { FEED_EVENT_TYPES, feedTypeOf } from '../event-type.js';

/** Numbers of the feed stay below it for 285,000 years at 1,000 events a second. */
const FEED_NO = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const;

export class FeedEventDataResponse {
  @ApiProperty(NULLABLE_STATUS)
  from!: OrderStatus | null;

  @ApiProperty(NULLABLE_STATUS)
  to!: OrderStatus | null;

  @ApiProperty({ description: 'Who caused it.', example: 'placement' })
  actor!: string;

  @ApiProperty({ type: 'string', nullable: true })
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
  @ApiProperty({ ...FEED_NO, minimum: 1, example: 4711, description: 'Position in the feed.' })
  feed_no!: number;

  @ApiProperty({
    pattern: '^[0-9a-f-]{36}/[0-9]+$',
    example: '01a1ffe2-9b80-748a-ba30-787d85a2b441/2',
    description: 'The order and the version that the event led to. Never changes.',
  })
  id!: string;

  @ApiProperty({ enum: FEED_EVENT_TYPES, example: 'order.confirmed' })
  type!: string;

  @ApiProperty({ format: 'date-time' })
  time!: string;

  @ApiProperty({ format: 'uuid' })
  order_id!: string;

  @ApiProperty({ type: 'integer', minimum: 1, example: 2, description: 'The version that the event led to.' })
  version!: number;

  @ApiProperty({ type: FeedEventDataResponse })
  data!: FeedEventDataResponse;

  @ApiPropertyOptional({
    type: OrderResponse,
    description: 'The order as it is now, which may be a later version. Absent with `include=none`.',
  })
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
  @ApiProperty({ type: [FeedEventResponse], description: 'In the order of `feed_no`.' })
  events!: FeedEventResponse[];

  @ApiProperty({
    ...FEED_NO,
    example: 4711,
    description:
      'Where the next request begins: `after`. Store it with the work that the events have led to.',
  })
  next_after!: number;

  @ApiProperty({
    ...FEED_NO,
    example: 4711,
    description: 'The last number of the feed. While `next_after` is less, the next request returns at once.',
  })
  last_feed_no!: number;

  @ApiProperty({
    type: 'boolean',
    description:
      'False while events from before the feed existed are still being numbered. New events follow behind them.',
  })
  is_complete!: boolean;

  @ApiProperty({
    type: 'string',
    format: 'date-time',
    nullable: true,
    example: null,
    description: 'While the feed is not complete: the events of orders placed until then are numbered.',
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
