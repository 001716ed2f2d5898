import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, IsString, Max, MaxLength, Min } from 'class-validator';
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
import { IncidentActionResponse } from './incident.response.js';
import { RedriveDto } from './settle-incident.dto.js';

export const EXAMPLE_CAUSE = 'notification service: answered 500';

/** Body of `POST /operations/incidents/bulk`. */
export class BulkIncidentsDto extends RedriveDto {
  @ApiProperty({ enum: TASK_ACTIONS, description: 'What is done about each incident.' })
  @IsIn(TASK_ACTIONS, { message: `must be one of ${TASK_ACTIONS.join(', ')}` })
  action!: TaskAction;

  @ApiProperty({
    enum: TASK_KINDS,
    description: 'Incidents of this kind. The other kinds need a decision about each one.',
  })
  @IsIn(TASK_KINDS, { message: `must be one of ${TASK_KINDS.join(', ')}` })
  kind!: TaskIncidentKind;

  @ApiPropertyOptional({
    type: 'string',
    maxLength: MAX_CAUSE_LENGTH,
    example: EXAMPLE_CAUSE,
    description: 'Only incidents with this cause, as listed by `GET /operations/incidents/causes`.',
  })
  @MayBeAbsent()
  @MaxLength(MAX_CAUSE_LENGTH, { message: `must have at most ${MAX_CAUSE_LENGTH} characters` })
  @IsString({ message: 'must be text' })
  cause?: string;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: MAX_BULK_INCIDENTS,
    description: `At most this many, those of the oldest orders first; ${MAX_BULK_INCIDENTS} where it is absent.`,
  })
  @MayBeAbsent()
  @Max(MAX_BULK_INCIDENTS, { message: `must be at most ${MAX_BULK_INCIDENTS}` })
  @Min(1, { message: 'must be at least 1' })
  @IsInt({ message: 'must be a whole number' })
  limit?: number;
}

export class BulkIncidentsResponse {
  @ApiProperty({ enum: TASK_ACTIONS })
  action!: TaskAction;

  @ApiProperty({ enum: TASK_KINDS })
  kind!: TaskIncidentKind;

  @ApiProperty({ type: 'string', nullable: true, example: EXAMPLE_CAUSE })
  cause!: string | null;

  @ApiProperty({ type: 'integer', minimum: 0, example: 500, description: 'Number of incidents resolved.' })
  changed!: number;

  @ApiProperty({
    type: 'integer',
    minimum: 0,
    example: 40,
    description: 'Number of such incidents that are open now. Call again to go on.',
  })
  remaining!: number;

  static from({ action, kind, cause }: BulkIncidentsDto, result: BulkResult): BulkIncidentsResponse {
    return { action, kind, cause: cause ?? null, ...result };
  }
}

export class IncidentCauseResponse {
  @ApiProperty({ enum: INCIDENT_KIND_NAMES })
  kind!: IncidentKind;

  @ApiProperty({
    example: EXAMPLE_CAUSE,
    description: 'The reason without the ids, lines and durations that differ from incident to incident.',
  })
  cause!: string;

  @ApiProperty({ type: 'integer', minimum: 1, example: 540 })
  count!: number;

  @ApiProperty({ format: 'date-time', description: 'When the oldest became an incident.' })
  oldest_since!: string;

  @ApiProperty({ type: 'integer', minimum: 0, example: 5400 })
  oldest_age_seconds!: number;

  @ApiProperty({
    type: [IncidentActionResponse],
    description: 'What can be done about all of them; empty where each one needs a decision.',
  })
  bulk_actions!: IncidentActionResponse[];

  static from({ kind, cause, count, oldest }: IncidentGroup, now: Date): IncidentCauseResponse {
    const actions = isTaskIncident(kind) ? TASK_ACTIONS : [];
    return {
      kind,
      cause,
      count,
      oldest_since: oldest.toISOString(),
      oldest_age_seconds: Math.max(0, Math.floor((now.getTime() - oldest.getTime()) / 1_000)),
      bulk_actions: actions.map((action) => ({ action, description: textOf(kind, action).does })),
    };
  }
}

export class IncidentCausesResponse {
  @ApiProperty({ type: 'integer', minimum: 0, example: 540, description: 'Number of open incidents.' })
  count!: number;

  @ApiProperty({ type: [IncidentCauseResponse], description: 'The most frequent first, at most 100.' })
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
