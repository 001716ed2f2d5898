import { causeOf } from '../incident-cause.js';
import { INCIDENT_ACTIONS, INCIDENT_KIND_NAMES, type IncidentAction, textOf } from '../incident.js';
import type { IncidentKind } from '../incident.js';
import type { IncidentPage, NamedIncident } from '../incidents.service.js';
import type { Resolution } from '../incident-actions.js';
import { databaseNow } from '../../../platform/database/database-clock.js';
import {
  Count,
  EXAMPLE_ID,
  Flag,
  Integer,
  ListOf,
  OneOf,
  Text,
  Time,
  Uuid,
} from '../../../platform/http/fields.openapi.js';

const EXAMPLE_INCIDENT = `notification-${EXAMPLE_ID}-2-1`;

const NOTIFICATION = { example: 'notification' };

/** Of the reason and the cause. */
export const EXAMPLE_CAUSE = 'notification service: answered 500';

export const CAUSE_DESCRIPTION =
  'The reason without the ids, lines and durations that differ from incident to incident.';

export class IncidentActionResponse {
  @OneOf(INCIDENT_ACTIONS)
  action!: IncidentAction;

  @Text(textOf('notification', 'retry').does, 'The effect of the action.')
  description!: string;
}

export class IncidentResponse {
  @Text(EXAMPLE_INCIDENT)
  incident_id!: string;

  @OneOf(INCIDENT_KIND_NAMES, undefined, NOTIFICATION)
  kind!: IncidentKind;

  @Uuid()
  order_id!: string;

  @Integer.optional(1, 'Line of the order, of a reservation.')
  line?: number;

  @Text.optional('PROD001', 'Of a reservation.')
  product_id?: string;

  @Integer.optional(2, 'Of a reservation.')
  quantity?: number;

  @Integer.optional(2, 'The event that the message is about, of a notification and a failed webhook.')
  event_seq?: number;

  @Uuid.optional('The endpoint, of a failed webhook.')
  endpoint_id?: string;

  @Flag.optional(
    true,
    'Present when the customer has paid after the hold, and the order is confirmed only once this stock is released.',
  )
  payment_waits?: boolean;

  @Text(EXAMPLE_CAUSE, 'Holds no personal data.')
  reason!: string;

  @Text(EXAMPLE_CAUSE, CAUSE_DESCRIPTION)
  cause!: string;

  @Count.optional(12, 'Attempts so far, of a task: all kinds except a reservation.')
  attempts?: number;

  @Time('When it became an incident.')
  since!: string;

  @Count(5400)
  age_seconds!: number;

  @ListOf(IncidentActionResponse, 'What can safely be done about it.')
  actions!: IncidentActionResponse[];

  static from(incident: NamedIncident, now: Date): IncidentResponse {
    const {
      id,
      kind,
      orderId,
      endpointId,
      number,
      productId,
      quantity,
      reason,
      since,
      attempts,
      actions,
      paymentWaits,
    } = incident;
    return {
      incident_id: id,
      kind,
      order_id: orderId,
      ...(kind === 'reservation' && { line: number, product_id: productId, quantity }),
      ...((kind === 'notification' || kind === 'webhook_failed') && { event_seq: number }),
      ...(paymentWaits && { payment_waits: true }),
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
  @Count(1, 'Number of incidents in this answer.')
  count!: number;

  @ListOf(IncidentResponse)
  incidents!: IncidentResponse[];

  @Text.nullable(undefined, 'Where the next page begins; null on the last one.')
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
  @Text(EXAMPLE_INCIDENT)
  incident_id!: string;

  @OneOf(INCIDENT_KIND_NAMES, undefined, NOTIFICATION)
  kind!: IncidentKind;

  @Uuid()
  order_id!: string;

  @OneOf(INCIDENT_ACTIONS)
  action!: IncidentAction;

  @Text.nullable(undefined)
  reason!: string | null;

  @Text('anonymous', 'Who decided it.')
  actor!: string;

  @Time('When it was decided.')
  timestamp!: string;

  @Text('The message is being sent again.')
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
  @Count(12, 'Number of messages that are being sent again.')
  count!: number;

  @Flag(false, 'Whether there are more: one call takes a limited number. Call again then.')
  more!: boolean;
}
