import { Big } from 'big.js';
import { currencyDecimals } from '../../config/currencies.js';
import type { Charge } from '../details/order-details.js';

/** Digits that the money columns keep after the point; no currency has more. */
export const MAX_DECIMALS = 4;

/**
 * Upper bound of totals: with four decimals it has fifteen digits, which a JSON number (a binary double) keeps
 * exactly.
 */
const TOTAL_LIMIT = new Big('100000000000');

export interface PricedLine {
  quantity: number;
  /** Price of one unit as exact decimal digits. */
  price: string;
}

/**
 * Whether an amount can be paid in a currency: 79.999 is no price in USD. Stored orders may have a currency that has been
 * withdrawn since; its decimals are unknown, so that any amount is accepted.
 */
export function fitsCurrency(amount: string, currency: string): boolean {
  const exact = new Big(amount);
  return exact.round(currencyDecimals(currency) ?? MAX_DECIMALS, Big.roundDown).eq(exact);
}

/** Whether two amounts are equal, however they are written: 80 and 80.00 are. */
export function sameAmount(left: string, right: string): boolean {
  return new Big(left).eq(right);
}

/** The exact sum of price times quantity, as decimal digits without an exponent; `0` of no lines. */
export function totalOf(lines: readonly PricedLine[]): string {
  return lines
    .reduce((sum, line) => sum.plus(new Big(line.price).times(line.quantity)), new Big(0))
    .toFixed();
}

/** The exact sum of the charges that the prices do not contain; `0` of none. */
export function chargesTotalOf(charges: readonly Charge[]): string {
  return charges
    .filter(({ included }) => included !== true)
    .reduce((sum, { amount }) => sum.plus(amount), new Big(0))
    .toFixed();
}

/** What is paid: the lines and the charges. Negative where discounts are greater than both. */
export function grandTotalOf(subtotal: string, charges: string): string {
  return new Big(subtotal).plus(charges).toFixed();
}

/** What an order costs in parts, all null until it is priced except for the charges, which the client names. */
export interface Totals {
  subtotal: string | null;
  charges: string;
  total: string | null;
}

/** The parts of a stored total. */
export function totalsOf(totalAmount: string | null, chargesAmount: string | null): Totals {
  const subtotal =
    totalAmount === null || chargesAmount === null
      ? totalAmount
      : new Big(totalAmount).minus(chargesAmount).toFixed();
  return { subtotal, charges: chargesAmount ?? '0', total: totalAmount };
}

export function isNegative(amount: string): boolean {
  return new Big(amount).lt(0);
}

/** Whether a total is small enough to be stored and returned exactly. */
export function isRepresentable(total: string): boolean {
  return new Big(total).lt(TOTAL_LIMIT);
}

/** An exact amount as the JSON number that clients get. */
export function toJsonNumber(amount: string): number {
  return Number(amount);
}

/** The same of an amount that may not be known yet. */
export function toJsonNumberOrNull(amount: string | null): number | null {
  return amount === null ? null : toJsonNumber(amount);
}

/** Requested units by product; lines of one product are summed. */
export function unitsByProduct(
  lines: readonly { productId: string; quantity: number }[],
): Map<string, number> {
  const units = new Map<string, number>();
  for (const line of lines) units.set(line.productId, (units.get(line.productId) ?? 0) + line.quantity);
  return units;
}
