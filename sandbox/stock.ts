import { BoundedLog, BoundedMap, type Numbered } from './bounded-log.ts';
import { MAX_QUANTITY, readFields, readId, readInteger, readList, readNumber, readText } from './input.ts';
import { ReservationEnds } from './reservations/reservation-ends.ts';
import { readLines, type ReservedLine, sumByProduct } from './reservations/reserved-lines.ts';

/** The origin of units that come back at the end of a reservation. */
const EXPIRY: Origin = { route: 'expiry', key: null };

/** One product. Inventory and catalog are two faces of the same entry. */
export interface StockedProduct {
  id: string;
  name: string;
  /** A decimal number, kept exactly as it was given. */
  price: number;
  /** Units that can still be reserved. */
  quantity: number;
}

/** One change of a quantity, or one repeated call that changed nothing. */
export interface LedgerEntry extends Numbered {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Null only for a replay that concerns several products. */
  readonly product: string | null;
  /** Units added; negative when they were taken. 0 for a replay. */
  readonly delta: number;
  /** The quantity after it; null where `product` is. */
  readonly quantity: number | null;
  readonly key: string | null;
  /** Method and route pattern of the call, as in `PUT /inventory/:id/reserve`. */
  readonly route: string;
  /** The reservation that the units belong to, for calls to `/reservations`. */
  readonly reservation: string | null;
  /** True for a retry without an effect of its own. */
  readonly replay: boolean;
}

/** Where a change came from. */
export interface Origin {
  readonly route: string;
  readonly key: string | null;
}

export interface Shortage {
  readonly product_id: string;
  readonly requested: number;
  readonly available: number;
}

export type HoldOutcome =
  | { readonly outcome: 'held' }
  | { readonly outcome: 'held-before' }
  | { readonly outcome: 'short'; readonly shortages: Shortage[] }
  | { readonly outcome: 'cancelled' | 'other-items' | 'full' };

/**
 * Entries in the ledger: a million orders of two lines, half of them released, with room for retries. An entry takes
 * about 200 bytes, allocated only as entries come.
 */
export const LEDGER_LIMIT = 4_000_000;

/** Reservations held at a time: a million live orders and as many again. */
const MAX_RESERVATIONS = 2_000_000;

/** Cancelled reservations that are remembered, so that a late call can't revive one. */
const MAX_CANCELLED = 500_000;

/** More than any test creates, and it bounds the answers that list all products. */
export const MAX_PRODUCTS = 100_000;

const NAMES_AND_NUMBERS = [
  ['Wireless Headphones', 79.99, 50],
  ['USB-C Charger', 29.99, 100],
  ['Bluetooth Speaker', 149.99, 30],
  ['Laptop Stand', 49.99, 25],
  ['Webcam 1080p', 89.99, 40],
] as const;

/** The five products under the identifiers of system A (`PROD001`) and, with stock of their own, of system B (`1`). */
export const INITIAL_STOCK: readonly StockedProduct[] = ['PROD00', ''].flatMap((prefix) =>
  NAMES_AND_NUMBERS.map(([name, price, quantity], index) => ({
    id: `${prefix}${index + 1}`,
    name,
    price,
    quantity,
  })),
);

/** Reads products that came from outside: `[{id, name, price, quantity}]`. */
export function readProducts(value: unknown): StockedProduct[] {
  return readList(value, 'stock', MAX_PRODUCTS).map((entry) => {
    const fields = readFields(entry, 'product');
    return {
      id: readId(fields['id'], 'id'),
      name: readText(fields['name'], 'name'),
      price: readNumber(fields['price'], 'price', 0, Number.MAX_SAFE_INTEGER),
      quantity: readInteger(fields['quantity'], 'quantity', 0, MAX_QUANTITY),
    };
  });
}

/** The stock behind inventory and catalog. Every method acts at once, so no two calls can interleave. */
export class Stock {
  readonly ledger: BoundedLog<LedgerEntry>;
  readonly #products = new Map<string, StockedProduct>();
  /** What each product had when the ledger began: this plus all deltas is the quantity now. */
  readonly #opening = new Map<string, number>();
  readonly #reservations = new Map<string, readonly ReservedLine[]>();
  readonly #ends: ReservationEnds;
  readonly #cancelled = new BoundedMap<true>(MAX_CANCELLED);
  private readonly changed: () => void;

  /** @param maxReservationMs how long a reservation is held after a call about it, at most */
  constructor(
    products: readonly StockedProduct[],
    changed: () => void,
    ledgerLimit = LEDGER_LIMIT,
    maxReservationMs = Infinity,
  ) {
    this.changed = changed;
    this.#ends = new ReservationEnds(maxReservationMs, (id) => this.cancel(id, EXPIRY));
    this.ledger = new BoundedLog(ledgerLimit);
    this.reset(products);
  }

  /** Starts again with these products, an empty ledger and no reservations. */
  reset(products: readonly StockedProduct[]): void {
    this.#products.clear();
    this.#opening.clear();
    this.#reservations.clear();
    this.#ends.clearAll();
    this.#cancelled.clear();
    this.ledger.clear();
    for (const product of products) {
      this.#products.set(product.id, { ...product });
      this.#opening.set(product.id, product.quantity);
    }
    this.changed();
  }

  find(id: string): Readonly<StockedProduct> | undefined {
    return this.#products.get(id);
  }

  /** Every product, with the quantity that it had when the ledger began. */
  list(): (StockedProduct & { initial_quantity: number })[] {
    return [...this.#products.values()].map((product) => ({
      ...product,
      initial_quantity: this.#opening.get(product.id) ?? 0,
    }));
  }

  /** The reservations that are held now, by their identifier. */
  get reservations(): ReadonlyMap<string, readonly ReservedLine[]> {
    return this.#reservations;
  }

  /**
   * Adds `delta` units (takes them, when negative).
   *
   * @returns false when there are too few, and then nothing has changed
   */
  move(id: string, delta: number, origin: Origin, reservation: string | null = null): boolean {
    const product = this.#products.get(id);
    if (!product || product.quantity + delta < 0) return false;
    product.quantity += delta;
    this.#write(product, delta, origin, reservation);
    return true;
  }

  /** Creates or overwrites a product, as the catalog and the control calls do. */
  put(next: StockedProduct, origin: Origin): void {
    const before = this.#products.get(next.id);
    if (!before) this.#opening.set(next.id, 0);
    const product = { ...next };
    this.#products.set(next.id, product);
    this.#write(product, next.quantity - (before?.quantity ?? 0), origin, null);
  }

  /**
   * Takes all lines or none. The same reservation asked for again changes nothing.
   *
   * @param until when it ends by itself, in milliseconds since 1970; null: when it is released
   */
  hold(
    reservation: string,
    lines: readonly ReservedLine[],
    origin: Origin,
    until: number | null = null,
  ): HoldOutcome {
    const wanted = sumByProduct(lines);
    const existing = this.#reservations.get(reservation);
    if (existing) {
      const held = sumByProduct(existing);
      const same = held.size === wanted.size && [...held].every(([id, units]) => wanted.get(id) === units);
      if (same) this.recordReplay(null, origin, reservation);
      return { outcome: same ? 'held-before' : 'other-items' };
    }
    if (this.#cancelled.has(reservation)) return { outcome: 'cancelled' };
    if (this.#reservations.size >= MAX_RESERVATIONS) return { outcome: 'full' };
    const shortages: Shortage[] = [];
    for (const [id, requested] of wanted) {
      const available = this.#products.get(id)?.quantity ?? 0;
      if (available < requested) shortages.push({ product_id: id, requested, available });
    }
    if (shortages.length > 0) return { outcome: 'short', shortages };
    for (const [id, units] of wanted) this.move(id, -units, origin, reservation);
    this.#reservations.set(reservation, lines);
    this.#ends.set(reservation, until);
    return { outcome: 'held' };
  }

  /** When a reservation ends by itself, in milliseconds since 1970; null: when it is released. */
  endOf(reservation: string): number | null {
    return this.#ends.find(reservation);
  }

  /** Holds a reservation for longer, never for less long. @param until as of `hold` */
  keep(reservation: string, until: number | null): 'kept' | 'ended' | 'unknown' {
    if (!this.#reservations.has(reservation)) return this.#cancelled.has(reservation) ? 'ended' : 'unknown';
    this.#ends.extend(reservation, until);
    this.changed();
    return 'kept';
  }

  /** Releases the reservation, also at its end, and makes sure that it can't be made later. */
  cancel(reservation: string, origin: Origin): void {
    const lines = this.#reservations.get(reservation) ?? [];
    this.#reservations.delete(reservation);
    this.#ends.clear(reservation);
    this.#cancelled.set(reservation, true);
    for (const [id, units] of sumByProduct(lines)) this.move(id, units, origin, reservation);
    this.changed();
  }

  /** Notes a repeated call that was answered without acting. */
  recordReplay(product: string | null, origin: Origin, reservation: string | null = null): void {
    this.ledger.append({
      sequence: this.ledger.nextSequence,
      at: Date.now(),
      product,
      delta: 0,
      quantity: product === null ? null : (this.#products.get(product)?.quantity ?? null),
      key: origin.key,
      route: origin.route,
      reservation,
      replay: true,
    });
  }

  /** The content of the state file. The ledger is not part of it: it starts empty with each process. */
  snapshot(): unknown {
    return {
      products: [...this.#products.values()],
      reservations: [...this.#reservations].map(([id, items]) => ({ id, items, until: this.endOf(id) })),
      cancelled: this.#cancelled.latest(MAX_CANCELLED).map(([id]) => id),
    };
  }

  /** @throws {BadInput} when `snapshot` is not one */
  restore(snapshot: unknown): void {
    const fields = readFields(snapshot, 'stock');
    this.reset(readProducts(fields['products']));
    for (const entry of readList(fields['reservations'], 'reservations', MAX_RESERVATIONS)) {
      const reservation = readFields(entry, 'reservation');
      const id = readId(reservation['id'], 'id');
      this.#reservations.set(id, readLines(reservation['items']));
      // Files of earlier versions have no end.
      const until = reservation['until'] ?? null;
      this.#ends.set(id, until === null ? null : readInteger(until, 'until', 0, Number.MAX_SAFE_INTEGER));
    }
    for (const id of readList(fields['cancelled'], 'cancelled', MAX_CANCELLED)) {
      this.#cancelled.set(readId(id, 'cancelled'), true);
    }
  }

  #write(product: StockedProduct, delta: number, { key, route }: Origin, reservation: string | null): void {
    this.ledger.append({
      sequence: this.ledger.nextSequence,
      at: Date.now(),
      product: product.id,
      delta,
      quantity: product.quantity,
      key,
      route,
      reservation,
      replay: false,
    });
    this.changed();
  }
}
