import type { Deadline } from '../../deadline.js';
import { currentDeadline } from '../../telemetry/request-context.js';

/**
 * Extra time for statements close to or after the deadline: the last answer of another service must still be stored.
 * Less than the margin of a placement's lease.
 */
export const FINISH_MS = 500;

/**
 * How long a statement that begins now may take: until the deadline of the work it is part of, or for `FINISH_MS`, and
 * never longer than `FINISH_MS` past the deadline.
 *
 * @returns milliseconds, 0 when the time is over; undefined without a deadline
 */
export function statementTimeMs(deadline: Deadline | undefined = currentDeadline()): number | undefined {
  if (!deadline) return undefined;
  return Math.min(deadline.plus(FINISH_MS).remaining(), Math.max(deadline.remaining(), FINISH_MS));
}

/** The deadline passed before a statement was sent, or before the statement of a batch was done. Nothing was changed. */
export class StatementTimeOver extends Error {
  constructor() {
    super('the time of the request was over before the database had done its part');
    this.name = 'StatementTimeOver';
  }
}
