import type { Order } from '../order.entity.js';

/**
 * An inventory that keeps units for a time is asked for this much more than the hold: for the placement itself, and so that a
 * payment of the last second finds the units even while the inventory is unavailable.
 */
const STOCK_MARGIN_MS = 10 * 60_000;

/** The hold ends this long before an inventory that keeps units for less gives them away: time to make it keep them. */
const SHORT_STOCK_MARGIN_MS = 30_000;

/**
 * Until when an inventory that keeps units for a time is asked to keep those of an order; undefined for an order without a
 * hold. It follows from the stored order alone, so that a repeated call is the same call.
 */
export function stockNeededUntil({
  holdSeconds,
  placedAt,
}: Pick<Order, 'holdSeconds' | 'placedAt'>): Date | undefined {
  return holdSeconds === null ? undefined : withMargin(holdEnd(holdSeconds, placedAt));
}

/** The same for a hold that ends at a time. */
export function withMargin(expiresAt: Date): Date {
  return new Date(expiresAt.getTime() + STOCK_MARGIN_MS);
}

export function holdEnd(holdSeconds: number, from: Date): Date {
  return new Date(from.getTime() + holdSeconds * 1_000);
}

/**
 * When a hold ends: before the inventory gives the units away.
 *
 * @param wanted when it would end by the request
 * @param stockUntil null where the inventory keeps the units until they are released
 */
export function endWithin(stockUntil: Date | null, wanted: Date): Date {
  if (stockUntil === null) return wanted;
  const latest = new Date(stockUntil.getTime() - SHORT_STOCK_MARGIN_MS);
  return latest < wanted ? latest : wanted;
}
