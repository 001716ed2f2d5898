import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import type { Deadline } from '../../platform/deadline.js';
import { Problem } from '../../platform/http/problem.js';
import { UpstreamFault } from '../../platform/upstream/upstream-fault.js';
import {
  detailBytesOf,
  type LineDetails,
  NO_LINE_DETAILS,
  type OrderDetails,
} from '../details/order-details.js';
import type { ExpectedPrices, Order } from '../order.entity.js';
import { Inventory, type Product, ShoppingCarts } from '../order.ports.js';
import { orderProblem } from '../order.problems.js';
import { newOrderId, timeOfOrderId } from '../order-id.js';
import { chargesTotalOf, fitsCurrency, unitsByProduct } from '../pricing/order-pricing.js';
import { findShortages, type Quote, quoteOrder } from '../pricing/order-quote.js';
import {
  MAX_LINES,
  MAX_QUANTITY,
  type PlacementRequest,
  type RequestedLine,
} from '../pricing/placement-request.js';

/** An order with everything known that is needed to store it. */
export interface PricedOrder extends OrderDetails {
  customerId: string | null;
  customerName: string | null;
  customerEmail: string | null;
  cartId: string | null;
  currency: string;
  holdSeconds: number | null;
  totalAmount: string | null;
  lines: PricedLine[];
  toPrice: ExpectedPrices | null;
}

interface PricedLine extends LineDetails {
  productId: string;
  productName: string | null;
  quantity: number;
  price: string | null;
}

/** An order before pricing: the customer, the lines, and the prices that the client expects. */
export interface UnpricedOrder extends Omit<PricedOrder, 'totalAmount' | 'lines' | 'toPrice'> {
  items: RequestedLine[];
  expectedTotal: string | undefined;
}

/** Looks up products and carts of an order, and refuses it when it can't be placed. Stores and reserves nothing. */
@Injectable()
export class OrderPricing {
  constructor(
    private readonly inventory: Inventory,
    private readonly carts: ShoppingCarts,
    private readonly settings: Settings,
  ) {}

  /**
   * The part of an order that needs no inventory. Calls only the cart service, and only for a cart.
   *
   * @throws {Problem} when the order can't be placed as requested
   * @throws {UpstreamFault} when a look-up gave no usable answer
   */
  async prepare(request: PlacementRequest, deadline: Deadline): Promise<UnpricedOrder> {
    const currency = request.currency ?? this.settings.DEFAULT_CURRENCY;
    refuseUnpayableAmounts(request, currency);
    refuseLongHold(request, this.settings.HOLD_MAX_SECONDS);
    const { items, cartId } = await this.findItems(request, deadline);
    this.checkCurrency(items, currency);
    return {
      ...request,
      customerId: request.customerId ?? null,
      customerName: request.customerName ?? null,
      customerEmail: request.customerEmail ?? null,
      holdSeconds: request.holdSeconds ?? null,
      cartId,
      currency,
      items,
      expectedTotal: request.expectedTotal,
    };
  }

  /**
   * Prices the order by the inventory.
   *
   * @throws as `prepare` does
   */
  async price(unpriced: UnpricedOrder, deadline: Deadline): Promise<PricedOrder> {
    const { items: _items, expectedTotal: _total, ...order } = unpriced;
    const { lines, totalAmount } =
      (await this.priceByRecent(unpriced, deadline)) ??
      this.requirePlaceable(unpriced, await this.findProducts(unpriced, deadline, 'current'));
    return {
      ...order,
      totalAmount,
      lines: unpriced.items.map((item, index) => ({
        ...detailsOf(item),
        productId: item.productId,
        productName: lines[index]?.productName ?? null,
        quantity: item.quantity,
        price: lines[index]?.price ?? null,
      })),
      toPrice: null,
    };
  }

  /**
   * Looks up the same as `price`, and returns the problems of the order instead of throwing them.
   *
   * @throws {Problem} invalid-request when the total is negative, or too large to be exact
   * @throws {UpstreamFault} when the look-up gave no usable answer
   */
  async quote(unpriced: UnpricedOrder, deadline: Deadline): Promise<Quote> {
    return this.compare(unpriced, await this.findProducts(unpriced, deadline, 'current'));
  }

  /** @returns undefined when the order would be refused: a refusal needs current data */
  private async priceByRecent(unpriced: UnpricedOrder, deadline: Deadline): Promise<Quote | undefined> {
    if (this.settings.PRODUCT_MEMORY_MS === 0) return undefined;
    const products = await this.findProducts(unpriced, deadline, 'recent');
    try {
      return this.requirePlaceable(unpriced, products);
    } catch (error) {
      if (error instanceof Problem) return undefined;
      throw error;
    }
  }

  /** @throws {Problem} the first that speaks against the order */
  private requirePlaceable(unpriced: UnpricedOrder, products: Map<string, Product>): Quote {
    // Shortages take precedence over wrong prices.
    const shortage = findShortages(unpriced.items, products);
    if (shortage) throw shortage;
    const quote = this.compare(unpriced, products);
    if (quote.problems[0]) throw quote.problems[0];
    return quote;
  }

  private async findProducts(
    { items }: UnpricedOrder,
    deadline: Deadline,
    freshness: 'current' | 'recent',
  ): Promise<Map<string, Product>> {
    return this.inventory.findProducts([...unitsByProduct(items).keys()], deadline, freshness);
  }

  private compare(unpriced: UnpricedOrder, products: Map<string, Product>): Quote {
    const { items, expectedTotal, currency } = unpriced;
    const trustsPrices = this.settings.PRICE_CHECK === 'trust';
    const charges = unpriced.charges ?? [];
    const quote = quoteOrder(items, products, { trustsPrices, expectedTotal, charges });
    for (const { productId, price } of quote.lines) {
      if (price === null || fitsCurrency(price, currency)) continue;
      throw new UpstreamFault(
        'inventory service',
        'invalid',
        `the price of ${productId} is not an amount in ${currency}`,
      );
    }
    return quote;
  }

  private async findItems(
    request: PlacementRequest,
    deadline: Deadline,
  ): Promise<{ items: RequestedLine[]; cartId: string | null }> {
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
    if (cart.items.some(({ quantity }) => quantity > MAX_QUANTITY)) {
      throw Problem.invalidRequest([
        {
          field: 'items',
          message: `must have at most ${MAX_QUANTITY} units each; a line of the cart has more`,
        },
      ]);
    }
    return { items: cart.items.map((item) => ({ ...item, ...NO_LINE_DETAILS })), cartId: cart.id };
  }

  /** The inventory's prices have one currency; another one requires that the order names all prices. */
  private checkCurrency(items: readonly RequestedLine[], currency: string): void {
    const { DEFAULT_CURRENCY, PRICE_CHECK } = this.settings;
    const bringsPrices = PRICE_CHECK === 'trust' && items.every((item) => item.price !== undefined);
    if (currency === DEFAULT_CURRENCY || bringsPrices) return;
    throw Problem.invalidRequest([
      { field: 'currency', message: `must be ${DEFAULT_CURRENCY}, in which the products are priced` },
    ]);
  }
}

/** An order to be stored without prices, with the data for pricing it later. */
export function priceLater({ items, expectedTotal, ...order }: UnpricedOrder): PricedOrder {
  return {
    ...order,
    totalAmount: null,
    lines: items.map((item) => ({
      ...detailsOf(item),
      productId: item.productId,
      productName: null,
      quantity: item.quantity,
      price: null,
    })),
    toPrice: { prices: items.map((item) => item.price ?? null), total: expectedTotal ?? null },
  };
}

/** An order that was stored without prices, as it was before. */
export function unpricedOrderOf(order: Order): UnpricedOrder {
  const expected: ExpectedPrices = order.toPrice ?? { prices: [], total: null };
  return {
    ...order,
    items: order.items.map((item, index) => ({
      ...detailsOf(item),
      productId: item.productId,
      quantity: item.quantity,
      price: expected.prices[index] ?? undefined,
    })),
    expectedTotal: expected.total ?? undefined,
  };
}

function detailsOf({ sku, options, metadata }: LineDetails): LineDetails {
  return { sku, options, metadata };
}

/** A pending order to be stored. Its id carries the time of placement. */
export function newOrder(priced: PricedOrder): Order {
  const id = newOrderId();
  const placedAt = timeOfOrderId(id);
  return {
    ...priced,
    id,
    status: 'pending',
    version: 1,
    failure: null,
    expiresAt: null,
    stockUntil: null,
    stockGeneration: 1,
    isReservingAgain: false,
    payments: null,
    placedAt,
    updatedAt: placedAt,
    chargesAmount: priced.charges === null ? null : chargesTotalOf(priced.charges),
    detailBytes: detailBytesOf(priced, priced.lines),
    items: priced.lines.map((line, index) => ({ ...line, orderId: id, id: index + 1, reservation: 'held' })),
  };
}

/** Refuses amounts with more decimals than their currency has, naming each. */
function refuseUnpayableAmounts({ items, charges, expectedTotal }: PlacementRequest, currency: string): void {
  const amounts = [
    ...(items ?? []).map((item, index) => ({ field: `items[${index}].price`, amount: item.price })),
    ...(charges ?? []).map(({ amount }, index) => ({
      field: `charges[${index}].amount`,
      amount: String(amount),
    })),
    { field: 'expected_total', amount: expectedTotal },
  ];
  const errors = amounts
    .filter(({ amount }) => amount !== undefined && !fitsCurrency(amount, currency))
    .map(({ field }) => ({ field, message: `must not have more decimals than ${currency} has` }));
  if (errors.length > 0) throw Problem.invalidRequest(errors);
}

function refuseLongHold({ holdSeconds }: PlacementRequest, maxSeconds: number): void {
  if (holdSeconds === undefined || holdSeconds <= maxSeconds) return;
  throw Problem.invalidRequest([{ field: 'hold_seconds', message: `must be at most ${maxSeconds}` }]);
}
