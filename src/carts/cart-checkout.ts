import { Injectable, type OnModuleInit } from '@nestjs/common';
import { CHECK_OUT_CART } from '../orders/order.tasks.js';
import { ShoppingCarts } from '../orders/order.ports.js';
import type { Deadline } from '../platform/deadline.js';
import { reachPausePoint } from '../pause-points/pause-points.js';
import { Tasks } from '../tasks/tasks.service.js';

/** Sets a cart to `Ordered` once its order is confirmed. */
@Injectable()
export class CartCheckout implements OnModuleInit {
  constructor(
    private readonly tasks: Tasks,
    private readonly carts: ShoppingCarts,
  ) {}

  onModuleInit(): void {
    this.tasks.register(CHECK_OUT_CART, ({ orderId, payload }, deadline) =>
      this.checkOut(orderId, payload, deadline),
    );
  }

  private async checkOut(
    orderId: string,
    { customerId, cartId }: { customerId: string; cartId: string },
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
