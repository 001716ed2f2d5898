import { ApiExtraModels, ApiProperty, getSchemaPath } from '@nestjs/swagger';
import { Count, ListOf, OneOf, Positive, Text, Time, Uuid } from '../../platform/http/fields.openapi.js';
import { ORDER_EVENT_TYPES, type OrderEvent } from '../order-event.entity.js';
import { ORDER_STATUS_NAMES, type OrderStatus } from '../order-status.js';
import type { InventoryCall } from './inventory-calls.js';

/** As two schemas, because an enum that holds null breaks generators of clients that know enums of text only. */
export const NULLABLE_STATUS = { oneOf: [{ type: 'string', enum: ORDER_STATUS_NAMES }, { type: 'null' }] };

const COUNTS = { type: 'object', additionalProperties: { type: 'integer', minimum: 1 } } as const;

export class InventoryCallResponse implements InventoryCall {
  @OneOf(['reserve', 'release'])
  operation!: InventoryCall['operation'];

  @ApiProperty({ ...COUNTS, description: 'Number of lines by outcome.', example: { held: 2 } })
  lines!: Record<string, number>;

  @ApiProperty({
    ...COUNTS,
    description: 'Number of attempts by the class of the status that came, or by why none did.',
    example: { '2xx': 2, timeout: 1 },
  })
  attempts!: Record<string, number>;

  @Count(12, 'From the first attempt to the last answer.')
  duration_ms!: number;
}

@ApiExtraModels(InventoryCallResponse)
export class OrderEventResponse {
  @Positive(2, 'From 1 without a gap; the version that the event led to.')
  seq!: number;

  @OneOf(ORDER_EVENT_TYPES, undefined, { example: 'status_changed' })
  type!: string;

  @ApiProperty({ ...NULLABLE_STATUS, example: 'pending' })
  from!: OrderStatus | null;

  @ApiProperty({ ...NULLABLE_STATUS, example: 'confirmed' })
  to!: OrderStatus | null;

  @Text('placement', 'Who caused it.')
  actor!: string;

  @Text.nullable(null)
  reason!: string | null;

  @ApiProperty({
    type: 'object',
    nullable: true,
    description: 'What else there is to say, different from event to event.',
    properties: {
      calls: {
        type: 'array',
        items: { $ref: getSchemaPath(InventoryCallResponse) },
        description: 'The calls to the inventory. Their result is the event itself.',
      },
    },
    additionalProperties: true,
    example: {
      calls: [{ operation: 'reserve', lines: { held: 2 }, attempts: { '2xx': 2 }, duration_ms: 5 }],
    },
  })
  data!: Record<string, unknown> | null;

  @Time()
  timestamp!: string;

  static from(event: OrderEvent): OrderEventResponse {
    return {
      seq: event.seq,
      type: event.type,
      from: event.fromStatus,
      to: event.toStatus,
      actor: event.actor,
      reason: event.reason,
      data: event.data,
      timestamp: event.occurredAt.toISOString(),
    };
  }
}

export class OrderEventsResponse {
  @Uuid()
  order_id!: string;

  @ListOf(OrderEventResponse)
  events!: OrderEventResponse[];
}
