import type { OrderProblemName } from '../orders/order.problems.js';
import { OneOf, Text } from '../platform/http/fields.openapi.js';
import { problemDecorator, ProblemResponse } from '../platform/http/problem.openapi.js';
import { INCIDENT_ACTIONS, type IncidentAction } from './incidents/incident.js';
import type { OperationsProblemName } from './operations.problems.js';

/** A problem of an incident; which of these members there are depends on its type. */
class OperationProblemResponse extends ProblemResponse {
  @OneOf.optional(INCIDENT_ACTIONS, 'What can be done about the incident at this moment.', {
    isArray: true,
    example: ['retry', 'write_off'],
  })
  allowed_actions?: IncidentAction[];

  @OneOf.optional(INCIDENT_ACTIONS, 'What was done about it.', { example: 'retry' })
  settled_by?: IncidentAction;

  @Text.optional('pay_8f2k', 'The payment that was to confirm the order.')
  reference?: string;
}

/** Documents the errors of an operation of this feature. */
export const ApiOperationProblems = problemDecorator<OperationsProblemName | OrderProblemName>(
  OperationProblemResponse,
);
