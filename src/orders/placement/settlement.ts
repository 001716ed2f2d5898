import type { Problem } from '../../platform/http/problem.js';
import type { InventoryCall } from '../history/inventory-calls.js';
import type { ReserveOutcome } from '../order.ports.js';
import type { Shortage } from '../order.problems.js';

/**
 * How a placement can end, and what each end brings with it. All of it is written in the one transaction that sets the
 * status; what has to happen elsewhere is a job of that transaction.
 *
 * `failure`: the problem type stored with the order. `tellsCustomer`: a notification is sent. `checksOutCart`: the
 * cart service is told. `givesBack`: held and doubtful stock is released, and the cart may be ordered again.
 */
export const SETTLEMENTS = {
  confirmed: { failure: null, tellsCustomer: true, checksOutCart: true, givesBack: false },
  rejected: { failure: 'insufficient-stock', tellsCustomer: false, checksOutCart: false, givesBack: true },
  failed: { failure: 'placement-failed', tellsCustomer: false, checksOutCart: false, givesBack: true },
} as const;

export type SettledStatus = keyof typeof SETTLEMENTS;

/** An end that was decided on, with what is known of each line that is not simply held. */
export interface Settlement {
  to: SettledStatus;
  reason: string | undefined;
  /** Lines of which certainly nothing is held. */
  released: number[];
  /** Lines that may or may not be held. */
  inDoubt: number[];
  shortages: Shortage[];
  /** Why an order was refused before anything was reserved for it: a problem type, and what it has to say. */
  refusal?: { failure: string; data: Record<string, unknown> };
  /** How the inventory was asked, where that is what the order is settled by. */
  calls?: InventoryCall[];
}

/** Reason of an order that failed before the inventory was asked. The answer for its key is made from this. */
export const NOT_ASKED = 'no time was left to ask the inventory';

/** What to do about a line whose outcome is unknown: wait for another try, or take the order back now. */
export type OnUnknownOutcome = 'retry' | 'compensate';

/**
 * Decides how a placement ends, given what became of its lines.
 *
 * A refused line rejects the order, whatever else is unknown; only when every line is held is it confirmed; anything
 * in between is never taken for a refusal.
 *
 * @returns the settlement, or `wait` when nothing may be decided yet
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

/** Takes an order back of which nobody knows what was reserved for it. */
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
