import { ShoppingCarts } from '../orders/order.ports.js';
import type { Cart } from '../orders/order.ports.js';

/** Replaces the cart service when none is configured: no customer has a cart. */
export class NoShoppingCarts extends ShoppingCarts {
  override readonly enabled = false;

  override findActiveCart(): Promise<Cart | null> {
    return Promise.resolve(null);
  }

  /** @throws always: only an order that came from a cart can have one to be marked */
  override markOrdered(): Promise<void> {
    return Promise.reject(
      new Error('SHOPPING_CART_SERVICE_URL is not set, so no cart can be marked as ordered'),
    );
  }
}
