import { Problem, type ProblemType, RETRY_AFTER } from '../platform/http/problem.js';
import type { IncidentAction } from './incident.js';

/** The errors of settling incidents. */
export const OPERATIONS_PROBLEMS = {
  'incident-not-found': { status: 404, title: 'There is no such incident' },
  'action-not-allowed': { status: 409, title: 'The incident can not be settled in this way' },
  'incident-in-progress': { status: 409, title: 'The service is settling this by itself' },
} as const satisfies Record<string, ProblemType>;

export function incidentNotFound(id: string): Problem {
  const detail = `There is and was no incident ${id}`;
  return new Problem('incident-not-found', OPERATIONS_PROBLEMS['incident-not-found'], detail);
}

export function actionNotAllowed(
  action: IncidentAction,
  allowed: readonly IncidentAction[],
  settledBy?: IncidentAction,
): Problem {
  const detail = settledBy
    ? `The incident was settled already, by ${settledBy}`
    : `This incident can not be settled by ${action}, only by ${allowed.join(' or ')}`;
  const extensions = { allowed_actions: allowed, ...(settledBy && { settled_by: settledBy }) };
  return new Problem('action-not-allowed', OPERATIONS_PROBLEMS['action-not-allowed'], detail, extensions);
}

/** What is asked for may become possible, or unnecessary, in a moment. */
export function incidentInProgress(orderId: string): Problem {
  const detail = `Order ${orderId} is being worked on at this moment; look at its incidents again`;
  const kind = OPERATIONS_PROBLEMS['incident-in-progress'];
  return new Problem('incident-in-progress', kind, detail, { allowed_actions: [] }, RETRY_AFTER);
}
