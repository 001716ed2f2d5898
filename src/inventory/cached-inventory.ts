import { Inventory, type Product } from '../orders/order.ports.js';
import type { Deadline } from '../platform/deadline.js';
import { type FindProduct, type Freshness, ProductLookup } from './product-lookup.js';

/** Base of all inventories: looks products up one by one. */
export abstract class CachedInventory extends Inventory {
  private readonly products: ProductLookup;

  /** @param rememberMs lifetime of cached products; see `ProductLookup` */
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
