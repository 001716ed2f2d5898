import { BoundedLog, type Numbered } from './bounded-log.ts';
import { type Answer, answer, refusal } from './idempotency.ts';
import { BadInput, idToJson, readFields, readId, readInteger, readList } from './input.ts';
import type { Call, ServiceServer } from './service-server.ts';
import { readLines, type ReservedLine } from './reservations/reserved-lines.ts';
import type { Origin } from './stock.ts';

/** More than any test creates. `GET /cart_items` answers with the items of all of them. */
const MAX_CARTS = 100_000;

/** Changes that are remembered: one for each of a million orders. */
const CHANGE_LIMIT = 1_000_000;

const CART_STATUSES = ['Active', 'Ordered'] as const;
export type CartStatus = (typeof CART_STATUSES)[number];

export interface CartItem {
  readonly id: number;
  readonly product_id: string;
  readonly quantity: number;
}

export interface StoredCart {
  readonly id: number;
  readonly customer_id: string;
  status: CartStatus;
  readonly items: readonly CartItem[];
}

/** One change of a cart's status, or one call that changed nothing. */
export interface CartChange extends Numbered {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly customer_id: string;
  readonly cart_id: number;
  /** Null for a cart that came into being. */
  readonly from: CartStatus | null;
  readonly to: CartStatus;
  readonly key: string | null;
  readonly route: string;
  /** True for a retry without an effect of its own. */
  readonly replay: boolean;
}

export interface CartSeed {
  customer_id: string;
  items: readonly ReservedLine[];
}

/** Three customers of system B, whose carts cover the products `1` to `5`. */
export const INITIAL_CARTS: readonly CartSeed[] = [
  {
    customer_id: '1',
    items: [
      { product_id: '1', quantity: 2 },
      { product_id: '2', quantity: 1 },
    ],
  },
  {
    customer_id: '2',
    items: [
      { product_id: '3', quantity: 1 },
      { product_id: '4', quantity: 2 },
    ],
  },
  {
    customer_id: '3',
    items: [
      { product_id: '5', quantity: 1 },
      { product_id: '1', quantity: 1 },
      { product_id: '2', quantity: 3 },
    ],
  },
];

/** Reads carts that came from outside: `[{customer_id, items: [{product_id, quantity}]}]`. */
export function readCarts(value: unknown): CartSeed[] {
  return readList(value, 'carts', MAX_CARTS).map((entry) => {
    const fields = readFields(entry, 'cart');
    return { customer_id: readId(fields['customer_id'], 'customer_id'), items: readLines(fields['items']) };
  });
}

function readStatus(value: unknown): CartStatus {
  const status = CART_STATUSES.find((known) => known === value);
  if (!status) throw new BadInput(`status must be one of ${CART_STATUSES.join(', ')}`);
  return status;
}

/** The carts of all customers; a customer has at most one active cart, the latest. */
export class CartBook {
  readonly changes = new BoundedLog<CartChange>(CHANGE_LIMIT);
  readonly #carts = new Map<number, StoredCart>();
  readonly #latest = new Map<string, StoredCart>();
  #nextCartId = 1;
  #nextItemId = 1;
  /** The answer to `GET /cart_items`: it is long, asked for with every order, and changes only with a new cart. */
  #itemsAnswer: Answer | null = null;
  private readonly changed: () => void;

  constructor(carts: readonly CartSeed[], changed: () => void) {
    this.changed = changed;
    this.reset(carts);
  }

  reset(carts: readonly CartSeed[]): void {
    this.#carts.clear();
    this.#latest.clear();
    this.changes.clear();
    this.#nextCartId = 1;
    this.#nextItemId = 1;
    const origin = { route: 'start', key: null };
    for (const { customer_id: customerId, items } of carts) this.give(customerId, items, origin);
    this.#touch();
  }

  /** The customer's active cart. */
  findActive(customerId: string): Readonly<StoredCart> | undefined {
    const cart = this.#latest.get(customerId);
    return cart?.status === 'Active' ? cart : undefined;
  }

  list(): StoredCart[] {
    return [...this.#carts.values()];
  }

  /** Gives the customer a new active cart. One that is still active goes away; ordered ones stay. */
  give(customerId: string, lines: readonly ReservedLine[], origin: Origin): StoredCart {
    const active = this.findActive(customerId);
    if (active) this.#carts.delete(active.id);
    if (this.#carts.size >= MAX_CARTS) throw new BadInput(`There are ${MAX_CARTS} carts already`);
    const items = lines.map((line) => ({ id: this.#nextItemId++, ...line }));
    const cart: StoredCart = { id: this.#nextCartId++, customer_id: customerId, status: 'Active', items };
    this.#place(cart);
    this.#note(cart, null, origin, false);
    this.#touch();
    return cart;
  }

  /**
   * Sets the customer's latest cart to `Ordered`; one that is ordered already stays as it is.
   *
   * @returns the cart after the change, undefined where there never was one
   */
  order(customerId: string, origin: Origin): StoredCart | undefined {
    const cart = this.#latest.get(customerId);
    if (!cart) return undefined;
    const from = cart.status;
    cart.status = 'Ordered';
    this.#note(cart, from, origin, from === 'Ordered');
    this.changed();
    return cart;
  }

  recordReplay(customerId: string, origin: Origin): void {
    const cart = this.#latest.get(customerId);
    if (cart) this.#note(cart, cart.status, origin, true);
  }

  itemsAnswer(): Answer {
    this.#itemsAnswer ??= answer(200, {
      items: this.list().flatMap((cart) =>
        cart.items.map((item) => ({ ...presentItem(item), cart_id: cart.id })),
      ),
    });
    return this.#itemsAnswer;
  }

  /** What the state file keeps. */
  snapshot(): unknown {
    return { carts: this.list(), next_cart_id: this.#nextCartId, next_item_id: this.#nextItemId };
  }

  /** @throws {BadInput} when `snapshot` is not one */
  restore(snapshot: unknown): void {
    const fields = readFields(snapshot, 'carts');
    this.reset([]);
    for (const entry of readList(fields['carts'], 'carts', MAX_CARTS)) {
      const cart = readFields(entry, 'cart');
      const ids = readList(cart['items'], 'items', MAX_CARTS).map((item) => readFields(item, 'item')['id']);
      this.#place({
        id: readNumber(cart['id']),
        customer_id: readId(cart['customer_id'], 'customer_id'),
        status: readStatus(cart['status']),
        items: readLines(cart['items']).map((line, index) => ({ id: readNumber(ids[index]), ...line })),
      });
    }
    this.#nextCartId = readNumber(fields['next_cart_id']);
    this.#nextItemId = readNumber(fields['next_item_id']);
  }

  #place(cart: StoredCart): void {
    this.#carts.set(cart.id, cart);
    this.#latest.set(cart.customer_id, cart);
  }

  #touch(): void {
    this.#itemsAnswer = null;
    this.changed();
  }

  #note(cart: StoredCart, from: CartStatus | null, { key, route }: Origin, replay: boolean): void {
    this.changes.append({
      sequence: this.changes.nextSequence,
      at: Date.now(),
      customer_id: cart.customer_id,
      cart_id: cart.id,
      from,
      to: cart.status,
      key,
      route,
      replay,
    });
  }
}

function readNumber(value: unknown): number {
  return readInteger(value, 'id', 1, Number.MAX_SAFE_INTEGER);
}

function presentItem({ id, product_id: productId, quantity }: CartItem): Record<string, string | number> {
  return { id, product_id: idToJson(productId), quantity };
}

function presentCart(cart: StoredCart, withItems: boolean): Answer {
  const { id, customer_id: customerId, status } = cart;
  const items = withItems ? cart.items.map(presentItem) : undefined;
  return answer(200, { cart: { id, customer_id: idToJson(customerId), status, items } });
}

function noCart(customerId: string): Answer {
  return refusal(404, `No active cart found for customer ${customerId}`);
}

function customerOf({ params }: Call): string {
  return params['customer'] ?? '';
}

/**
 * System B's Shopping Cart Service.
 *
 * @param carryItems whether `GET /carts/{customer_id}` answers with the cart's items too
 */
export function addCarts(server: ServiceServer, book: CartBook, carryItems: boolean): void {
  server.read('/carts/:customer', (call) => {
    const cart = book.findActive(customerOf(call));
    return cart ? presentCart(cart, carryItems) : noCart(customerOf(call));
  });
  server.read('/cart_items', () => book.itemsAnswer());
  server.mutate('PUT', '/carts/:customer', {
    effect: (call) => {
      if (readFields(call.body, 'the body')['status'] !== 'Ordered')
        throw new BadInput('status must be Ordered');
      const cart = book.order(customerOf(call), call);
      return cart ? presentCart(cart, carryItems) : noCart(customerOf(call));
    },
    replayed: (call) => book.recordReplay(customerOf(call), call),
  });
}
