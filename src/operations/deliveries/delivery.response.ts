import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { TaskStanding } from '../task-reports.repository.js';
import { DELIVERY_KINDS, type DeliveryKind, type DeliveryReport } from './deliveries.js';

/** The API's words. */
const STATUSES: Record<TaskStanding, string> = {
  waiting: 'waiting',
  under_way: 'under_way',
  done: 'sent',
  failed: 'failed',
  skipped: 'skipped',
};

const TIME = { type: 'string', nullable: true, format: 'date-time' } as const;

export class DeliveryResponse {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({
    enum: DELIVERY_KINDS,
    description: 'To the customer, to the inventory, to the cart service, or to an endpoint of webhooks.',
  })
  kind!: DeliveryKind;

  @ApiProperty({
    enum: Object.values(STATUSES),
    description:
      '`waiting` for its first or next attempt; `failed`: out of attempts, so that it needs a person; ' +
      '`skipped`: a person gave up a webhook.',
  })
  status!: string;

  @ApiPropertyOptional({
    type: 'integer',
    example: 2,
    description: 'The event that a notification or webhook is about.',
  })
  event_seq?: number;

  @ApiPropertyOptional({ format: 'uuid', description: 'The endpoint of a webhook.' })
  endpoint_id?: string;

  @ApiProperty({ type: 'integer', minimum: 0, example: 1 })
  attempts!: number;

  @ApiProperty({ type: 'string', nullable: true, example: 'notification service: answered 500' })
  last_error!: string | null;

  @ApiProperty({ format: 'date-time' })
  created_at!: string;

  @ApiProperty({ ...TIME, description: 'When it was sent, or ran out of attempts.' })
  completed_at!: string | null;

  @ApiProperty({ ...TIME, description: 'When it is repeated.' })
  next_attempt_at!: string | null;

  @ApiPropertyOptional({ description: 'The incident of a failed delivery.' })
  incident_id?: string;

  static from(delivery: DeliveryReport): DeliveryResponse {
    const {
      id,
      kind,
      seq,
      standing,
      attempts,
      lastError,
      createdAt,
      completedAt,
      nextAttemptAt,
      endpointId,
      incidentId,
    } = delivery;
    return {
      id,
      kind,
      status: STATUSES[standing],
      ...((kind === 'notification' || kind === 'webhook') && { event_seq: seq }),
      ...(endpointId !== undefined && { endpoint_id: endpointId }),
      attempts,
      last_error: lastError,
      created_at: createdAt.toISOString(),
      completed_at: completedAt?.toISOString() ?? null,
      next_attempt_at: nextAttemptAt?.toISOString() ?? null,
      ...(incidentId !== undefined && { incident_id: incidentId }),
    };
  }
}

export class DeliveriesResponse {
  @ApiProperty({ format: 'uuid' })
  order_id!: string;

  @ApiProperty({ type: [DeliveryResponse], description: 'Oldest first.' })
  deliveries!: DeliveryResponse[];
}
