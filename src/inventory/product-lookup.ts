import type { Product } from '../orders/order.ports.js';
import type { Deadline } from '../platform/deadline.js';
import { mapBounded } from '../platform/upstream/upstream-parallel.js';
import { CALLS_AT_ONCE } from './inventory-answers.js';

/** Size of the cache of products. The oldest makes room for the next; products in constant demand stay. */
const MAX_REMEMBERED = 10_000;

/** Reads one product from the inventory; null when there is none. */
export type FindProduct = (productId: string, deadline: Deadline) => Promise<Product | null>;

/** Allowed age of an answer: from the current request, also a shared one, or briefly cached. */
export type Freshness = 'current' | 'recent';

/** Looks products up, in batches and without duplicates. Concurrent callers of one product share its request. */
export class ProductLookup {
  private readonly underWay = new Map<string, Promise<Product | null>>();
  private readonly remembered = new Map<string, { product: Product; until: number }>();

  /** @param rememberMs how long a found product is cached, in milliseconds; 0 turns the cache off */
  constructor(
    private readonly findProduct: FindProduct,
    private readonly rememberMs: number,
  ) {}

  /**
   * @returns the products that exist, by id
   * @throws the first error of `findProduct`
   */
  async find(
    productIds: readonly string[],
    deadline: Deadline,
    freshness: Freshness,
  ): Promise<Map<string, Product>> {
    const distinct = [...new Set(productIds)];
    const products = new Map<string, Product>();
    for (const id of freshness === 'recent' ? distinct : []) {
      const product = this.recall(id);
      if (product) products.set(id, product);
    }
    const missing = distinct.filter((id) => !products.has(id));
    if (missing.length === 0) return products;
    const found = await mapBounded(missing, CALLS_AT_ONCE, (id) => this.ask(id, deadline));
    for (const [index, id] of missing.entries()) {
      const product = found[index];
      if (product) products.set(id, product);
    }
    return products;
  }

  private recall(id: string): Product | undefined {
    const known = this.remembered.get(id);
    return known && known.until > performance.now() ? known.product : undefined;
  }

  private async ask(id: string, deadline: Deadline): Promise<Product | null> {
    const others = this.underWay.get(id);
    if (others) {
      // The caller that started the shared lookup may have timed out; that says nothing about the upstream.
      return others.catch(() => this.findProduct(id, deadline));
    }
    const asking = this.findProduct(id, deadline).finally(() => this.underWay.delete(id));
    this.underWay.set(id, asking);
    const product = await asking;
    if (product && this.rememberMs > 0) this.remember(id, product);
    return product;
  }

  private remember(id: string, product: Product): void {
    this.remembered.delete(id);
    this.remembered.set(id, { product, until: performance.now() + this.rememberMs });
    if (this.remembered.size > MAX_REMEMBERED) {
      const [oldest] = this.remembered.keys();
      if (oldest !== undefined) this.remembered.delete(oldest);
    }
  }
}
