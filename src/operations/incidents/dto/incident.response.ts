import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { causeOf } from '../incident-cause.js';
import { INCIDENT_ACTIONS, INCIDENT_KIND_NAMES, type IncidentAction, textOf } from '../incident.js';
import type { IncidentKind } from '../incident.js';
import type { IncidentPage, NamedIncident } from '../incidents.service.js';
import type { Resolution } from '../incident-actions.js';
import { databaseNow } from '../../../platform/database/database-clock.js';

const EXAMPLE_ORDER = '01a1ffe2-9b80-748a-ba30-787d85a2b441';

export class IncidentActionResponse {
  @ApiProperty({ enum: INCIDENT_ACTIONS })
  action!: IncidentAction;

  @ApiProperty({ description: 'The effect of the action.' })
  description!: string;
}

export class IncidentResponse {
  @ApiProperty({ example: `notification-${EXAMPLE_ORDER}-2-1` })
  incident_id!: string;

  @ApiProperty({ enum: INCIDENT_KIND_NAMES })
  kind!: IncidentKind;

  @ApiProperty({ format: 'uuid' })
  order_id!: string;

  @ApiPropertyOptional({ type: 'integer', description: 'Line of the order, of a reservation.', example: 1 })
  line?: number;

  @ApiPropertyOptional({ description: 'Of a reservation.', example: 'PROD001' })
  product_id?: string;

  @ApiPropertyOptional({ type: 'integer', description: 'Of a reservation.', example: 2 })
  quantity?: number;

  @ApiPropertyOptional({
    type: 'integer',
    description: 'The event that the message is about, of a notification and a failed webhook.',
    example: 2,
  })
  event_seq?: number;

  @ApiPropertyOptional({ format: 'uuid', description: 'The endpoint, of a failed webhook.' })
  endpoint_id?: string;

  @ApiProperty({ example: 'notification service: answered 500', description: 'Holds no personal data.' })
  reason!: string;

  @ApiProperty({
    example: 'notification service: answered 500',
    description: 'The reason without the ids, lines and durations that differ from incident to incident.',
  })
  cause!: string;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    example: 12,
    description: 'Attempts so far, of a task: all kinds except a reservation.',
  })
  attempts?: number;

  @ApiProperty({ format: 'date-time', description: 'When it became an incident.' })
  since!: string;

  @ApiProperty({ type: 'integer', minimum: 0, example: 5400 })
  age_seconds!: number;

  @ApiProperty({ type: [IncidentActionResponse], description: 'What can safely be done about it.' })
  actions!: IncidentActionResponse[];

  static from(incident: NamedIncident, now: Date): IncidentResponse {
    const { id, kind, orderId, endpointId, number, productId, quantity, reason, since, attempts, actions } =
      incident;
    return {
      incident_id: id,
      kind,
      order_id: orderId,
      ...(kind === 'reservation' && { line: number, product_id: productId, quantity }),
      ...((kind === 'notification' || kind === 'webhook_failed') && { event_seq: number }),
      ...(endpointId !== undefined && { endpoint_id: endpointId }),
      reason,
      cause: causeOf(reason),
      ...(attempts !== undefined && { attempts }),
      since: since.toISOString(),
      age_seconds: Math.max(0, Math.floor((now.getTime() - since.getTime()) / 1_000)),
      actions: actions.map((action) => ({ action, description: textOf(kind, action).does })),
    };
  }
}

export class IncidentListResponse {
  @ApiProperty({
    type: 'integer',
    minimum: 0,
    description: 'Number of incidents in this answer.',
    example: 1,
  })
  count!: number;

  @ApiProperty({ type: [IncidentResponse] })
  incidents!: IncidentResponse[];

  @ApiProperty({
    type: 'string',
    nullable: true,
    description: 'Where the next page begins; null on the last one.',
  })
  next_cursor!: string | null;

  static from({ incidents, nextCursor }: IncidentPage): IncidentListResponse {
    const now = databaseNow();
    return {
      count: incidents.length,
      incidents: incidents.map((incident) => IncidentResponse.from(incident, now)),
      next_cursor: nextCursor,
    };
  }
}

export class SettlementResponse {
  @ApiProperty({ example: `notification-${EXAMPLE_ORDER}-2-1` })
  incident_id!: string;

  @ApiProperty({ enum: INCIDENT_KIND_NAMES })
  kind!: IncidentKind;

  @ApiProperty({ format: 'uuid' })
  order_id!: string;

  @ApiProperty({ enum: INCIDENT_ACTIONS })
  action!: IncidentAction;

  @ApiProperty({ type: 'string', nullable: true })
  reason!: string | null;

  @ApiProperty({ description: 'Who decided it.', example: 'anonymous' })
  actor!: string;

  @ApiProperty({ format: 'date-time', description: 'When it was decided.' })
  timestamp!: string;

  @ApiProperty({ example: 'The message is being sent again.' })
  result!: string;

  static from({ incident, subject, decision, settledAt, result }: Resolution): SettlementResponse {
    return {
      incident_id: incident,
      kind: subject.kind,
      order_id: subject.orderId,
      action: decision.action,
      reason: decision.reason ?? null,
      actor: decision.actor,
      timestamp: settledAt.toISOString(),
      result,
    };
  }
}

export class RedriveResponse {
  @ApiProperty({
    type: 'integer',
    minimum: 0,
    example: 12,
    description: 'Number of messages that are being sent again.',
  })
  count!: number;

  @ApiProperty({ description: 'Whether there are more: one call takes a limited number. Call again then.' })
  more!: boolean;
}
