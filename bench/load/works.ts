import { createHash } from 'node:crypto';
import type { Work } from './clients.ts';
import { requestBytes } from './connection.ts';
import type { LoadedOrders } from './loaded-orders.ts';

/** Customers that order in turn, ten orders each, before the next group starts. */
const CUSTOMERS_AT_A_TIME = 1_000;
const ORDERS_OF_A_CUSTOMER = 10;

const PRODUCTS = 1_000;

/** The statuses of an order after its placement, one change each. */
const STEPS = ['processing', 'shipped', 'delivered'] as const;

/** How far down the far page of a list is, and how long its pages are. */
export const FAR_PAGE = 1_000;
const PAGE_SIZE = 50;

/** The key of the n-th order, as random as clients make them, and the same when it is sent again. */
function keyOf(n: number): string {
  return createHash('md5').update(`${process.pid} ${n}`).digest('hex');
}

/** A day. */
const HOLD_SECONDS = 86_400;

/** Two lines, as a small order has them. */
function order(n: number): object {
  const batch = Math.floor(n / (CUSTOMERS_AT_A_TIME * ORDERS_OF_A_CUSTOMER));
  const customer = batch * CUSTOMERS_AT_A_TIME + (n % CUSTOMERS_AT_A_TIME);
  return {
    customer_id: `N${customer}`,
    customer_name: 'Load',
    customer_email: `n${customer}@example.com`,
    items: [
      { product_id: `P${n % PRODUCTS}`, quantity: 1 },
      { product_id: `P${(n * 7 + 1) % PRODUCTS}`, quantity: 2 },
    ],
  };
}

/**
 * The kinds of work. Each has orders of its own, so that none is measured on changes of another: reads use loaded
 * orders that never change, replays use placed orders, and status changes use every second placed order and the
 * newest loaded ones.
 */
export class Works {
  private sent = 0;
  private accepted = 0;
  private read = 0;
  private readonly replayable: number[] = [];
  /** Orders by the steps that they have gone. */
  private readonly changeable: string[][] = STEPS.map(() => []);
  private readonly loaded: LoadedOrders;

  constructor(loaded: LoadedOrders) {
    this.loaded = loaded;
    for (let newer = loaded.confirmed; newer > 0; newer -= 1)
      this.changeable[0]?.push(loaded.id(loaded.count - newer));
  }

  /** How many orders were placed. */
  get placed(): number {
    return this.accepted;
  }

  /** Orders with a key each. @param isKept whether other work is done on them later */
  place(isKept = true): Work {
    return {
      expects: 201,
      next: () => {
        const n = (this.sent += 1);
        const answered = ({ body }: { body: string }): void => {
          this.accepted += 1;
          if (!isKept) return;
          if (n % 2 === 0) this.replayable.push(n);
          else this.changeable[0]?.push((JSON.parse(body) as { order_id: string }).order_id);
        };
        return { bytes: this.request(n), answered };
      },
    };
  }

  /** Orders whose stock is held for longer than any run. */
  hold(): Work {
    return {
      expects: 201,
      next: () => {
        const body = { ...order((this.sent += 1)), hold_seconds: HOLD_SECONDS };
        return { bytes: requestBytes('POST', '/orders', body), answered: () => void (this.accepted += 1) };
      },
    };
  }

  /** Requests that were answered before, with the same keys. */
  replay(): Work {
    const count = this.replayable.length;
    return {
      expects: 201,
      next: () => ({ bytes: this.request(this.replayable[(this.read += 1) % count] ?? 0) }),
    };
  }

  get(): Work {
    return read(() => `/orders/${this.loaded.id(this.any())}`);
  }

  listOfCustomer(): Work {
    return read(() => `/orders?customer_id=${this.loaded.customer(this.any())}`);
  }

  /** The newest orders of all, as admin tools list them. */
  list(): Work {
    return read(() => '/orders');
  }

  /** The page that begins with the order at this place of the list. */
  farPage(): Work {
    const { count } = this.loaded;
    const cursor = this.loaded.id(count - Math.min((FAR_PAGE - 1) * PAGE_SIZE, count - PAGE_SIZE));
    return read(() => `/orders?cursor=${cursor}`);
  }

  /** A page of those that pass a filter. @param filter of the n-th request */
  filtered(filter: (n: number) => string): Work {
    return read(() => `/orders?${filter(this.any())}`);
  }

  /** The next status of an order: of those that have gone the fewest steps, the newest. */
  setStatus(): Work {
    return {
      expects: 200,
      next: () => {
        const step = this.changeable.findIndex((orders) => orders.length > 0);
        const id = this.changeable[step]?.pop();
        if (id === undefined) throw new Error('no order is left whose status could be set');
        return {
          bytes: requestBytes('PUT', `/orders/${id}`, { status: STEPS[step] }),
          answered: () => void this.changeable[step + 1]?.push(id),
        };
      },
    };
  }

  private request(n: number): string {
    return requestBytes('POST', '/orders', order(n), { 'idempotency-key': keyOf(n) });
  }

  /** Spread over all orders that were loaded to be read, as if at random. */
  private any(): number {
    const { count, confirmed } = this.loaded;
    this.read = (this.read + 1) % (count - confirmed);
    return (this.read * 7_919 + 1) % (count - confirmed);
  }
}

function read(path: () => string): Work {
  return { expects: 200, next: () => ({ bytes: requestBytes('GET', path()) }) };
}
