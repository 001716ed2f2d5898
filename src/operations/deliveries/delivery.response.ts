import { Count, Integer, ListOf, OneOf, Text, Time, Uuid } from '../../platform/http/fields.openapi.js';
import type { TaskStanding } from '../task-reports.repository.js';
import { numberOfTask, TASK_INCIDENTS, type TaskIncidentKind } from '../incidents/incident-finder.js';
import type { DeliveryReport } from './deliveries.js';

/** The API's words. */
const STATUSES: Record<TaskStanding, string> = {
  waiting: 'waiting',
  under_way: 'under_way',
  done: 'sent',
  failed: 'failed',
};

export class DeliveryResponse {
  @Uuid(undefined, { example: '5f0c2b1e-8f0e-4b44-9a53-6f5d7d0a4c11' })
  id!: string;

  @OneOf(Object.keys(TASK_INCIDENTS), 'To the customer, to the inventory, or to the cart service.')
  kind!: TaskIncidentKind;

  @OneOf(
    Object.values(STATUSES),
    '`waiting` for its first or next attempt; `failed`: out of attempts, so that it needs a person.',
  )
  status!: string;

  @Integer.optional(2, 'The event that a notification is about.')
  event_seq?: number;

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
      incidentId,
    } = delivery;
    return {
      id,
      kind,
      status: STATUSES[standing],
      ...(kind === 'notification' && { event_seq: numberOfTask(kind, seq) }),
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
