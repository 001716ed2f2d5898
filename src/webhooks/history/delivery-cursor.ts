/** A place in a list of deliveries, the newest attempt first. */
export interface DeliveryPlace {
  /** Time of the last attempt in microseconds since 1970: a Date would lose some, and skip deliveries. */
  attemptedAtUs: string;
  orderId: string;
  seq: number;
}

/** A cursor: the time, the order and the version, separated by dots. */
export const CURSOR = /^\d{1,16}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.\d{1,9}$/;

export function formatCursor({ attemptedAtUs, orderId, seq }: DeliveryPlace): string {
  return `${attemptedAtUs}.${orderId}.${seq}`;
}

/** @param cursor as `CURSOR` has it */
export function parseCursor(cursor: string): DeliveryPlace {
  const [attemptedAtUs = '', orderId = '', seq = ''] = cursor.split('.');
  return { attemptedAtUs, orderId, seq: Number(seq) };
}
