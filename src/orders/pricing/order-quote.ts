import { Problem } from '../../platform/http/problem.js';
import type { Charge } from '../details/order-details.js';
import type { Product } from '../order.ports.js';
import { orderProblem, type Shortage, shortageDetail } from '../order.problems.js';
import {
  chargesTotalOf,
  grandTotalOf,
  isNegative,
  isRepresentable,
  sameAmount,
  toJsonNumber,
  toJsonNumberOrNull,
  totalOf,
  unitsByProduct,
} from './order-pricing.js';

export interface RequestedItem {
  productId: string;
  quantity: number;
  /** The price of one unit that the customer was shown, as decimal digits. */
  price?: string | undefined;
}

/** A line with its current price. Amounts are decimal digits, and null for an unknown product. */
export interface QuotedLine {
  productId: string;
  productName: string | null;
  quantity: number;
  price: string | null;
  lineTotal: string | null;
  requestedPrice: string | undefined;
  /** Whether there is such a product. */
  isKnown: boolean;
  /** Units of the product that are too few for all of its lines together; 0 when there are enough. */
  missing: number;
}

/** The priced order and its problems. */
export interface Quote {
  lines: QuotedLine[];
  /** Of the lines; null, like the total, when a product is unknown. */
  subtotalAmount: string | null;
  /** Of the charges that the prices do not contain. */
  chargesAmount: string;
  totalAmount: string | null;
  /** Why the order would be refused; `POST /orders` returns the first one. Empty when it can be placed. */
  problems: Problem[];
}

/** The prices that the customer was shown, and how strictly they are compared. */
export interface QuoteTerms {
  /** Whether prices of the request are used without a comparison. */
  trustsPrices: boolean;
  /** The total that the customer was shown, as decimal digits. */
  expectedTotal: string | undefined;
  /** What is added to the lines. */
  charges: readonly Charge[];
}

/**
 * Compares an order with the inventory's answer about its products.
 *
 * @throws {Problem} invalid-request when the total is negative, or too large to be exact
 */
export function quoteOrder(
  items: readonly RequestedItem[],
  products: ReadonlyMap<string, Product>,
  terms: QuoteTerms,
): Quote {
  const units = unitsByProduct(items);
  const lines = items.map((item) => quoteLine(item, products, units, terms.trustsPrices));
  const subtotalAmount = subtotalOf(lines);
  const chargesAmount = chargesTotalOf(terms.charges);
  const totalAmount = subtotalAmount === null ? null : payableTotalOf(subtotalAmount, chargesAmount);
  const quoted = { lines, subtotalAmount, chargesAmount, totalAmount };
  const problems = [
    findShortages(items, products),
    findPriceDifferences(quoted, products, terms),
    findTotalDifference(quoted, terms),
  ];
  return { ...quoted, problems: problems.filter((problem) => problem !== undefined) };
}

/** The refusal of an order with unknown or short products, naming each. Lines of one product count together. */
export function findShortages(
  items: readonly RequestedItem[],
  products: ReadonlyMap<string, Product>,
): Problem | undefined {
  const shortages: Shortage[] = [];
  for (const [productId, requested] of unitsByProduct(items)) {
    const product = products.get(productId);
    if (!product) {
      shortages.push({ product_id: productId, requested, available: 0, reason: 'there is no such product' });
    } else if (product.available < requested) {
      const reason = `requested ${requested}, available ${product.available}`;
      shortages.push({ product_id: productId, requested, available: product.available, reason });
    }
  }
  if (shortages.length === 0) return undefined;
  const isUnknown = shortages.some((shortage) => !products.has(shortage.product_id));
  return orderProblem(isUnknown ? 'unknown-product' : 'insufficient-stock', shortageDetail(shortages), {
    shortages,
  });
}

function quoteLine(
  { productId, quantity, price: requestedPrice }: RequestedItem,
  products: ReadonlyMap<string, Product>,
  units: ReadonlyMap<string, number>,
  trustsPrices: boolean,
): QuotedLine {
  const product = products.get(productId);
  const price = (trustsPrices ? requestedPrice : undefined) ?? product?.price ?? null;
  return {
    productId,
    productName: product?.name ?? null,
    quantity,
    price: product ? price : null,
    lineTotal: product && price !== null ? totalOf([{ quantity, price }]) : null,
    requestedPrice,
    isKnown: product !== undefined,
    missing: Math.max(0, (units.get(productId) ?? 0) - (product?.available ?? 0)),
  };
}

function subtotalOf(lines: readonly QuotedLine[]): string | null {
  const priced = lines.flatMap(({ quantity, price }) => (price === null ? [] : [{ quantity, price }]));
  const subtotal = totalOf(priced);
  if (!isRepresentable(subtotal)) throw tooLarge('items');
  return priced.length === lines.length ? subtotal : null;
}

function payableTotalOf(subtotal: string, charges: string): string {
  const total = grandTotalOf(subtotal, charges);
  if (!isRepresentable(total)) throw tooLarge('charges');
  if (isNegative(total)) {
    const message = `must not make the total negative: the lines are ${subtotal}, the charges ${charges}`;
    throw Problem.invalidRequest([{ field: 'charges', message }]);
  }
  return total;
}

function tooLarge(field: string): Problem {
  return Problem.invalidRequest([{ field, message: 'add up to a total that is too large' }]);
}

/** A quote without its problems. */
type Quoted = Omit<Quote, 'problems'>;

function findPriceDifferences(
  quoted: Quoted,
  products: ReadonlyMap<string, Product>,
  { trustsPrices, expectedTotal, charges }: QuoteTerms,
): Problem | undefined {
  if (trustsPrices) return undefined;
  const differences = quoted.lines.flatMap(({ productId, requestedPrice }, index) => {
    const product = products.get(productId);
    if (!product || requestedPrice === undefined || sameAmount(requestedPrice, product.price)) return [];
    return [
      {
        line: index + 1,
        product_id: product.id,
        requested_price: toJsonNumber(requestedPrice),
        current_price: toJsonNumber(product.price),
      },
    ];
  });
  if (differences.length === 0) return undefined;
  return orderProblem('price-changed', 'One or more prices are not the current ones', {
    differences,
    ...(expectedTotal !== undefined && { expected_total: toJsonNumber(expectedTotal) }),
    current_total: toJsonNumberOrNull(quoted.totalAmount),
    ...chargesIn(quoted, charges),
    lines: quoted.lines.map(breakDown),
  });
}

function findTotalDifference(
  quoted: Quoted,
  { expectedTotal: expected, charges }: QuoteTerms,
): Problem | undefined {
  const { totalAmount: total } = quoted;
  if (total === null || expected === undefined || sameAmount(expected, total)) return undefined;
  return orderProblem('total-changed', `The total is ${toJsonNumber(total)}, not ${toJsonNumber(expected)}`, {
    expected_total: toJsonNumber(expected),
    current_total: toJsonNumber(total),
    ...chargesIn(quoted, charges),
    lines: quoted.lines.map(breakDown),
  });
}

/** The part of a total that is not in the lines, where the request has charges. */
function chargesIn({ chargesAmount }: Quoted, charges: readonly Charge[]): Record<string, unknown> {
  return charges.length === 0 ? {} : { charges_amount: toJsonNumber(chargesAmount) };
}

/** A line in the response about a total that differs from the expected one. */
function breakDown(line: QuotedLine, index: number): Record<string, unknown> {
  return {
    line: index + 1,
    product_id: line.productId,
    quantity: line.quantity,
    ...(line.requestedPrice !== undefined && { requested_price: toJsonNumber(line.requestedPrice) }),
    price: toJsonNumberOrNull(line.price),
    line_total: toJsonNumberOrNull(line.lineTotal),
  };
}
