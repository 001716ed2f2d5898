import { Count, Integer, ListOf, OneOf, Text, Time, Uuid } from '../../platform/http/fields.openapi.js';
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

export class DeliveryResponse {
  @Uuid(undefined, { example: '5f0c2b1e-8f0e-4b44-9a53-6f5d7d0a4c11' })
  id!: string;

  @OneOf(
    DELIVERY_KINDS,
    'To the customer, to the inventory, to the cart service, or to an endpoint of webhooks.',
  )
  kind!: DeliveryKind;

  @OneOf(
    Object.values(STATUSES),
    '`waiting` for its first or next attempt; `failed`: out of attempts, so that it needs a person; ' +
      '`skipped`: a person gave up a webhook.',
  )
  status!: string;

  @Integer.optional(2, 'The event that a notification or webhook is about.')
  event_seq?: number;

  @Uuid.optional('The endpoint of a webhook.')
  endpoint_id?: string;

  @Count(3)
  attempts!: number;

  @Text.nullable('notification service: answered 500')
  last_error!: string | null;

  @Time()
  created_at!: string;

  @Time.nullable('When it was sent, or ran out of attempts.')
  completed_at!: string | null;

  @Time.nullable('When it is repeated.', { example: '2026-11-21T20:54:01.000Z' })
  next_attempt_at!: string | null;

  @Text.optional(undefined, 'The incident of a failed delivery.')
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
  @Uuid()
  order_id!: string;

  @ListOf(DeliveryResponse, 'Oldest first.')
  deliveries!: DeliveryResponse[];
}
