/** The optional fields of an order that clients of the campaign send. */
export interface Details {
  /** The reference, which names one order for ever. */
  source?: string;
  source_order_id?: string;
  charges?: { type: 'shipping' | 'tax' | 'discount'; amount: number; included?: boolean }[];
  metadata?: Record<string, string | number>;
  /** Of a customer who will be erased. */
  customer_phone?: string;
  note?: string;
  shipping_address?: { name: string; line1: string; city: string; country: string };
}

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
  details: Details;
  /** Whether the customer is erased after the order was confirmed. */
  isToErase: boolean;
  /** Whether the erasure was answered with 200. */
  isErased: boolean;
  /** When its key was made to expire, in milliseconds since the start of the campaign. */
  keyExpiredAt: number | null;
  told: Told[];
  /** Polls after a 202, by a client without a key to retry with. */
  polls: Poll[];
  changes: ChangeRecord[];
  corrections: CorrectionRecord[];
  /** Null for an order that is confirmed at once. */
  hold: HoldRecord | null;
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
  told: WriteTold[];
}

/** The response to a request that changes an order, or the lack of one. */
export interface WriteTold {
  at: number;
  instance: string;
  /** Null without a response. */
  status: number | null;
  fault?: string;
  /** Of a problem. */
  type: string | null;
  /** The version of the order. */
  version: number | null;
}

/** One request to correct an order: it sets a field of the metadata that no other request sets. */
export interface CorrectionRecord {
  orderId: string;
  field: string;
  told: WriteTold[];
}

/** The hold that a client asked for, and each request about it. */
export interface HoldRecord {
  seconds: number;
  /** Orders whose hold was ended by the campaign. */
  ended: string[];
  requests: HoldRequest[];
}

/** A payment of a client, of the whole total where it confirms the order. */
export interface ClientPayment {
  reference: string;
  state: 'authorized' | 'captured' | 'declined';
}

/** One request about the hold of an order or its payment. */
export interface HoldRequest {
  orderId: string;
  kind: 'confirm' | 'extend' | 'payments';
  payment: ClientPayment | null;
  told: WriteTold[];
}

export function addressOf(n: number): string {
  return `client-${n}@faults.example`;
}

/** Responses that report a successful placement, with the status that the order had then. */
export function placements(record: ClientRecord): { orderId: string | null; status: string }[] {
  const status = record.hold ? 'reserved' : 'confirmed';
  const answers = record.told.filter((told) => told.status === 201);
  const polls = record.polls.filter(({ is }) => is === 'confirmed' || is === 'reserved');
  return [
    ...answers.map(({ orderId }) => ({ orderId, status })),
    ...polls.map(({ orderId, is }) => ({ orderId, status: is ?? '' })),
  ];
}

/** Responses that accept an order with 202. */
export function acceptances(record: ClientRecord): Told[] {
  return record.told.filter((told) => told.status === 202);
}

/** Whether the order has a reference, so that the request may be repeated without a key. */
export function isReferenced({ details }: ClientRecord): boolean {
  return details.source_order_id !== undefined;
}

/** Text that is in every personal field of a customer who will be erased, and nowhere else. */
export function personOf(n: number): string {
  return `person-${n}-x`;
}
