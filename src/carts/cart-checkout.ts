import { Injectable, type OnModuleInit } from '@nestjs/common';
import { CART_CHECKOUTS_QUEUE } from '../orders/order.jobs.js';
import { ShoppingCarts } from '../orders/order.ports.js';
import type { Deadline } from '../platform/deadline.js';
import { JobQueue } from '../platform/jobs/job-queue.js';
import { reachPausePoint } from '../platform/pause-points.js';

/** Sets a cart to `Ordered` once its order is confirmed. */
@Injectable()
export class CartCheckout implements OnModuleInit {
  constructor(
    private readonly jobs: JobQueue,
    private readonly carts: ShoppingCarts,
  ) {}

  onModuleInit(): void {
    this.jobs.handle(CART_CHECKOUTS_QUEUE, (job, deadline) => this.checkOut(job, deadline));
  }

  private async checkOut(
    { orderId, customerId, cartId }: { orderId: string; customerId: string; cartId: string },
    deadline: Deadline,
  ): Promise<void> {
    await reachPausePoint('cart.before-look', orderId);
    // The call names the customer, not the cart: one that was begun after the order must not be marked.
    const active = await this.carts.findActiveCart(customerId, deadline);
    if (active?.id !== cartId) return;
    await reachPausePoint('cart.before-check-out', orderId);
    await this.carts.markOrdered(customerId, `${orderId}/cart`, deadline);
    await reachPausePoint('cart.after-check-out', orderId);
  }
}
