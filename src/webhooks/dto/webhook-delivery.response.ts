import { ApiProperty } from '@nestjs/swagger';
import { feedTypeOf } from '../../events/event-type.js';
import { Count, Positive, Text, Time, Uuid } from '../../platform/http/fields.openapi.js';
import { formatCursor } from '../history/delivery-cursor.js';
import { DELIVERY_STATES, type DeliveryState } from '../webhook-delivery.entity.js';
import type { ListedDelivery } from '../history/webhook-deliveries.repository.js';

const NULLABLE_HTTP_STATUS = { type: 'integer', nullable: true, example: 200 } as const;

const ANSWER = 'The first 1,024 bytes of the last answer.';

export class WebhookDeliveryResponse {
  @Text('01a1ffe2-9b80-748a-ba30-787d85a2b441/2', 'The `webhook-id` of the delivery.')
  event_id!: string;

  @Positive(4711)
  feed_no!: number;

  @Uuid()
  order_id!: string;

  @Positive(2, 'The version that the event led to.')
  version!: number;

  @Text.nullable('order.confirmed', 'Null when the event was deleted with its order.')
  type!: string | null;

  @ApiProperty({
    enum: DELIVERY_STATES,
    description: '`failed`: out of attempts, so that it is an incident. `skipped`: a person gave it up.',
  })
  state!: DeliveryState;

  @Count(1)
  attempts!: number;

  @ApiProperty({
    ...NULLABLE_HTTP_STATUS,
    description: 'HTTP status of the last answer; null without one.',
  })
  status!: number | null;

  @Count(87, 'Of the last attempt.')
  duration_ms!: number;

  @Text.nullable('ok', ANSWER)
  answer!: string | null;

  @Text.nullable(null, 'Why the last attempt failed; null when it succeeded.')
  error!: string | null;

  @Time('When the last attempt was made.')
  attempted_at!: string;

  static from(delivery: ListedDelivery): WebhookDeliveryResponse {
    const { orderId, seq, type, toStatus } = delivery;
    return {
      event_id: `${orderId}/${seq}`,
      feed_no: Number(delivery.feedNo),
      order_id: orderId,
      version: seq,
      type: type === null ? null : feedTypeOf({ type, toStatus }),
      state: delivery.state,
      attempts: delivery.attempts,
      status: delivery.status,
      duration_ms: delivery.durationMs,
      answer: delivery.answer,
      error: delivery.error,
      attempted_at: delivery.attemptedAt.toISOString(),
    };
  }
}

export class WebhookDeliveryListResponse {
  @ApiProperty({ type: [WebhookDeliveryResponse], description: 'The newest attempts first.' })
  deliveries!: WebhookDeliveryResponse[];

  @ApiProperty({
    type: 'string',
    nullable: true,
    example: null,
    description: 'Where the next page begins; null on the last one.',
  })
  next_cursor!: string | null;

  /** @param found one more than the page has, if there are more */
  static from(found: readonly ListedDelivery[], limit: number): WebhookDeliveryListResponse {
    const page = found.slice(0, limit);
    const last = found.length > limit ? page.at(-1) : undefined;
    return {
      deliveries: page.map((delivery) => WebhookDeliveryResponse.from(delivery)),
      next_cursor: last ? formatCursor(last) : null,
    };
  }
}

export class WebhookTestResponse {
  @ApiProperty({ example: true, description: 'Whether a 2xx status came in time.' })
  delivered!: boolean;

  @ApiProperty({ ...NULLABLE_HTTP_STATUS, description: 'HTTP status of the answer; null without one.' })
  status!: number | null;

  @Count(87)
  duration_ms!: number;

  @Text.nullable('ok', ANSWER)
  answer!: string | null;

  @Text.nullable(null, 'Why the call failed; null when it succeeded.')
  error!: string | null;
}
