import { ApiPropertyOptional } from '@nestjs/swagger';
import { Problem } from '../platform/http/problem.js';
import {
  type DocumentedProblem,
  problemDecorator,
  ProblemResponse,
} from '../platform/http/problem.openapi.js';
import { TASK_KINDS } from './incidents/dead-tasks.js';
import { INCIDENT_ACTIONS, INCIDENT_KINDS, type IncidentAction } from './incidents/incident.js';
import {
  IncidentListResponse,
  RedriveResponse,
  SettlementResponse,
} from './incidents/dto/incident.response.js';
import {
  BulkIncidentsDto,
  BulkIncidentsResponse,
  EXAMPLE_CAUSE,
  IncidentCausesResponse,
} from './incidents/dto/bulk-incidents.dto.js';
import { RedriveDto, SettleIncidentDto } from './incidents/dto/settle-incident.dto.js';
import { actionNotAllowed, incidentInProgress, incidentNotFound } from './operations.problems.js';

const EXAMPLE_ORDER = '01a1ffe2-9b80-748a-ba30-787d85a2b441';

const EXAMPLE_INCIDENT = `notification-${EXAMPLE_ORDER}-2-1`;

/** A problem of an incident; which of these members there are depends on its type. */
class OperationProblemResponse extends ProblemResponse {
  @ApiPropertyOptional({
    enum: INCIDENT_ACTIONS,
    isArray: true,
    example: ['retry', 'write_off'],
    description: 'What can be done about the incident at this moment.',
  })
  allowed_actions?: IncidentAction[];

  @ApiPropertyOptional({ enum: INCIDENT_ACTIONS, example: 'retry', description: 'What was done about it.' })
  settled_by?: IncidentAction;
}

/** Documents the errors of an operation of this feature. */
export const ApiOperationProblems = problemDecorator(OperationProblemResponse);

const SINCE = '2026-11-21T20:53:23.456Z';

const NOTIFICATION_ACTIONS = Object.entries(INCIDENT_KINDS.notification).map(([action, { does }]) => ({
  action,
  description: does,
}));

export const INCIDENTS = {
  status: 200,
  description: 'A page of the incidents.',
  type: IncidentListResponse,
  example: {
    count: 1,
    incidents: [
      {
        incident_id: EXAMPLE_INCIDENT,
        kind: 'notification',
        order_id: EXAMPLE_ORDER,
        event_seq: 2,
        reason: 'notification service: answered 500',
        cause: EXAMPLE_CAUSE,
        attempts: 12,
        since: SINCE,
        age_seconds: 5400,
        actions: NOTIFICATION_ACTIONS,
      },
    ],
    next_cursor: null,
  },
};

export const CAUSES = {
  status: 200,
  description: 'The open incidents by kind and cause.',
  type: IncidentCausesResponse,
  example: {
    count: 540,
    causes: [
      {
        kind: 'notification',
        cause: EXAMPLE_CAUSE,
        count: 540,
        oldest_since: SINCE,
        oldest_age_seconds: 5400,
        bulk_actions: NOTIFICATION_ACTIONS,
      },
    ],
  },
};

export const BULK_BODY = {
  type: BulkIncidentsDto,
  examples: {
    retry: {
      summary: 'Send all messages again that failed for one cause',
      value: {
        action: 'retry',
        kind: 'notification',
        cause: EXAMPLE_CAUSE,
        reason: 'The service is back',
      },
    },
    write_off: {
      summary: 'Give up the oldest 100',
      value: { action: 'write_off', kind: 'notification', limit: 100 },
    },
  },
};

export const BULK_SETTLED = {
  status: 200,
  description: 'How many incidents were resolved, and how many are left.',
  type: BulkIncidentsResponse,
  example: {
    action: 'retry',
    kind: 'notification',
    cause: EXAMPLE_CAUSE,
    changed: 500,
    remaining: 40,
  },
};

export const SETTLED = {
  status: 200,
  description: 'The decision and its effect.',
  type: SettlementResponse,
  example: {
    incident_id: EXAMPLE_INCIDENT,
    kind: 'notification',
    order_id: EXAMPLE_ORDER,
    action: 'retry',
    reason: 'The service is back',
    actor: 'anonymous',
    timestamp: SINCE,
    result: INCIDENT_KINDS.notification.retry.result,
  },
};

export const REDRIVEN = {
  status: 200,
  description: 'How many messages are being sent again.',
  type: RedriveResponse,
  example: { count: 12, more: false },
};

export const SETTLE_BODY = {
  type: SettleIncidentDto,
  examples: {
    retry: { summary: 'Try it again', value: { action: 'retry', reason: 'The service is back' } },
    write_off: { summary: 'Leave it at that', value: { action: 'write_off' } },
  },
};

export const REDRIVE_BODY = {
  type: RedriveDto,
  required: false,
  examples: {
    reason: { summary: 'With a reason for the history', value: { reason: 'The service is back' } },
  },
};

export const SETTLING_PROBLEMS: DocumentedProblem[] = [
  Problem.invalidRequest([{ field: 'action', message: `must be one of ${INCIDENT_ACTIONS.join(', ')}` }]),
  incidentNotFound(EXAMPLE_INCIDENT),
  actionNotAllowed('release', ['retry', 'write_off']),
  incidentInProgress(EXAMPLE_ORDER),
  413,
  415,
  'upstream-unavailable',
  'upstream-answer-invalid',
  'database-unavailable',
];

export const BULK_PROBLEMS: DocumentedProblem[] = [
  Problem.invalidRequest([{ field: 'kind', message: `must be one of ${TASK_KINDS.join(', ')}` }]),
  413,
  415,
  'overloaded',
  'database-unavailable',
];

export const REDRIVE_PROBLEMS: DocumentedProblem[] = [
  Problem.invalidRequest([{ field: 'reason', message: 'must be text' }]),
  413,
  415,
  'overloaded',
  'database-unavailable',
];
