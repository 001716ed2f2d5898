import { Inventory, type Product } from '../orders/order.ports.js';
import type { Deadline } from '../platform/deadline.js';
import { type FindProduct, type Freshness, ProductLookup } from './product-lookup.js';

/** What all inventories have in common: products are looked up one by one. */
export abstract class CachedInventory extends Inventory {
  private readonly products: ProductLookup;

  /** @param rememberMs how long what was looked up is remembered; see `ProductLookup` */
  constructor(findProduct: FindProduct, rememberMs: number) {
    super();
    this.products = new ProductLookup(findProduct, rememberMs);
  }

  override findProducts(
    productIds: readonly string[],
    deadline: Deadline,
    freshness: Freshness = 'current',
  ): Promise<Map<string, Product>> {
    return this.products.find(productIds, deadline, freshness);
  }
}
