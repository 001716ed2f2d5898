import type { Answer } from './connection.ts';
import { requestBytes } from './connection.ts';
import type { Work } from './clients.ts';

const CUSTOMERS = 1_000;
const PRODUCTS = 200;

/** Two lines, as a small order has them; each is another customer's and asks for other products. */
function order(n: number): object {
  return {
    customer_id: `C${n % CUSTOMERS}`,
    customer_name: 'Load',
    customer_email: 'load@example.com',
    items: [
      { product_id: `P${n % PRODUCTS}`, quantity: 1 },
      { product_id: `P${(n * 7 + 1) % PRODUCTS}`, quantity: 2 },
    ],
  };
}

function place(n: number): string {
  return requestBytes('POST', '/orders', order(n), { 'idempotency-key': `bench-${process.pid}-${n}` });
}

/** What is measured. Reads and repetitions are of orders that were placed before. */
export class Works {
  readonly placed: string[] = [];
  private sent = 0;
  private read = 0;

  /** Orders with a key each. */
  place(): Work {
    return {
      next: () => place((this.sent += 1)),
      expects: 201,
      answered: ({ body }: Answer) => {
        this.placed.push((JSON.parse(body) as { order_id: string }).order_id);
      },
    };
  }

  /** The same keys once more. */
  replay(): Work {
    const last = this.sent;
    return { next: () => place(1 + ((this.read += 1) % last)), expects: 201 };
  }

  get(): Work {
    return { next: () => requestBytes('GET', `/orders/${this.anyOrder()}`), expects: 200 };
  }

  listOfCustomer(): Work {
    return {
      next: () => requestBytes('GET', `/orders?customer_id=C${(this.read += 1) % CUSTOMERS}&limit=20`),
      expects: 200,
    };
  }

  /** The list of all orders as admin tools show it; a page that is far down is reached by its cursor. */
  list(cursor?: string): Work {
    const page = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    return { next: () => requestBytes('GET', `/orders?limit=50${page}`), expects: 200 };
  }

  /** Every order is set to `processing` once; setting it again would change nothing. */
  setStatus(): Work {
    return {
      next: () => requestBytes('PUT', `/orders/${this.placed.pop() ?? ''}`, { status: 'processing' }),
      expects: 200,
    };
  }

  private anyOrder(): string {
    return this.placed[(this.read += 1) % this.placed.length] ?? '';
  }
}
