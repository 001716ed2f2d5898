import type { Problem } from '../../platform/http/problem.js';
import type { InventoryCall } from '../history/inventory-calls.js';
import type { ReserveOutcome } from '../order.ports.js';
import type { Shortage } from '../order.problems.js';

/**
 * The ways a placement can end. The status and the tasks for other services are written in one transaction.
 *
 * `failure`: the problem type stored with the order. `tellsCustomer`: a notification is sent. `checksOutCart`: the
 * cart is checked out. `givesBack`: held and doubtful stock is released, and the cart may be ordered again.
 */
export const SETTLEMENTS = {
  confirmed: { failure: null, tellsCustomer: true, checksOutCart: true, givesBack: false },
  rejected: { failure: 'insufficient-stock', tellsCustomer: false, checksOutCart: false, givesBack: true },
  failed: { failure: 'placement-failed', tellsCustomer: false, checksOutCart: false, givesBack: true },
} as const;

export type SettledStatus = keyof typeof SETTLEMENTS;

/** A decided completion, with the lines that are not simply held. */
export interface Settlement {
  to: SettledStatus;
  reason: string | undefined;
  /** Lines that certainly hold no units. */
  released: number[];
  /** Lines that may or may not be held. */
  inDoubt: number[];
  shortages: Shortage[];
  /** Why an order was refused before any reservation: a problem type and its members. */
  refusal?: { failure: string; data: Record<string, unknown> };
  /** The inventory calls that decided the completion. */
  calls?: InventoryCall[];
}

/** Reason of an order that failed before the call to the inventory. The response for its key uses it. */
export const NOT_ASKED = 'no time was left to ask the inventory';

/** What to do about a line with an unknown outcome: retry later, or compensate now. */
export type OnUnknownOutcome = 'retry' | 'compensate';

/**
 * Decides how a placement ends. A refused line rejects the order, even when other lines are unknown. Only an order
 * whose lines are all held is confirmed. An unknown outcome is never taken for a refusal.
 *
 * @returns the completion, or `wait` when nothing may be decided yet
 */
export function decide(
  outcomes: readonly ReserveOutcome[],
  items: readonly { id: number; productId: string; quantity: number }[],
  onUnknown: OnUnknownOutcome,
): Settlement | 'retry' {
  const refused = outcomes.filter((outcome) => outcome.outcome === 'refused');
  const unknown = outcomes.filter((outcome) => outcome.outcome === 'unknown');
  const untouched = outcomes.filter((outcome) => outcome.outcome === 'untouched');
  const settlement = {
    released: [...refused, ...untouched].map((outcome) => outcome.line),
    inDoubt: unknown.map((outcome) => outcome.line),
    shortages: refused.map(({ line, reason }) => shortageOf(line, items, reason)),
  };
  if (refused.length > 0) return { to: 'rejected', reason: refused[0]?.reason, ...settlement };
  const [open] = [...unknown, ...untouched];
  if (open) return onUnknown === 'retry' ? 'retry' : { to: 'failed', reason: open.reason, ...settlement };
  return { to: 'confirmed', reason: undefined, ...settlement };
}

/** Compensates an order whose reservations are unknown. */
export function giveUp(items: readonly { id: number }[], reason: string): Settlement {
  return { to: 'failed', reason, released: [], inDoubt: items.map((item) => item.id), shortages: [] };
}

/** Takes an order back for which certainly nothing was reserved. */
export function giveUpUntouched(items: readonly { id: number }[], reason: string): Settlement {
  return { to: 'failed', reason, released: items.map((item) => item.id), inDoubt: [], shortages: [] };
}

/** Refuses an order for which certainly nothing was reserved. */
export function refuse(items: readonly { id: number }[], problem: Problem): Settlement {
  return {
    ...giveUpUntouched(items, problem.detail),
    to: 'rejected',
    refusal: { failure: problem.name, data: problem.extensions },
  };
}

function shortageOf(
  line: number,
  items: readonly { id: number; productId: string; quantity: number }[],
  reason: string,
): Shortage {
  const item = items.find((candidate) => candidate.id === line);
  return { product_id: item?.productId ?? '', requested: item?.quantity ?? 0, reason };
}
