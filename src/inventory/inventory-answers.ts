import { Big } from 'big.js';
import type { Product } from '../orders/order.ports.js';
import { normaliseId, readId, readName } from '../platform/upstream/upstream-fields.js';
import { UpstreamFault } from '../platform/upstream/upstream-fault.js';

/** Calls about one order to one inventory at the same time: quick for long orders, yet not a burst of hundreds. */
export const CALLS_AT_ONCE = 16;

/**
 * Statuses of a look-up that mean an unknown product: 404 and 410, and 400 and 422, with which a service refuses an
 * id that none of its products can have, such as text where its ids are integers.
 */
export const NO_SUCH_PRODUCT = new Set([400, 404, 410, 422]);

/** A stock that can be counted: an integer of at least 0 that binary floating point holds exactly. */
function isStock(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Below the maximum total of an order, whose fifteen digits a JSON number keeps exactly. */
const MAX_PRICE = 99_999_999_999;

/** @returns decimal digits without an exponent, or null unless it is a number from 0 to `MAX_PRICE` */
function readPrice(value: unknown): string | null {
  if (typeof value !== 'number' || !(value >= 0 && value <= MAX_PRICE)) return null;
  // `String()` gives the digits that were sent, but with an exponent for very small and very large numbers.
  return new Big(String(value)).toFixed();
}

/** The answer is about another product: the inventory mixed up its answers. */
export class MixedUpAnswer extends UpstreamFault {
  constructor(upstream: string) {
    super(upstream, 'garbage', 'answered about another product than it was asked for');
  }
}

/**
 * Compares the id in an answer with the requested one. Keys and sums of lines use the id, so one product must never
 * have two.
 *
 * @returns the product; null when the inventory spells the id differently (`1` for `01`)
 * @throws {MixedUpAnswer}
 */
export function requireAskedFor<P extends Product>(upstream: string, askedFor: string, product: P): P | null {
  if (product.id === askedFor) return product;
  if (normaliseId(product.id) === normaliseId(askedFor)) return null;
  throw new MixedUpAnswer(upstream);
}

/**
 * Reads a product of either inventory.
 *
 * @param id the value of the field that identifies the product, which the two inventories call differently
 * @throws {UpstreamFault} of kind `invalid` unless it has an id, a name, a price and a stock
 */
export function readProduct(upstream: string, id: unknown, fields: Record<string, unknown>): Product {
  const readableId = readId(id);
  const name = readName(fields['name']);
  const price = readPrice(fields['price']);
  const { quantity } = fields;
  if (readableId === null || name === null || price === null || !isStock(quantity)) {
    throw new UpstreamFault(upstream, 'invalid', 'answered with a product whose fields are not as agreed');
  }
  return { id: readableId, name, price, available: quantity };
}
