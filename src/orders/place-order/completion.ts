import type { Problem } from '../../platform/http/problem.js';
import type { NewTask } from '../../tasks/task-kind.js';
import type { InventoryCall } from '../history/inventory-calls.js';
import type { Order } from '../order.entity.js';
import type { ReserveOutcome } from '../order.ports.js';
import { fitLists, type Shortage } from '../order.problems.js';
import type { NewEvent } from '../order.repository.js';
import {
  canNotify,
  checkOutCartTask,
  expireHoldTask,
  keepStockTask,
  NOBODY_NOTIFIED,
  notificationOf,
  releaseStockTask,
} from '../order.tasks.js';

/**
 * The ways a placement can end. The status and the tasks for other services are written in one transaction.
 *
 * `failure`: the problem type stored with the order. `notifiesCustomer`: a notification is sent. `checksOutCart`: the
 * cart is checked out. `givesBack`: held and doubtful stock is released, and another order may have its cart, number and
 * reference. The customer of a reserved order has not paid yet, so its cart stays, and whether it is notified is a setting.
 */
export const COMPLETIONS = {
  reserved: { failure: null, notifiesCustomer: false, checksOutCart: false, givesBack: false },
  confirmed: { failure: null, notifiesCustomer: true, checksOutCart: true, givesBack: false },
  rejected: {
    failure: 'insufficient-stock',
    notifiesCustomer: false,
    checksOutCart: false,
    givesBack: true,
  },
  failed: { failure: 'placement-failed', notifiesCustomer: false, checksOutCart: false, givesBack: true },
} as const;

/** How a placement ends, with the lines that are not simply held. */
export interface Completion {
  to: keyof typeof COMPLETIONS;
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
  /** When the inventory gives the units away by itself; absent where it keeps them until they are released. */
  stockUntil?: Date;
  /** Of a reserved order. */
  hold?: Hold;
}

/** How long the stock of an order is held. */
export interface Hold {
  expiresAt: Date;
  notifiesCustomer: boolean;
}

/** Reason of an order that failed before the call to the inventory. The response for its key uses it. */
export const NOT_ASKED = 'no time was left to ask the inventory';

/** A line of an order, as far as a completion needs it. */
type Line = Readonly<{ id: number; productId: string; quantity: number }>;

/**
 * The completion that follows from the outcome of each line. A refused line rejects the order, even when other lines are
 * unknown. Only an order whose lines are all held is confirmed. An unknown outcome is never taken for a refusal.
 */
export function completionOf(outcomes: readonly ReserveOutcome[], lines: readonly Line[]): Completion {
  const refused = outcomes.filter((outcome) => outcome.outcome === 'refused');
  const unknown = outcomes.filter((outcome) => outcome.outcome === 'unknown');
  const notAttempted = outcomes.filter((outcome) => outcome.outcome === 'notAttempted');
  const about = {
    released: [...refused, ...notAttempted].map((outcome) => outcome.line),
    inDoubt: unknown.map((outcome) => outcome.line),
    shortages: refused.map(({ line, reason }) => shortageOf(line, lines, reason)),
  };
  if (refused.length > 0) return { to: 'rejected', reason: refused[0]?.reason, ...about };
  const [open] = [...unknown, ...notAttempted];
  if (open) return { to: 'failed', reason: open.reason, ...about };
  return { to: 'confirmed', reason: undefined, ...about };
}

/** Confirms an order after the calls that reserved all of its lines. */
export function confirmation(calls: InventoryCall[]): Completion {
  return { to: 'confirmed', reason: undefined, released: [], inDoubt: [], shortages: [], calls };
}

/** Why a step of a placement was not done. */
export interface StepFailure {
  outcome: 'refused' | 'unknown';
  reason: string;
  /** The refusal of the whole order. */
  refusal?: Problem;
  /** What is known of each line; nothing when absent. */
  lines?: readonly ReserveOutcome[];
  calls?: InventoryCall[];
}

/** Ends an order for which certainly nothing is reserved: there is no stock to release. */
export function endUnreserved({ items }: Order, { refusal, reason }: StepFailure): Completion {
  const completion = completionOf(sameForAll(items, 'notAttempted', reason), items);
  if (!refusal) return completion;
  return { ...completion, to: 'rejected', refusal: { failure: refusal.name, data: refusal.extensions } };
}

/** Ends an order with held or doubtful lines, which a task releases. */
export function endReserved({ items }: Order, { lines, reason, calls }: StepFailure): Completion {
  const completion = completionOf(lines ?? sameForAll(items, 'unknown', reason), items);
  return { ...completion, ...(calls && { calls }) };
}

/** When the inventory gives the first units of an order away by itself; nothing where it keeps them until they are released. */
export function earliestEnd(outcomes: readonly ReserveOutcome[]): { stockUntil?: Date } {
  const ends = outcomes.flatMap((outcome) =>
    outcome.outcome === 'held' && outcome.until ? [outcome.until] : [],
  );
  return ends.length === 0 ? {} : { stockUntil: new Date(Math.min(...ends.map((end) => end.getTime()))) };
}

/** The same outcome of all lines, as without an answer of the inventory. */
export function sameForAll(
  lines: readonly Line[],
  outcome: 'notAttempted' | 'unknown',
  reason: string,
): ReserveOutcome[] {
  return lines.map(({ id }) => ({ line: id, outcome, reason }));
}

/** The problem type that is stored with the order. */
export function failureOf({ to, refusal }: Completion): string | null {
  return refusal?.failure ?? COMPLETIONS[to].failure;
}

/** The event of a completion, which leads the order to its next version. */
export function eventOf(order: Order, completion: Completion, actor: string, at: Date): NewEvent {
  const { to, reason } = completion;
  const change = { type: 'status_changed', actor, reason, data: detailsOf(order, completion), at } as const;
  const notification = notifiesCustomer(completion) ? notificationOf(order) : undefined;
  return { ...change, notification, orderId: order.id, version: order.version + 1, from: 'pending', to };
}

function detailsOf(order: Order, completion: Completion): Record<string, unknown> | undefined {
  const { refusal, shortages, inDoubt, calls, hold } = completion;
  const data = {
    ...refusal?.data,
    ...(shortages.length > 0 && { shortages }),
    ...(inDoubt.length > 0 && { lines_in_doubt: inDoubt }),
    ...(notifiesCustomer(completion) && !canNotify(order) && NOBODY_NOTIFIED),
    ...(hold && { expires_at: hold.expiresAt.toISOString() }),
    ...(calls && { calls }),
  };
  return Object.keys(data).length > 0 ? fitLists(data) : undefined;
}

function notifiesCustomer({ to, hold }: Completion): boolean {
  return hold?.notifiesCustomer ?? COMPLETIONS[to].notifiesCustomer;
}

/** The tasks that the completion makes necessary, beside the notification, which follows from its event. */
export function tasksAfter(
  order: Order,
  { to, released, hold, stockUntil }: Completion,
  at: Date,
): NewTask[] {
  const { checksOutCart, givesBack } = COMPLETIONS[to];
  const { id, cartId, customerId, items } = order;
  const version = order.version + 1;
  const tasks: NewTask[] = [];
  if (checksOutCart && cartId !== null && customerId !== null)
    tasks.push(checkOutCartTask(id, version, customerId, cartId));
  if (givesBack && released.length < items.length) tasks.push(releaseStockTask(id, version));
  if (to === 'confirmed' && stockUntil) tasks.push(keepStockTask(id, version));
  if (hold) tasks.push(expireHoldTask(id, version, hold.expiresAt.getTime() - at.getTime()));
  return tasks;
}

function shortageOf(line: number, lines: readonly Line[], reason: string): Shortage {
  const item = lines.find((candidate) => candidate.id === line);
  return { product_id: item?.productId ?? '', requested: item?.quantity ?? 0, reason };
}
