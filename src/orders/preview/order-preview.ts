import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { requestDeadline } from '../../platform/telemetry/request-context.js';
import { cartAlreadyOrdered } from '../order.problems.js';
import { PlaceOrderRepository } from '../place-order/place-order.repository.js';
import { OrderPricing } from '../place-order/pricing.js';
import type { PlacementRequest } from '../pricing/placement-request.js';
import type { Quote } from '../pricing/order-quote.js';

/** The result of placing the order now. */
export interface Preview extends Quote {
  currency: string;
}

/** Computes the price of an order and whether it can be placed. Stores and reserves nothing. */
@Injectable()
export class OrderPreview {
  constructor(
    private readonly pricing: OrderPricing,
    private readonly carts: PlaceOrderRepository,
    private readonly settings: Settings,
  ) {}

  /**
   * @throws {Problem} when the request itself is wrong, or there is no cart that could be ordered
   * @throws {UpstreamFault} when a look-up gave no usable answer
   */
  async preview(request: PlacementRequest): Promise<Preview> {
    const deadline = requestDeadline(this.settings.REQUEST_DEADLINE_MS);
    const order = await this.pricing.prepare(request, deadline);
    const quote = await this.pricing.quote(order, deadline);
    const orderId = order.cartId === null ? undefined : await this.carts.findCartOrder(order.cartId);
    const problems = [...quote.problems, ...(orderId === undefined ? [] : [cartAlreadyOrdered(orderId)])];
    return { ...quote, problems, currency: order.currency };
  }
}
