import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import type { Problem } from '../../platform/http/problem.js';
import { requestDeadline } from '../../platform/telemetry/request-context.js';
import { cartClaim, numberClaim } from '../claims/claims-of.js';
import { OrderClaimsRepository } from '../claims/order-claims.repository.js';
import { cartAlreadyOrdered, numberAlreadyUsed } from '../order.problems.js';
import { OrderPricing, type UnpricedOrder } from '../place-order/pricing.js';
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
    private readonly claims: OrderClaimsRepository,
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
    const problems = [...quote.problems, ...(await this.findConflicts(order))];
    return { ...quote, problems, currency: order.currency };
  }

  private async findConflicts({ cartId, number }: UnpricedOrder): Promise<Problem[]> {
    const cartOrder = cartId === null ? undefined : await this.claims.find(cartClaim(cartId));
    const numbered = number === null ? undefined : await this.claims.find(numberClaim(number));
    return [
      ...(cartOrder ? [cartAlreadyOrdered(cartOrder.orderId)] : []),
      ...(numbered && number !== null ? [numberAlreadyUsed(number, numbered.orderId)] : []),
    ];
  }
}
