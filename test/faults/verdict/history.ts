import type { Message } from '../../../sandbox/notification.server.ts';
import type { EventRow, Evidence, OrderRow } from './evidence.ts';
import type { Violation } from './violation.ts';

const NOTIFICATION_KEY = /^([0-9a-f-]{36})\/(\d+)(?:\.\d+)?\/notify$/;

/** Statuses with a notification. A rejected or failed order was reported in the response, and so was a hold. */
const TOLD = new Set(['confirmed', 'processing', 'shipped', 'delivered', 'cancelled', 'returned']);

/**
 * P5: the history has no gap, each event starts at the status of the one before, and the last event has the status of
 * the order.
 */
function judgeEvents(order: OrderRow, events: readonly EventRow[]): Violation[] {
  const fault = (what: string): Violation => ({ promise: 'P5', what, orderId: order.id });
  const seqs = events.map((event) => event.seq).join();
  const expected = Array.from({ length: order.version }, (_, index) => index + 1).join();
  const violations =
    seqs === expected ? [] : [fault(`version ${order.version}, but the events have the numbers ${seqs}`)];
  let status: string | null = null;
  const seen = new Set<string>();
  for (const { seq, from, to } of events) {
    if (to === null) continue;
    if (from !== status)
      violations.push(fault(`event ${seq} begins at ${from}, the one before led to ${status}`));
    if (seen.has(to)) violations.push({ ...fault(`the order was led to ${to} twice`), promise: 'P3' });
    seen.add(to);
    status = to;
  }
  if (status !== order.status)
    violations.push(fault(`the order is ${order.status}, its events led to ${status}`));
  return violations;
}

/** The messages about one order, in the order in which they left the service. */
function judgeMessages(
  order: OrderRow,
  events: readonly EventRow[],
  messages: readonly Message[],
): Violation[] {
  const violations: Violation[] = [];
  const fault = (promise: Violation['promise'], what: string): void => {
    violations.push({ promise, what, orderId: order.id });
  };
  const delivered: number[] = [];
  const sent: number[] = [];
  for (const { key, status, delivered: isEffective } of messages) {
    const seq = Number(NOTIFICATION_KEY.exec(key ?? '')?.[2] ?? Number.NaN);
    sent.push(seq);
    if (!isEffective) continue;
    const event = events.find((candidate) => candidate.seq === seq);
    if (!event) fault('P5', `the notification ${status} with the key ${key} has no event`);
    else if (event.to !== status)
      fault('P5', `the notification ${status} belongs to event ${seq}, which led to ${event.to}`);
    else if (!TOLD.has(status)) fault('P5', `the customer was notified of the status ${status}`);
    if (delivered.includes(seq)) fault('P3', `the notification of event ${seq} was sent twice`);
    delivered.push(seq);
  }
  // Repetitions count too: a second attempt that runs while the next task of the lane does shows in them alone.
  if (sent.some((seq, index) => index > 0 && seq < (sent[index - 1] ?? 0))) {
    fault('P5', `the notifications were sent in the order of events ${sent.join()}`);
  }
  if (order.email === null) return violations;
  for (const { seq, to } of events) {
    if (to !== null && TOLD.has(to) && !delivered.includes(seq)) {
      fault('P1', `the notification of event ${seq} was never sent: ${to}`);
    }
  }
  return violations;
}

/** P1, P3, P5 of the history and the messages of every order. */
export function judgeHistory({ orders, events, messages }: Evidence): Violation[] {
  const violations: Violation[] = [];
  const byOrder = Map.groupBy(messages, (message) => message.order_id);
  for (const order of orders.values()) {
    const own = events.get(order.id) ?? [];
    violations.push(...judgeEvents(order, own), ...judgeMessages(order, own, byOrder.get(order.id) ?? []));
  }
  for (const [orderId, [first]] of byOrder) {
    if (orders.has(orderId)) continue;
    violations.push({
      promise: 'P5',
      what: `a notification ${first?.status} was sent for an order that does not exist`,
      orderId,
    });
  }
  return violations;
}
