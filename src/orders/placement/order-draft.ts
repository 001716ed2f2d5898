import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import type { Deadline } from '../../platform/deadline.js';
import { Problem } from '../../platform/http/problem.js';
import { UpstreamFault } from '../../platform/upstream/upstream-fault.js';
import type { ExpectedPrices, Order } from '../order.entity.js';
import { Inventory, type Product, ShoppingCarts } from '../order.ports.js';
import { orderProblem, type Shortage } from '../order.problems.js';
import {
  fitsCurrency,
  isRepresentable,
  sameAmount,
  toJsonNumber,
  totalOf,
  unitsByProduct,
} from './order-pricing.js';
import { shortageDetail } from './placement-answer.js';

export interface RequestedItem {
  productId: string;
  quantity: number;
  /** The price of one unit that the customer was shown, as decimal digits. */
  price?: string | undefined;
}

/** An order as a client asks for it, after its form has been checked. */
export interface PlacementRequest {
  customerId?: string | undefined;
  customerName?: string | undefined;
  customerEmail?: string | undefined;
  /** Absent when the customer's cart is to be ordered. */
  items?: RequestedItem[] | undefined;
  currency?: string | undefined;
  expectedTotal?: string | undefined;
}

/** An order with everything known that is needed to store it. */
export interface OrderDraft {
  customerId: string | null;
  customerName: string | null;
  customerEmail: string | null;
  cartId: string | null;
  currency: string;
  totalAmount: string | null;
  lines: { productId: string; productName: string | null; quantity: number; price: string | null }[];
  toPrice: ExpectedPrices | null;
}

/** What is to be priced: who wants what, and what they took its prices for. */
export interface OrderOutline extends Pick<
  OrderDraft,
  'customerId' | 'customerName' | 'customerEmail' | 'cartId' | 'currency'
> {
  items: RequestedItem[];
  expectedTotal: string | undefined;
}

interface PricedLine {
  productId: string;
  productName: string;
  quantity: number;
  price: string;
}

/** As many lines as a request may have; a cart is held to the same. */
export const MAX_LINES = 200;

/** Looks up what an order is made of, and refuses it where it can't be placed. Stores and reserves nothing. */
@Injectable()
export class OrderDrafts {
  constructor(
    private readonly inventory: Inventory,
    private readonly carts: ShoppingCarts,
    private readonly settings: Settings,
  ) {}

  /**
   * @throws {Problem} when the order can't be placed as it was asked for
   * @throws {UpstreamFault} when a look-up gave no usable answer
   */
  async prepare(request: PlacementRequest, deadline: Deadline): Promise<OrderDraft> {
    return this.price(await this.outline(request, deadline), deadline);
  }

  /**
   * What can be said of an order without the inventory. Of other services only the carts are asked, and only for a cart.
   *
   * @throws as `prepare` does
   */
  async outline(request: PlacementRequest, deadline: Deadline): Promise<OrderOutline> {
    const currency = request.currency ?? this.settings.DEFAULT_CURRENCY;
    refuseUnpayableAmounts(request, currency);
    const { items, cartId } = await this.findItems(request, deadline);
    this.checkCurrency(items, currency);
    return {
      customerId: request.customerId ?? null,
      customerName: request.customerName ?? null,
      customerEmail: request.customerEmail ?? null,
      cartId,
      currency,
      items,
      expectedTotal: request.expectedTotal,
    };
  }

  /**
   * Looks up what the inventory knows of the order.
   *
   * @throws as `prepare` does
   */
  async price({ items, expectedTotal, ...order }: OrderOutline, deadline: Deadline): Promise<OrderDraft> {
    const products = await this.inventory.findProducts([...unitsByProduct(items).keys()], deadline);
    refuseShortages(items, products);
    const lines = this.priceLines(items, products, order.currency);
    const totalAmount = totalOf(lines);
    checkTotal(totalAmount, expectedTotal, lines);
    return { ...order, totalAmount, lines, toPrice: null };
  }

  private async findItems(
    request: PlacementRequest,
    deadline: Deadline,
  ): Promise<{ items: RequestedItem[]; cartId: string | null }> {
    if (request.items) return { items: request.items, cartId: null };
    if (!this.carts.enabled || request.customerId === undefined) {
      throw Problem.invalidRequest([
        { field: 'items', message: 'are needed: no shopping cart service is configured' },
      ]);
    }
    const cart = await this.carts.findActiveCart(request.customerId, deadline);
    if (!cart) throw orderProblem('cart-not-found', `Customer ${request.customerId} has no active cart`);
    if (cart.items.length === 0)
      throw orderProblem('cart-empty', `The cart of customer ${request.customerId} is empty`);
    if (cart.items.length > MAX_LINES) {
      throw Problem.invalidRequest([
        { field: 'items', message: `must be at most ${MAX_LINES}; the cart has more` },
      ]);
    }
    return { items: cart.items, cartId: cart.id };
  }

  /** The inventory's prices are in one currency; another one makes sense only where all prices come with the order. */
  private checkCurrency(items: readonly RequestedItem[], currency: string): void {
    const { DEFAULT_CURRENCY, PRICE_CHECK } = this.settings;
    const bringsPrices = PRICE_CHECK === 'trust' && items.every((item) => item.price !== undefined);
    if (currency === DEFAULT_CURRENCY || bringsPrices) return;
    throw Problem.invalidRequest([
      { field: 'currency', message: `must be ${DEFAULT_CURRENCY}, in which the products are priced` },
    ]);
  }

  private priceLines(
    items: readonly RequestedItem[],
    products: ReadonlyMap<string, Product>,
    currency: string,
  ): PricedLine[] {
    const differences: Record<string, unknown>[] = [];
    const lines = items.map((item, index) => {
      const product = products.get(item.productId);
      if (!product) throw new Error(`line ${index + 1} has no product although all were found`);
      const isTrusted = this.settings.PRICE_CHECK === 'trust' && item.price !== undefined;
      if (!isTrusted && item.price !== undefined && !sameAmount(item.price, product.price)) {
        differences.push({
          line: index + 1,
          product_id: product.id,
          requested_price: toJsonNumber(item.price),
          current_price: toJsonNumber(product.price),
        });
      }
      const price = isTrusted && item.price !== undefined ? item.price : product.price;
      if (!fitsCurrency(price, currency)) {
        throw new UpstreamFault(
          'inventory service',
          'garbage',
          `${product.id} has a price that is none in ${currency}`,
        );
      }
      return { productId: product.id, productName: product.name, quantity: item.quantity, price };
    });
    if (differences.length > 0) {
      throw orderProblem('price-changed', 'One or more prices are not the current ones', { differences });
    }
    return lines;
  }
}

/** An order as it is stored before it is priced, with what has to be known to price it later. */
export function unpricedDraft({ items, expectedTotal, ...order }: OrderOutline): OrderDraft {
  return {
    ...order,
    totalAmount: null,
    lines: items.map(({ productId, quantity }) => ({ productId, productName: null, quantity, price: null })),
    toPrice: { prices: items.map((item) => item.price ?? null), total: expectedTotal ?? null },
  };
}

/** The outline of an order that was stored without prices. */
export function outlineOf(order: Order, expected: ExpectedPrices): OrderOutline {
  return {
    ...order,
    items: order.items.map(({ productId, quantity }, index) => ({
      productId,
      quantity,
      price: expected.prices[index] ?? undefined,
    })),
    expectedTotal: expected.total ?? undefined,
  };
}

/** Refuses amounts with more decimals than their currency has, naming each. */
function refuseUnpayableAmounts({ items, expectedTotal }: PlacementRequest, currency: string): void {
  const amounts = [
    ...(items ?? []).map((item, index) => ({ field: `items[${index}].price`, amount: item.price })),
    { field: 'expected_total', amount: expectedTotal },
  ];
  const errors = amounts
    .filter(({ amount }) => amount !== undefined && !fitsCurrency(amount, currency))
    .map(({ field }) => ({ field, message: `must not have more decimals than ${currency} has` }));
  if (errors.length > 0) throw Problem.invalidRequest(errors);
}

/** Refuses the order if any product is unknown or short, naming each that is; lines of one product count together. */
function refuseShortages(items: readonly RequestedItem[], products: ReadonlyMap<string, Product>): void {
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
  if (shortages.length === 0) return;
  const isUnknown = shortages.some((shortage) => !products.has(shortage.product_id));
  throw orderProblem(isUnknown ? 'unknown-product' : 'insufficient-stock', shortageDetail(shortages), {
    shortages,
  });
}

function checkTotal(total: string, expected: string | undefined, lines: PricedLine[]): void {
  if (!isRepresentable(total)) {
    throw Problem.invalidRequest([{ field: 'items', message: 'add up to a total that is too large' }]);
  }
  if (expected === undefined || sameAmount(expected, total)) return;
  throw orderProblem('total-changed', `The total is ${toJsonNumber(total)}, not ${toJsonNumber(expected)}`, {
    expected_total: toJsonNumber(expected),
    current_total: toJsonNumber(total),
    lines: lines.map((line, index) => ({
      line: index + 1,
      product_id: line.productId,
      quantity: line.quantity,
      price: toJsonNumber(line.price),
    })),
  });
}
