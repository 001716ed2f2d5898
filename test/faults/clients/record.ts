/** What one client asked for, and all that it was told. The verdict believes nobody but these records. */
export interface ClientRecord {
  /** Number of the order within the campaign; part of the customer's address, which leads from the database back here. */
  n: number;
  kind: 'items' | 'cart' | 'unknown-product' | 'changed-price';
  /** Null for an order that could not be asked for again. */
  key: string | null;
  customerId: string | null;
  email: string | null;
  cartId: string | null;
  items: { product_id: string; quantity: number; price?: number }[];
  /** Whether the client asks not to be kept waiting: RFC 7240, `Prefer: respond-async`. */
  isAsync: boolean;
  told: Told[];
  /** What the order's address said after it was accepted with 202, to a client without a key to ask with. */
  polls: Poll[];
  changes: ChangeRecord[];
}

/** One answer, or the lack of one. */
export interface Told {
  /** Milliseconds since the campaign began. */
  at: number;
  instance: string;
  /** Null when no answer came. */
  status: number | null;
  /** Why no answer came. */
  fault?: string;
  key: string | null;
  isReplay: boolean;
  type: string | null;
  orderId: string | null;
  /** As it came. */
  body: string;
}

/** One look at an order. */
export interface Poll {
  at: number;
  instance: string;
  orderId: string;
  /** Null when no answer came. */
  status: number | null;
  fault?: string;
  /** The order's status. */
  is: string | null;
}

/** One wish to change the status of an order. */
export interface ChangeRecord {
  orderId: string;
  to: string;
  told: { at: number; instance: string; status: number | null; fault?: string; version: number | null }[];
}

export function addressOf(n: number): string {
  return `client-${n}@faults.example`;
}

/** The answers that say that an order stands. */
export function confirmations(record: ClientRecord): { orderId: string | null }[] {
  const answers = record.told.filter((told) => told.status === 201);
  return [...answers, ...record.polls.filter((poll) => poll.is === 'confirmed')];
}

/** The answers that say that an order is stored, and yet to be confirmed. */
export function acceptances(record: ClientRecord): Told[] {
  return record.told.filter((told) => told.status === 202);
}
