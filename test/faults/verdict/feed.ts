import type { EventRow, Evidence } from './evidence.ts';
import type { Violation } from './violation.ts';

/** P5: the feed has the events of an order one after another. */
function judgeOrder(orderId: string, events: readonly EventRow[]): Violation[] {
  const byNumber = events
    .filter(({ feedNo }) => feedNo > 0)
    .toSorted((one, other) => one.feedNo - other.feedNo);
  const seqs = byNumber.map(({ seq }) => seq);
  const isInOrder = seqs.every((seq, index) => index === 0 || seq > (seqs[index - 1] ?? 0));
  return isInOrder
    ? []
    : [{ promise: 'P5', what: `the feed has its events in the order ${seqs.join()}`, orderId }];
}

/** P1 and P5 of the feed: every event has a number, the numbers have no gap, and each order's are in order. */
export function judgeFeed({ events }: Evidence): Violation[] {
  const all = [...events.values()].flat();
  const violations: Violation[] = all
    .filter(({ feedNo }) => feedNo === 0)
    .map(({ orderId, seq }) => ({ promise: 'P1', what: `event ${seq} is not in the feed`, orderId }));
  const numbers = all.map(({ feedNo }) => feedNo).filter((feedNo) => feedNo > 0);
  const highest = numbers.reduce((one, other) => Math.max(one, other), 0);
  if (new Set(numbers).size !== highest || numbers.length !== highest) {
    const what = `the feed has ${numbers.length} events, and its last number is ${highest}`;
    violations.push({ promise: 'P5', what });
  }
  for (const [orderId, own] of events) violations.push(...judgeOrder(orderId, own));
  return violations;
}
