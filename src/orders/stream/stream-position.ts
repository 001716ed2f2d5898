/**
 * A position in the sequence of all events of all orders: right after one event. Events are ordered by the transaction
 * that wrote them, and within it by order and number.
 */
export interface StreamPosition {
  transaction: bigint;
  orderId: string;
  /** 0 before all events of the transaction; then no event has to exist. */
  seq: number;
  /** The form in which clients get it and return it. It identifies the event without exposing its order. */
  id: string;
}

/** A position from a client, which the database may or may not have. */
export type ClaimedPosition =
  | { transaction: bigint; id: string }
  /** Position of the first version: after an event. */
  | { transaction: bigint; orderId: string; seq: number }
  /** Position of the first version: after all events of earlier transactions. */
  | { transaction: bigint };

/** Smaller than the id of any order. */
const NIL_ID = '00000000-0000-0000-0000-000000000000';

/** A transaction, and the digest of an event; or, in positions of the first version, an order and a number. */
const FORM = /^(\d{1,18})(?:-(?:([0-9a-f]{16})|([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-(\d{1,9})))?$/;

/** The position after all events of the transactions before this one. */
export function beforeTransaction(transaction: bigint): StreamPosition {
  return { transaction, orderId: NIL_ID, seq: 0, id: String(transaction) };
}

/** The position before all events. */
export const ORIGIN = beforeTransaction(0n);

/** @returns undefined where the text has no form that this service ever sent */
export function parsePosition(text: string): ClaimedPosition | undefined {
  const match = FORM.exec(text);
  if (!match) return undefined;
  const [, digits = '', digest, orderId, seq] = match;
  const transaction = BigInt(digits);
  if (digest !== undefined) return { transaction, id: text };
  return orderId === undefined ? { transaction } : { transaction, orderId, seq: Number(seq) };
}

/** Whether one position is after another. */
export function isBehind(one: StreamPosition, other: StreamPosition): boolean {
  if (one.transaction !== other.transaction) return one.transaction > other.transaction;
  if (one.orderId !== other.orderId) return one.orderId > other.orderId;
  return one.seq > other.seq;
}
