import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { requestDeadline } from '../../platform/telemetry/request-context.js';
import { cartAlreadyOrdered } from '../order.problems.js';
import { IdempotencyRepository } from '../placement/idempotency.repository.js';
import { OrderDrafts, type PlacementRequest } from '../placement/order-drafts.js';
import type { Quote } from '../pricing/order-quote.js';

/** The result of placing the order now. */
export interface Preview extends Quote {
  currency: string;
}

/** Computes the price of an order and whether it can be placed. Stores and reserves nothing. */
@Injectable()
export class OrderPreview {
  constructor(
    private readonly drafts: OrderDrafts,
    private readonly carts: IdempotencyRepository,
    private readonly settings: Settings,
  ) {}

  /**
   * @throws {Problem} when the request itself is wrong, or there is no cart that could be ordered
   * @throws {UpstreamFault} when a look-up gave no usable answer
   */
  async preview(request: PlacementRequest): Promise<Preview> {
    const deadline = requestDeadline(this.settings.REQUEST_DEADLINE_MS);
    const outline = await this.drafts.outline(request, deadline);
    const quote = await this.drafts.quote(outline, deadline);
    const orderId = outline.cartId === null ? undefined : await this.carts.findCartOrder(outline.cartId);
    const problems = [...quote.problems, ...(orderId === undefined ? [] : [cartAlreadyOrdered(orderId)])];
    return { ...quote, problems, currency: outline.currency };
  }
}
