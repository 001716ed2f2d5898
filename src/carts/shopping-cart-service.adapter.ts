import { setTimeout as sleep } from 'node:timers/promises';
import { hasUnusableInId } from '../orders/addresses/visible-text.js';
import { ShoppingCarts } from '../orders/order.ports.js';
import type { Cart } from '../orders/order.ports.js';
import type { Deadline } from '../platform/deadline.js';
import {
  BACKGROUND_TIMEOUT_MS,
  type UpstreamAnswer,
  type UpstreamClient,
} from '../platform/upstream/upstream-client.js';
import { fieldsOf, normaliseId, readId } from '../platform/upstream/upstream-fields.js';
import { UpstreamFault } from '../platform/upstream/upstream-fault.js';
import { unexpectedStatus } from '../platform/upstream/upstream-retry.js';

/**
 * Size limit of the answer to `GET /cart_items`, which holds the lines of all customers' carts: about a hundred
 * thousand lines. A service with more has to put the lines into the cart.
 */
const MAX_CART_ITEMS_BYTES = 10 * 1024 * 1024;

/**
 * Statuses that mean that a customer has no cart: 404 and 410, and 400 and 422, with which a service refuses an id
 * that none of its customers can have.
 */
const NO_CART = new Set([400, 404, 410, 422]);

/** The status, compared without case, of a cart that can be ordered. Any other, such as `Ordered`, is a past one. */
const ACTIVE = 'active';

/**
 * Pause before the second read of a cart that was not found, in milliseconds. The cart service of system B may answer
 * parallel calls with a false 404; a query has ended after this time.
 */
const SECOND_LOOK_MS = 25;

/** The Shopping Cart Service (system B). */
export class ShoppingCartServiceAdapter extends ShoppingCarts {
  override readonly enabled = true;

  constructor(private readonly client: UpstreamClient) {
    super();
  }

  /**
   * `GET /carts/{customer_id}` answers `{cart: {id, customer_id, status, items?}}`, or 404, which counts
   * when a second look confirms it. Where the cart does not carry its lines, `GET /cart_items` answers those of all carts.
   */
  override async findActiveCart(customerId: string, deadline: Deadline): Promise<Cart | null> {
    let answer = await this.get(['carts', customerId], deadline);
    if (answer.status === 404) {
      await sleep(Math.min(SECOND_LOOK_MS * (1 + Math.random()), deadline.remaining()));
      answer = await this.get(['carts', customerId], deadline);
    }
    if (NO_CART.has(answer.status)) return null;
    const cart = fieldsOf(this.bodyOf(answer)['cart']);
    const id = this.readVisibleId(cart['id']);
    const owner = readId(cart['customer_id']);
    const { status, items } = cart;
    if (id === null || owner === null || typeof status !== 'string') {
      throw this.garbage('a cart whose fields are not as agreed');
    }
    if (normaliseId(owner) !== normaliseId(customerId)) throw this.garbage("another customer's cart");
    if (status.toLowerCase() !== ACTIVE) return null;
    // Orders use the customer's id, so a cart under another spelling of it (`1` for `01`) belongs to another
    // customer.
    if (owner !== customerId) return null;
    const lines =
      items === undefined || items === null ? await this.findLines(id, deadline) : this.listOf(items);
    return {
      id,
      customerId,
      items: lines.map((line) => this.readLine(line)).filter((line) => line.quantity > 0),
    };
  }

  /** `PUT /carts/{customer_id}` with `{"status": "Ordered"}` answers 200 or 202. */
  override async markOrdered(customerId: string, idempotencyKey: string, deadline: Deadline): Promise<void> {
    const answer = await this.client.request({
      method: 'PUT',
      path: ['carts', customerId],
      body: { status: 'Ordered' },
      idempotencyKey,
      deadline,
      timeoutMs: BACKGROUND_TIMEOUT_MS,
      // Not idempotent: the call names only the customer, so a retry after an unknown outcome could check out a newer
      // cart. The caller reads the active cart before it retries.
      idempotent: false,
      mayBeEmpty: true,
    });
    // Also with 404: the cart was active a moment ago. The caller checks again before a retry.
    if (answer.status >= 300) throw this.unexpected(answer);
  }

  private async findLines(cartId: string, deadline: Deadline): Promise<unknown[]> {
    const answer = await this.get(['cart_items'], deadline, MAX_CART_ITEMS_BYTES);
    const lines = this.listOf(this.bodyOf(answer)['items']);
    // Lines of other carts are ignored, even invalid ones.
    return lines.filter((line) => readId(fieldsOf(line)['cart_id']) === cartId);
  }

  /** An id that an order may have, without invisible characters, which would make two ids look alike. */
  private readVisibleId(value: unknown): string | null {
    const id = readId(value);
    return id === null || hasUnusableInId(id) ? null : id;
  }

  private readLine(line: unknown): Cart['items'][number] {
    const { product_id: product, quantity } = fieldsOf(line);
    const productId = this.readVisibleId(product);
    if (
      productId === null ||
      typeof quantity !== 'number' ||
      !Number.isSafeInteger(quantity) ||
      quantity < 0
    ) {
      throw this.garbage('a cart line whose fields are not as agreed');
    }
    return { productId, quantity };
  }

  private get(path: readonly string[], deadline: Deadline, maxBytes?: number): Promise<UpstreamAnswer> {
    return this.client.request({ method: 'GET', path, deadline, idempotent: true, maxBytes });
  }

  private bodyOf(answer: UpstreamAnswer): Record<string, unknown> {
    if (answer.status !== 200) throw this.unexpected(answer);
    return fieldsOf(answer.body);
  }

  private listOf(value: unknown): unknown[] {
    if (!Array.isArray(value)) throw this.garbage('cart lines that are not a list');
    return value;
  }

  private garbage(what: string): UpstreamFault {
    return new UpstreamFault(this.client.name, 'invalid', `answered with ${what}`);
  }

  private unexpected(answer: UpstreamAnswer): UpstreamFault {
    return unexpectedStatus(this.client.name, answer.status);
  }
}
