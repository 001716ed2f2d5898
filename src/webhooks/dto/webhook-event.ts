import { ApiProperty, ApiPropertyOptional, OmitType } from '@nestjs/swagger';
import { FEED_EVENT_TYPES } from '../../events/event-type.js';
import { FeedEventResponse } from '../../events/dto/feed.response.js';
import { OrderResponse } from '../../orders/dto/order.response.js';
import { Count, Text, Time } from '../../platform/http/fields.openapi.js';
import { TEST_TYPE } from '../webhook-test-call.js';

/** The body of a delivery, for the OpenAPI document. */
export class WebhookEvent extends OmitType(FeedEventResponse, ['type', 'order'] as const) {
  @ApiProperty({
    type: 'integer',
    nullable: true,
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
    example: 4708,
    description:
      'The `feed_no` of the event before this one that matched the endpoint; null for the first one of the endpoint or of a ' +
      'replay. A receiver that does not have it reads the events in between from `GET /events`.',
  })
  previous_feed_no!: number | null;

  @ApiProperty({ enum: FEED_EVENT_TYPES, example: 'order.confirmed' })
  type!: string;

  @ApiPropertyOptional({
    type: OrderResponse,
    description:
      'The order at the time of this attempt, which may be at a later version. Absent when it was deleted, or is too large.',
  })
  order?: OrderResponse;

  @ApiPropertyOptional({
    example: true,
    description: 'True where the body would be larger than 256 kB with the order. Absent otherwise.',
  })
  order_omitted?: boolean;
}

/** The body of a test, for the OpenAPI document: no event of the feed. */
export class WebhookTestEvent {
  @Count(0, undefined, { maximum: 0 })
  feed_no!: number;

  @ApiProperty({ type: 'null' })
  previous_feed_no!: null;

  @Text('0199f6b8-2c6e-7cc3-9d0a-3f6a1c1b7a55/test/5f0c2b1e-8f0e-4b44-9a53-6f5d7d0a4c11')
  id!: string;

  @ApiProperty({ enum: [TEST_TYPE] })
  type!: string;

  @Time()
  time!: string;

  @ApiProperty({ type: 'null' })
  order_id!: null;

  @ApiProperty({ type: 'null' })
  version!: null;

  @ApiProperty({ type: 'null' })
  data!: null;
}
