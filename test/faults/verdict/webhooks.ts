import type { Receiver } from '../receivers/receivers.ts';
import type { Evidence, EventRow } from './evidence.ts';
import type { Violation } from './violation.ts';

/** The type of an event in the feed, repeated here so that the service does not judge itself. */
function typeOf({ type, to }: EventRow): string {
  return `order.${type === 'status_changed' ? to : type}`;
}

/** The events that a receiver must get, in the order of the feed. */
function expectedOf({ types }: Receiver, events: readonly EventRow[]): EventRow[] {
  return events
    .filter((event) => event.feedNo > 0 && (types === null || types.includes(typeOf(event))))
    .toSorted((one, other) => one.feedNo - other.feedNo);
}

/** P5: what a receiver got is what happened: genuine, in order per order, each with the event before it. */
function judgeReceipts({ name, receipts }: Receiver, expected: readonly EventRow[]): Violation[] {
  const violations: Violation[] = [];
  const fault = (what: string, id: string): void => {
    violations.push({ promise: 'P5', what: `${name} ${what}`, orderId: id.split('/')[0] });
  };
  const places = new Map(expected.map((event, place) => [`${event.orderId}/${event.seq}`, place]));
  const latest = new Map<string, number>();
  const seen = new Set<string>();
  for (const { id, isGenuine, feedNo, previousFeedNo, type } of receipts) {
    if (!isGenuine) fault(`got ${id} with a signature or an id that is not that of the body`, id);
    const place = places.get(id);
    const event = expected[place ?? -1];
    if (place === undefined || !event) {
      fault(`got ${id}, which it did not ask for or which does not exist`, id);
      continue;
    }
    const previous = expected[place - 1]?.feedNo ?? null;
    if (feedNo !== event.feedNo || previousFeedNo !== previous || type !== typeOf(event))
      fault(
        `got ${id} as ${type} ${feedNo} after ${previousFeedNo}; it is ${typeOf(event)} ${event.feedNo} after ${previous}`,
        id,
      );
    if (seen.has(id)) continue;
    seen.add(id);
    const before = latest.get(event.orderId) ?? 0;
    if (event.seq < before) fault(`got event ${event.seq} for the first time after event ${before}`, id);
    latest.set(event.orderId, Math.max(before, event.seq));
  }
  return violations;
}

/** P1 and P5 of the events that leave the service: every one reaches every receiver, in order per order. */
export function judgeWebhooks({ receivers, events }: Evidence): Violation[] {
  const all = [...events.values()].flat();
  return receivers.flatMap((receiver) => {
    const expected = expectedOf(receiver, all);
    const got = new Set(receiver.receipts.map(({ id }) => id));
    const lost = expected
      .filter(({ orderId, seq }) => !got.has(`${orderId}/${seq}`))
      .map(({ orderId, seq }) => ({
        promise: 'P1' as const,
        what: `${receiver.name} never got event ${seq}`,
        orderId,
      }));
    return [...lost, ...judgeReceipts(receiver, expected)];
  });
}
