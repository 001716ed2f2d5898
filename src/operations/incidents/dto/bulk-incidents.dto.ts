import { IsIn, IsInt, IsString, IsUUID, Max, MaxLength, Min } from 'class-validator';
import { MayBeAbsent } from '../../../orders/dto/text.decorators.js';
import { databaseNow } from '../../../platform/database/database-clock.js';
import { MAX_CAUSE_LENGTH } from '../incident-cause.js';
import {
  type IncidentGroup,
  isTaskIncident,
  TASK_ACTIONS,
  TASK_KINDS,
  type TaskAction,
  type TaskIncidentKind,
} from '../dead-tasks.js';
import { INCIDENT_KIND_NAMES, type IncidentKind, textOf } from '../incident.js';
import { type BulkResult, MAX_BULK_INCIDENTS } from '../bulk-incidents.js';
import { Count, ListOf, OneOf, Positive, Text, Time, Uuid } from '../../../platform/http/fields.openapi.js';
import { CAUSE_DESCRIPTION, EXAMPLE_CAUSE, IncidentActionResponse } from './incident.response.js';
import { RedriveDto } from './settle-incident.dto.js';

/** Body of `POST /operations/incidents/bulk`. */
export class BulkIncidentsDto extends RedriveDto {
  @OneOf(TASK_ACTIONS, 'What is done about each incident.')
  @IsIn(TASK_ACTIONS, { message: `must be one of ${TASK_ACTIONS.join(', ')}` })
  action!: TaskAction;

  @OneOf(TASK_KINDS, 'Incidents of this kind. The other kinds need a decision about each one.')
  @IsIn(TASK_KINDS, { message: `must be one of ${TASK_KINDS.join(', ')}` })
  kind!: TaskIncidentKind;

  @Uuid.optional('Only incidents of this endpoint of webhooks, for the kind `webhook_failed`.')
  @MayBeAbsent()
  @IsUUID('all', { message: 'must be the id of an endpoint' })
  endpoint_id?: string;

  @Text.optional(
    EXAMPLE_CAUSE,
    'Only incidents with this cause, as listed by `GET /operations/incidents/causes`.',
    {
      maxLength: MAX_CAUSE_LENGTH,
    },
  )
  @MayBeAbsent()
  @MaxLength(MAX_CAUSE_LENGTH, { message: `must have at most ${MAX_CAUSE_LENGTH} characters` })
  @IsString({ message: 'must be text' })
  cause?: string;

  @Positive.optional(
    100,
    `At most this many, those of the oldest orders first; ${MAX_BULK_INCIDENTS} where it is absent.`,
    { maximum: MAX_BULK_INCIDENTS },
  )
  @MayBeAbsent()
  @Max(MAX_BULK_INCIDENTS, { message: `must be at most ${MAX_BULK_INCIDENTS}` })
  @Min(1, { message: 'must be at least 1' })
  @IsInt({ message: 'must be a whole number' })
  limit?: number;
}

export class BulkIncidentsResponse {
  @OneOf(TASK_ACTIONS)
  action!: TaskAction;

  @OneOf(TASK_KINDS)
  kind!: TaskIncidentKind;

  @Uuid.nullable()
  endpoint_id!: string | null;

  @Text.nullable(EXAMPLE_CAUSE)
  cause!: string | null;

  @Count(500, 'Number of incidents resolved.')
  changed!: number;

  @Count(40, 'Number of such incidents that are open now. Call again to go on.')
  remaining!: number;

  static from(
    { action, kind, endpoint_id: endpoint, cause }: BulkIncidentsDto,
    result: BulkResult,
  ): BulkIncidentsResponse {
    return { action, kind, endpoint_id: endpoint ?? null, cause: cause ?? null, ...result };
  }
}

export class IncidentCauseResponse {
  @OneOf(INCIDENT_KIND_NAMES, undefined, { example: 'notification' })
  kind!: IncidentKind;

  @Uuid.optional('The endpoint of webhooks, of the kind `webhook_failed`.')
  endpoint_id?: string;

  @Text(EXAMPLE_CAUSE, CAUSE_DESCRIPTION)
  cause!: string;

  @Positive(540)
  count!: number;

  @Time('When the oldest became an incident.')
  oldest_since!: string;

  @Count(5400)
  oldest_age_seconds!: number;

  @ListOf(
    IncidentActionResponse,
    'What can be done about all of them; empty where each one needs a decision.',
  )
  bulk_actions!: IncidentActionResponse[];

  static from({ kind, endpointId, cause, count, oldest }: IncidentGroup, now: Date): IncidentCauseResponse {
    const actions = isTaskIncident(kind) ? TASK_ACTIONS : [];
    return {
      kind,
      ...(endpointId !== undefined && { endpoint_id: endpointId }),
      cause,
      count,
      oldest_since: oldest.toISOString(),
      oldest_age_seconds: Math.max(0, Math.floor((now.getTime() - oldest.getTime()) / 1_000)),
      bulk_actions: actions.map((action) => ({ action, description: textOf(kind, action).does })),
    };
  }
}

export class IncidentCausesResponse {
  @Count(540, 'Number of open incidents.')
  count!: number;

  @ListOf(IncidentCauseResponse, 'The most frequent first, at most 100.')
  causes!: IncidentCauseResponse[];

  static from(groups: readonly IncidentGroup[]): IncidentCausesResponse {
    const now = databaseNow();
    return {
      count: groups.reduce((sum, { count }) => sum + count, 0),
      causes: groups.slice(0, MAX_CAUSES).map((group) => IncidentCauseResponse.from(group, now)),
    };
  }
}

/** More causes than a person reads; each further one is rarer than these. */
const MAX_CAUSES = 100;
