/**
 * A place in the sequence of all events of all orders: behind the event with these numbers. Events are put in order by the
 * transaction that wrote them, and within it by order and number.
 */
export interface StreamPosition {
  transaction: bigint;
  orderId: string;
  seq: number;
}

/** Smaller than the id of any order. */
const NIL_ID = '00000000-0000-0000-0000-000000000000';

/** A transaction's number, and where the place is within it the order and the number of an event. */
const FORM = /^(\d{1,18})(?:-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-(\d{1,9}))?$/;

/** The place before the first event of a transaction, behind all events of the transactions before it. */
export function beforeTransaction(transaction: bigint): StreamPosition {
  return { transaction, orderId: NIL_ID, seq: 0 };
}

/** As it is sent to clients, who send it back. */
export function toText({ transaction, orderId, seq }: StreamPosition): string {
  return orderId === NIL_ID ? String(transaction) : `${transaction}-${orderId}-${seq}`;
}

/** @returns undefined where the text is none that this service has sent */
export function parsePosition(text: string): StreamPosition | undefined {
  const match = FORM.exec(text);
  if (!match) return undefined;
  const [, transaction = '', orderId = NIL_ID, seq = '0'] = match;
  return { transaction: BigInt(transaction), orderId, seq: Number(seq) };
}

/** Whether one place is behind another. */
export function isBehind(one: StreamPosition, other: StreamPosition): boolean {
  if (one.transaction !== other.transaction) return one.transaction > other.transaction;
  if (one.orderId !== other.orderId) return one.orderId > other.orderId;
  return one.seq > other.seq;
}
