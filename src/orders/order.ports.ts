import type { Sql } from '../platform/database/connection.js';
import type { Deadline } from '../platform/deadline.js';

/** A product as the inventory reports it. */
export interface Product {
  id: string;
  name: string;
  /** Decimal digits, exact, as in `79.99`. */
  price: string;
  /** Units that can still be reserved. */
  available: number;
}

/** One line of an order, as the inventory needs to know it. */
export interface ReservationLine {
  /** The line's number within its order, from 1; part of the idempotency key of each call about it. */
  line: number;
  productId: string;
  quantity: number;
}

/** A line whose units to release. */
export interface ReleaseLine extends ReservationLine {
  /** False when it is unknown whether the units were ever reserved. */
  certainlyHeld: boolean;
}

/**
 * Outcome of one line. `refused`: too few units, or an unknown product. `notAttempted`: certainly not reserved, because
 * another line was refused. `unknown`: possibly reserved; never treated as refused.
 */
export type ReserveOutcome =
  | {
      line: number;
      outcome: 'held';
      /** When the inventory gives the units away by itself; absent where it keeps them until they are released. */
      until?: Date;
    }
  | { line: number; outcome: 'refused'; reason: string }
  | { line: number; outcome: 'notAttempted'; reason?: string }
  | { line: number; outcome: 'unknown'; reason: string };

export type ReleaseOutcome =
  { line: number; outcome: 'released' } | { line: number; outcome: 'unknown'; reason: string };

/**
 * How long an inventory keeps the units of a reservation. `until` null: until they are released. `gone`: it does not hold them
 * any more.
 */
export type KeepOutcome =
  | { outcome: 'kept'; until: Date | null }
  | { outcome: 'gone'; reason: string }
  | { outcome: 'unknown'; reason: string };

/** Stock that the inventory holds under the id of an order. */
export interface HeldReservation {
  /** Usually the id of an order; other systems may have reservations of their own. */
  id: string;
  items: { productId: string; quantity: number }[];
}

/** The reservations of an inventory that keeps them under the ids of orders. */
export interface ReservationBook {
  /**
   * Lists the reservations that are held.
   *
   * @param after only those with greater ids; they come in ascending order
   * @returns null if the inventory has no such list, which is optional in its contract
   * @throws {UpstreamFault} when the inventory gives no usable answer before the deadline
   */
  list(after: string, limit: number, deadline: Deadline): Promise<HeldReservation[] | null>;

  /**
   * Releases all units of a reservation. Idempotent; nothing can be reserved under this id afterwards.
   *
   * @returns why the outcome is unknown; undefined after success
   */
  release(id: string, deadline: Deadline): Promise<string | undefined>;
}

/** The stock. Adapters: src/inventory. */
export abstract class Inventory {
  /** Null for an inventory that only counts units. */
  readonly reservations: ReservationBook | null = null;

  /**
   * Whether `reserve` and `release` act once however often they are called for the same order and line. Where they
   * don't, they are called once, and an unknown outcome is left to a person.
   */
  abstract readonly idempotent: boolean;

  /**
   * Looks products up.
   *
   * @param freshness `recent` allows cached products, if the cache is on
   * @returns the products that exist, by id; an unknown product is absent
   * @throws {UpstreamFault} when the inventory gives no usable answer before the deadline
   */
  abstract findProducts(
    productIds: readonly string[],
    deadline: Deadline,
    freshness?: 'current' | 'recent',
  ): Promise<Map<string, Product>>;

  /**
   * Reserves the lines of an order, each on its own. Faults are outcomes (`unknown`), never exceptions.
   *
   * @param reservationId see `reservationIdOf`
   * @param until how long the units are needed, for an inventory that keeps them for a time; absent: until they are released
   */
  abstract reserve(
    reservationId: string,
    lines: readonly ReservationLine[],
    deadline: Deadline,
    until?: Date,
  ): Promise<ReserveOutcome[]>;

  /**
   * Keeps units that are held for longer. Idempotent. Inventories that keep units until they are released need no call.
   *
   * @param until at least so long; null: until they are released
   */
  async keep(_reservationId: string, _until: Date | null, _deadline: Deadline): Promise<KeepOutcome> {
    return { outcome: 'kept', until: null };
  }

  /**
   * Releases units. After `released` nothing is held for the line, and a late `reserve` of it has no effect. Faults
   * are outcomes (`unknown`), never exceptions. Without idempotent calls it is called at most once a line, and only
   * for lines that are certainly held.
   */
  abstract release(
    reservationId: string,
    lines: readonly ReleaseLine[],
    deadline: Deadline,
  ): Promise<ReleaseOutcome[]>;
}

/** One line of one order. */
export interface OrderLine {
  orderId: string;
  line: number;
  productId: string;
}

/** One line of one order, as the inventory knows it: see `reservationIdOf`. */
export interface ReservedLine extends OrderLine {
  reservationId: string;
}

/** A line whose inventory call has an unknown outcome that asking again can't resolve: why, and since when. */
export interface StuckLine extends ReservedLine {
  reason: string;
  since: Date;
}

/** This service's own record of its calls to an inventory without idempotency. Adapters: src/inventory. */
export abstract class StockJournal {
  /** Lines that only a person can resolve, by order, from `fromOrderId` on. */
  abstract findStuck(fromOrderId: string, limit: number): Promise<StuckLine[]>;

  /**
   * Records, in a transaction, what a person has found out about a line.
   *
   * @returns whether the line was stuck; otherwise nothing is recorded
   */
  abstract resolveStuck(sql: Sql, line: ReservedLine, isHeld: boolean): Promise<boolean>;

  /** Units taken from each product by completed movements; null without a journal. */
  abstract sumTaken(productIds: readonly string[]): Promise<Map<string, number> | null>;
}

export interface Cart {
  id: string;
  customerId: string;
  items: { productId: string; quantity: number }[];
}

/** Where customers fill their carts. Adapter: src/carts. */
export abstract class ShoppingCarts {
  /** False when no cart service is configured: then every order has to name its items. */
  abstract readonly enabled: boolean;

  /**
   * @returns the customer's active cart, or null where there is none
   * @throws {UpstreamFault} when the cart service gives no usable answer before the deadline
   */
  abstract findActiveCart(customerId: string, deadline: Deadline): Promise<Cart | null>;

  /**
   * Sets the active cart of the customer to `Ordered`. Before a retry, check which cart is active.
   *
   * @throws {UpstreamFault} when the outcome is unknown
   */
  abstract markOrdered(customerId: string, idempotencyKey: string, deadline: Deadline): Promise<void>;
}

/** One message to a customer about one order. */
export interface Notification {
  orderId: string;
  customerName: string;
  customerEmail: string;
  status: string;
}

/** Sends notifications to the customer. Adapter: src/notifications. */
export abstract class Notifications {
  /**
   * Sends one message. Idempotent by its key.
   *
   * @throws {UpstreamFault} when it is unknown whether it was accepted
   */
  abstract send(notification: Notification, idempotencyKey: string, deadline: Deadline): Promise<void>;
}
