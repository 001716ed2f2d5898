import { randomInt } from 'node:crypto';
import { v7 as uuidv7, validate as isUuid } from 'uuid';
import { databaseNow } from '../platform/database/database-clock.js';
import type { WorkSubject } from '../platform/telemetry/request-context.js';
import { ORDER } from '../tasks/order-subject.js';

/**
 * Smaller steps back of the clock are corrections of it: ids go on from the last one, so that they stay sorted. After a
 * larger step the clock was wrong before, and waiting for it would give every order the same time until then.
 */
const MAX_STEP_BACK_MS = 1_000;

/** The counter within a millisecond has 32 bits. It starts in the lower half, so that it does not overflow. */
const MAX_SEQUENCE = 2 ** 32 - 1;

let last = { ms: 0, sequence: 0 };

/**
 * A new id of an order: a UUIDv7 (RFC 9562) with the database's time. The ids of one process ascend, except across a step
 * back of the database's clock by more than a second; those of several instances are sorted to within a round trip to the
 * database. They are unique in any case: 42 random bits and a counter with a random start follow the time.
 */
export function newOrderId(now = databaseNow().getTime()): string {
  last = next(last, Math.floor(now));
  return uuidv7({ msecs: last.ms, seq: last.sequence });
}

function next({ ms, sequence }: typeof last, now: number): typeof last {
  const isNewTime = now > ms || now < ms - MAX_STEP_BACK_MS;
  if (isNewTime) return { ms: now, sequence: randomInt(2 ** 31) };
  return sequence < MAX_SEQUENCE ? { ms, sequence: sequence + 1 } : { ms: ms + 1, sequence: 0 };
}

/** The time in a UUIDv7: its first 48 bits are milliseconds since 1970. */
export function timeOfOrderId(id: string): Date {
  return new Date(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16));
}

/** The order that the path of a request names, if there is one, for its log lines. */
export function ordersInAddress(params: { order_id?: string; id?: string }): [WorkSubject, string][] {
  const id = params.order_id ?? params.id;
  return id !== undefined && isUuid(id) ? [[ORDER, id]] : [];
}

/** The form of an order's id. */
export const ORDER_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text has the form of an order's id; nothing else is looked for in the database. */
export function isOrderId(text: string): boolean {
  return ORDER_ID.test(text);
}
