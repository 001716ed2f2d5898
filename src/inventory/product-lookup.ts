import type { Product } from '../orders/order.ports.js';
import { mapBounded } from '../platform/upstream/upstream-parallel.js';
import { CALLS_AT_ONCE } from './inventory-answers.js';

/**
 * Looks up many products, each once and several at a time.
 *
 * A product that the inventory knows under another id than it was asked for (`1` for `01`) counts as unknown. Locks,
 * sums of lines and keys all go by the id, so one product must never go by two.
 *
 * @param findProduct looks up one product; null when there is none
 * @returns the products that exist, by id
 * @throws the first error of `findProduct`
 */
export async function findEachProduct(
  productIds: readonly string[],
  findProduct: (productId: string) => Promise<Product | null>,
): Promise<Map<string, Product>> {
  const distinct = [...new Set(productIds)];
  const found = await mapBounded(distinct, CALLS_AT_ONCE, findProduct);
  const products = new Map<string, Product>();
  for (const [index, id] of distinct.entries()) {
    const product = found[index];
    if (product && product.id === id) products.set(id, product);
  }
  return products;
}
