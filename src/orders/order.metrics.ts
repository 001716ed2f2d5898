import { Counter } from 'prom-client';
import type { RunResult } from '../idempotency/idempotency.js';
import type { StoredResponse } from '../idempotency/idempotency.repository.js';
import { isDatabaseUnavailable } from '../platform/database/session/database-errors.js';
import { Problem, upstreamProblem } from '../platform/http/problem.js';
import { PROBLEM_PATH } from '../platform/http/problems/problem-types.js';
import { UpstreamFault } from '../platform/upstream/upstream-fault.js';
import type { OrderStatus } from './order-status.js';

const placements = new Counter({
  name: 'order_placements_total',
  help: 'Requests for orders by outcome (confirmed, accepted: 202, rejected, unsettled, failed) and reason, a problem type. Replays are not counted.',
  labelNames: ['outcome', 'reason'] as const,
});

const statusChanges = new Counter({
  name: 'order_status_changes_total',
  help: 'Changes of order status; from is empty for a new order.',
  labelNames: ['from', 'to'] as const,
});

const recoveries = new Counter({
  name: 'order_recoveries_total',
  help: 'Placements that recovery resumed, by result: the status then, taken_back after RECOVERY_WINDOW_MS, or fault.',
  labelNames: ['result'] as const,
});

/** Result of a request for an order. */
type PlacementOutcome = 'confirmed' | 'accepted' | 'rejected' | 'unsettled' | 'failed';

/** @param reason a problem type without its path; empty where there is nothing to explain */
function countPlacement(outcome: PlacementOutcome, reason = ''): void {
  placements.inc({ outcome, reason });
}

/** To be called once the change is committed. */
export function countStatusChange(from: OrderStatus | '', to: OrderStatus): void {
  statusChanges.inc({ from, to });
}

export function countRecovery(result: OrderStatus | 'taken_back' | 'fault'): void {
  recoveries.inc({ result });
}

/** Counts the results of placements. A replay of a stored response is not counted. */
export async function measurePlacement(placement: Promise<RunResult>): Promise<RunResult> {
  try {
    const result = await placement;
    if (!result.isReplay) countPlacement(...outcomeOf(result.response));
    return result;
  } catch (error) {
    const reason = reasonOf(error);
    if (reason !== 'idempotency-key-in-progress')
      countPlacement(isRefusal(error) ? 'rejected' : 'failed', reason);
    throw error;
  }
}

function outcomeOf({ status, body }: StoredResponse): [PlacementOutcome, string?] {
  if (status === 201) return ['confirmed'];
  if (status === 202) return ['accepted'];
  const reason = String(body['type']).replace(PROBLEM_PATH, '');
  if (reason === 'placement-unsettled') return ['unsettled', reason];
  return [status < 500 ? 'rejected' : 'failed', reason];
}

function isRefusal(error: unknown): boolean {
  return error instanceof Problem && error.status < 500;
}

function reasonOf(error: unknown): string {
  if (error instanceof Problem) return error.name;
  if (error instanceof UpstreamFault) return upstreamProblem(error).name;
  return isDatabaseUnavailable(error) ? 'database-unavailable' : 'internal-error';
}
