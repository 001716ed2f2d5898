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
  told: Told[];
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
export function confirmations(record: ClientRecord): Told[] {
  return record.told.filter((told) => told.status === 201);
}
