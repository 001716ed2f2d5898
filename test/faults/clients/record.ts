/** The request of one client and every response to it. The verdict trusts these records alone. */
export interface ClientRecord {
  /**
   * Number of the order within the campaign; part of the customer's address, which links database rows to this record.
   */
  n: number;
  kind: 'items' | 'cart' | 'unknown-product' | 'changed-price';
  /** Null for an order that can not be retried. */
  key: string | null;
  customerId: string | null;
  email: string | null;
  cartId: string | null;
  items: { product_id: string; quantity: number; price?: number }[];
  /** Whether the client sends `Prefer: respond-async` (RFC 7240). */
  isAsync: boolean;
  told: Told[];
  /** Polls after a 202, by a client without a key to retry with. */
  polls: Poll[];
  changes: ChangeRecord[];
  corrections: CorrectionRecord[];
}

/** One response, or the lack of one. */
export interface Told {
  /** Milliseconds since the start of the campaign. */
  at: number;
  instance: string;
  /** Null without a response. */
  status: number | null;
  /** Why there was no response. */
  fault?: string;
  key: string | null;
  isReplay: boolean;
  type: string | null;
  orderId: string | null;
  /** The body, unparsed. */
  body: string;
}

/** One poll of an order. */
export interface Poll {
  at: number;
  instance: string;
  orderId: string;
  /** Null without a response. */
  status: number | null;
  fault?: string;
  /** The order's status. */
  is: string | null;
}

/** One request to change the status of an order. */
export interface ChangeRecord {
  orderId: string;
  to: string;
  told: { at: number; instance: string; status: number | null; fault?: string; version: number | null }[];
}

/** One request to correct an order: it sets a field of the metadata that no other request sets. */
export interface CorrectionRecord {
  orderId: string;
  field: string;
  told: ChangeRecord['told'];
}

export function addressOf(n: number): string {
  return `client-${n}@faults.example`;
}

/** Responses that confirm an order. */
export function confirmations(record: ClientRecord): { orderId: string | null }[] {
  const answers = record.told.filter((told) => told.status === 201);
  return [...answers, ...record.polls.filter((poll) => poll.is === 'confirmed')];
}

/** Responses that accept an order with 202. */
export function acceptances(record: ClientRecord): Told[] {
  return record.told.filter((told) => told.status === 202);
}
