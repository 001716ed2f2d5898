import { setTimeout as sleep } from 'node:timers/promises';
import type { Product } from '../orders/order.ports.js';
import type { Deadline } from '../platform/deadline.js';
import type { UpstreamClient } from '../platform/upstream/upstream-client.js';
import { fieldsOf } from '../platform/upstream/upstream-fields.js';
import { UpstreamFault } from '../platform/upstream/upstream-fault.js';
import { isDone, unexpectedStatus } from '../platform/upstream/upstream-retry.js';
import { MixedUpAnswer, NO_SUCH_PRODUCT, readProduct, requireAskedFor } from './inventory-answers.js';

/**
 * Looks at a product before it counts as unknown. With two instances, each of which sends one call at a time, about one
 * answer in ten of such a catalog is wrong; three in a row are wrong once in a thousand times. More would let orders of
 * products that do not exist keep the catalog from others.
 */
const LOOKS = 3;

/** Upper bound of the random pause after the first look, in milliseconds; it grows with each look. */
const LOOK_AGAIN_MS = 25;

/** A product of the catalog, with what has to be sent back unchanged when its stock is set. */
export interface CatalogProduct extends Product {
  /** Name and price as they came, because the catalog expects what it sent. */
  rawName: unknown;
  rawPrice: unknown;
}

/** The two calls of the Product Catalog Service (system B). */
export class ProductCatalogClient {
  constructor(private readonly upstream: UpstreamClient) {}

  get name(): string {
    return this.upstream.name;
  }

  /** How long setting a stock may be under way, in milliseconds. */
  get timeoutMs(): number {
    return this.upstream.timeoutMs;
  }

  /**
   * `GET /products/{id}` answers `{product_detail: {id, name, price, quantity}}`, or 404. An answer about another product,
   * and a 404, which the catalog of system B gives by mistake to parallel calls, are looked at again before they count.
   *
   * @returns null when there is no product, or none whose own id is the one asked for
   * @throws {UpstreamFault} when there is no usable answer
   */
  async find(productId: string, deadline: Deadline): Promise<CatalogProduct | null> {
    for (let look = 1; ; look += 1) {
      const isLast = look === LOOKS;
      try {
        const product = await this.look(productId, deadline);
        if (product || isLast) return product;
      } catch (error) {
        if (!(error instanceof MixedUpAnswer) || isLast) throw error;
      }
      const pause = Math.random() * LOOK_AGAIN_MS * look;
      if (pause >= deadline.remaining()) {
        throw new UpstreamFault(
          this.name,
          'status',
          `did not confirm in time that product ${productId} is unknown`,
        );
      }
      await sleep(pause);
    }
  }

  private async look(productId: string, deadline: Deadline): Promise<CatalogProduct | null> {
    const answer = await this.upstream.request({
      method: 'GET',
      path: ['products', productId],
      deadline,
      repeatable: true,
    });
    if (NO_SUCH_PRODUCT.has(answer.status)) return null;
    if (answer.status !== 200) throw unexpectedStatus(this.name, answer.status);
    const fields = fieldsOf(fieldsOf(answer.body)['product_detail']);
    const product = readProduct(this.name, fields['id'], fields);
    return requireAskedFor(this.name, productId, {
      ...product,
      rawName: fields['name'],
      rawPrice: fields['price'],
    });
  }

  /**
   * `PUT /products/{id}` with `{name, price, quantity}` sets the stock, and answers 200. Sent once unless it certainly
   * did not arrive: of two calls under way, the slower one could take effect after others have changed the stock.
   *
   * @returns false for 422: the catalog will never do this, for example because it knows the key from another request
   * @throws {UpstreamFault} when it is not certain that the stock was set; kind `not_sent` when it certainly was not
   */
  async setStock(
    product: CatalogProduct,
    quantity: number,
    key: string,
    deadline: Deadline,
  ): Promise<boolean> {
    const answer = await this.upstream.request({
      method: 'PUT',
      path: ['products', product.id],
      body: { name: product.rawName, price: product.rawPrice, quantity },
      idempotencyKey: key,
      deadline,
      repeatable: false,
      mayBeEmpty: true,
    });
    if (answer.status === 422) return false;
    // After the product was read, no other refusal tells anything about the stock.
    if (!isDone(answer.status)) throw unexpectedStatus(this.name, answer.status);
    return true;
  }
}
