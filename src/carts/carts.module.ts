import { HttpService } from '@nestjs/axios';
import { Module } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { ShoppingCarts } from '../orders/order.ports.js';
import { UpstreamClient } from '../platform/upstream/upstream-client.js';
import { UpstreamHttpModule } from '../platform/upstream/upstream-http.module.js';
import { CartCheckout } from './cart-checkout.js';
import { NoShoppingCarts } from './no-shopping-carts.js';
import { ShoppingCartServiceAdapter } from './shopping-cart-service.adapter.js';

function createShoppingCarts(settings: Settings, http: HttpService): ShoppingCarts {
  const baseUrl = settings.SHOPPING_CART_SERVICE_URL;
  if (!baseUrl) return new NoShoppingCarts();
  const timeoutMs = settings.UPSTREAM_TIMEOUT_MS;
  return new ShoppingCartServiceAdapter(
    new UpstreamClient(http, { name: 'shopping cart service', baseUrl, timeoutMs }),
  );
}

/** Provides `ShoppingCarts`, and checks out ordered carts at the cart service. */
@Module({
  imports: [UpstreamHttpModule],
  providers: [
    { provide: ShoppingCarts, inject: [Settings, HttpService], useFactory: createShoppingCarts },
    CartCheckout,
  ],
  exports: [ShoppingCarts],
})
export class CartsModule {}
