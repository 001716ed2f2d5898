import type { ClientRecord, HoldRecord, HoldRequest } from '../clients/record.ts';
import type { Evidence, EventRow, OrderRow, TaskRow } from './evidence.ts';
import type { Violation } from './violation.ts';

/** Statuses of an order that was confirmed. */
const CONFIRMED = new Set(['confirmed', 'processing', 'shipped', 'delivered', 'returned', 'cancelled']);

function eventsTo(events: readonly EventRow[], status: string): EventRow[] {
  return events.filter(({ to }) => to === status);
}

/** Whether stock was missing when the order was confirmed too late. */
function hasLostStock(events: readonly EventRow[]): boolean {
  return events.some(({ type }) => type === 'paid_without_stock');
}

/** Whether a task may be left: holds that go on, and late confirmations that a person has to decide about. */
export function isTaskOfHold(
  { kind, state, orderId }: TaskRow,
  { orders, events, items, inventory }: Evidence,
): boolean {
  const order = orders.get(orderId);
  if (kind === 'expire-hold') return order?.status === 'reserved' && !order.isHoldOver;
  if (kind !== 'confirm-expired' || order?.status !== 'expired') return false;
  if (state === 'dead') return hasLostStock(events.get(orderId) ?? []);
  const isInDoubt = items.get(orderId)?.some(({ reservation }) => reservation === 'in_doubt') ?? false;
  return inventory === 'plain' && isInDoubt;
}

/** The responses to a request that report its success. */
function successes({ told }: HoldRequest) {
  return told.filter(({ status }) => status === 200);
}

/** P1: a confirmation that was answered stays. */
function judgeConfirmation(request: HoldRequest, order: OrderRow, events: readonly EventRow[]): string[] {
  const [confirmed] = eventsTo(events, 'confirmed');
  return successes(request).flatMap(({ version }) => {
    if (confirmed && confirmed.seq <= (version ?? 0) && CONFIRMED.has(order.status)) return [];
    return `a response confirmed the order at version ${version}, and it is ${order.status}`;
  });
}

/** P1: an extension that was answered is in the history, and no end came after it. */
function judgeExtension(request: HoldRequest, events: readonly EventRow[]): string[] {
  const extended = events.find(({ type }) => type === 'hold_extended');
  return successes(request).flatMap(({ version }) =>
    extended && extended.seq <= (version ?? 0)
      ? []
      : `a response extended the hold at version ${version}, and the history has no such event`,
  );
}

/** P1: a payment that was answered is recorded, also where the confirmation is open or came too late. */
function judgePayment({ payment, told }: HoldRequest, { payments }: OrderRow): string[] {
  const isAnswered = told.some(
    ({ status, type }) =>
      status === 200 ||
      type === '/problems/reservation-expired' ||
      type === '/problems/confirmation-unsettled',
  );
  const isThere = payments.some(
    ({ reference, state }) => reference === payment?.reference && state === payment.state,
  );
  return payment && isAnswered && !isThere
    ? [`the payment ${payment.reference} (${payment.state}) was answered, and the order does not have it`]
    : [];
}

/** P1: a confirmation that came too late is an incident, until it succeeds or the order is cancelled. */
function judgeLate({ told }: HoldRequest, order: OrderRow, events: readonly EventRow[]): string[] {
  const isTooLate = told.some(({ type }) => type === '/problems/reservation-expired');
  if (!isTooLate || CONFIRMED.has(order.status) || hasLostStock(events)) return [];
  return ['a response reported that the stock is gone, and the history does not'];
}

/** P1: every response about a hold is true. */
function judgeRequests(
  record: ClientRecord,
  { requests }: HoldRecord,
  { orders, events, tasks }: Evidence,
): Violation[] {
  return requests.flatMap((request) => {
    const { orderId, kind } = request;
    const order = orders.get(orderId);
    if (!order) return [];
    const own = events.get(orderId) ?? [];
    const faults = [
      ...(kind === 'confirm' ? judgeConfirmation(request, order, own) : []),
      ...(kind === 'extend' ? judgeExtension(request, own) : []),
      ...judgePayment(request, order),
      ...judgeLate(request, order, own),
    ];
    const isOpen = tasks.some((task) => task.kind === 'confirm-expired' && task.orderId === orderId);
    if (order.status === 'expired' && hasLostStock(own) && !isOpen)
      faults.push('the order is paid without stock, and there is no incident');
    return faults.map((what) => ({ promise: 'P1' as const, what, orderId, client: record.n }));
  });
}

/** P1, P3, P4 of one order: how its hold has begun and ended. */
function judgeHold(order: OrderRow, events: readonly EventRow[], ended: ReadonlySet<string>): Violation[] {
  const violations: Violation[] = [];
  const fault = (promise: Violation['promise'], what: string): void => {
    violations.push({ promise, what, orderId: order.id });
  };
  const isHeld = order.holdSeconds !== null;
  const [settled] = events.filter(({ from }) => from === 'pending');
  if (settled?.to === (isHeld ? 'confirmed' : 'reserved'))
    fault('P1', `the order was placed ${isHeld ? 'with' : 'without'} a hold, and became ${settled.to}`);
  if (order.status === 'reserved' && order.isHoldOver)
    fault('P4', 'the order is still reserved, and the time of its hold has passed');
  const extended = events.find(({ type }) => type === 'hold_extended');
  for (const { seq } of eventsTo(events, 'expired')) {
    if (!ended.has(order.id)) fault('P1', 'the order expired before its time');
    if (extended && extended.seq < seq)
      fault(
        'P1',
        `the order expired at version ${seq}, and its hold was extended at version ${extended.seq}`,
      );
  }
  const payments = order.payments.map(({ reference, state }) => `${reference} ${state}`);
  if (new Set(payments).size < payments.length) fault('P3', `the order has the payments ${payments.join()}`);
  return violations;
}

/** P1, P3, P4 of holds, their confirmations and payments. */
export function judgeHolds(evidence: Evidence): Violation[] {
  const { orders, events, records } = evidence;
  const ended = new Set(records.flatMap(({ hold }) => hold?.ended ?? []));
  return [
    ...records.flatMap((record) => (record.hold ? judgeRequests(record, record.hold, evidence) : [])),
    ...[...orders.values()].flatMap((order) => judgeHold(order, events.get(order.id) ?? [], ended)),
  ];
}
