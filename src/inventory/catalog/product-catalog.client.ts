import { setTimeout as sleep } from 'node:timers/promises';
import type { Product } from '../../orders/order.ports.js';
import type { Deadline } from '../../platform/deadline.js';
import { type InTurn, BulkheadFullError } from '../../platform/semaphore.js';
import type { UpstreamClient } from '../../platform/upstream/upstream-client.js';
import { fieldsOf, readReason } from '../../platform/upstream/upstream-fields.js';
import { UpstreamFault } from '../../platform/upstream/upstream-fault.js';
import { isDone, unexpectedStatus } from '../../platform/upstream/upstream-retry.js';
import { MixedUpAnswer, NO_SUCH_PRODUCT, readProduct, requireAskedFor } from '../inventory-answers.js';

/**
 * Reads of a product before it counts as unknown. With two instances that each send one call at a time, about one
 * response in ten of such a catalog is wrong; three in a row are wrong once in a thousand times. With more reads,
 * orders of unknown products could keep the catalog busy.
 */
const LOOKS = 3;

/** Upper bound of the random pause after the first look, in milliseconds; it grows with each look. */
const LOOK_AGAIN_MS = 25;

/** A product of the catalog, with the fields to send back unchanged when its stock is set. */
export interface CatalogProduct extends Product {
  /** Name and price as received, because the catalog expects them unchanged. */
  rawName: unknown;
  rawPrice: unknown;
}

/**
 * Answers that refuse to set a stock: the request is malformed (400), not possible now (409) or not valid (422). 404 and 410 are
 * none of them: the product was read just before, and the catalog of system B gives 404 by mistake.
 */
const REFUSALS = new Set([400, 409, 422]);

/** The catalog's answer to a `PUT`. */
export type StockSetting = { isSet: true } | { isSet: false; reason: string };

/** The two calls of the Product Catalog Service (system B). */
export class ProductCatalogClient {
  /** @param inTurn when calls may be made, where they wait for each other; see `CatalogTurn` */
  constructor(
    private readonly upstream: UpstreamClient,
    private readonly inTurn?: InTurn,
  ) {}

  get name(): string {
    return this.upstream.name;
  }

  /** Maximum duration of a `PUT`, in milliseconds. */
  get timeoutMs(): number {
    return this.upstream.timeoutMs;
  }

  /**
   * `GET /products/{id}` returns `{product_detail: {id, name, price, quantity}}`, or 404. The catalog of system B
   * mixes up parallel calls, so an answer about another product, or a 404, is read again before it counts.
   *
   * @returns null when there is no product with exactly this id
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
      idempotent: true,
      inTurn: this.inTurn,
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
   * Waits for the turn of a call that sets a stock, and makes it with the notes that belong to it.
   *
   * @throws {UpstreamFault} of kind `not_sent` when the deadline passes first
   * @throws what the call throws, and the driver's error when the database can't be used
   */
  async takeTurn<Result>(deadline: Deadline, call: () => Promise<Result>): Promise<Result> {
    if (!this.inTurn) return call();
    try {
      return await this.inTurn(deadline, call);
    } catch (error) {
      if (!(error instanceof BulkheadFullError)) throw error;
      throw new UpstreamFault(this.name, 'not_sent', 'calls for other orders took all of the time');
    }
  }

  /**
   * `PUT /products/{id}` with `{name, price, quantity}` sets the stock, and returns 200. No retry unless the call
   * certainly had no effect: the slower of two calls could overwrite a newer stock. Call it within `takeTurn`.
   *
   * @throws {UpstreamFault} when the outcome is unknown, or with `hadNoEffect` when the stock was certainly not set
   */
  async setStock(
    product: CatalogProduct,
    quantity: number,
    key: string,
    deadline: Deadline,
  ): Promise<StockSetting> {
    const answer = await this.upstream.request({
      method: 'PUT',
      path: ['products', product.id],
      body: { name: product.rawName, price: product.rawPrice, quantity },
      idempotencyKey: key,
      deadline,
      idempotent: false,
      mayBeEmpty: true,
    });
    if (isDone(answer.status)) return { isSet: true };
    if (!REFUSALS.has(answer.status)) throw unexpectedStatus(this.name, answer.status);
    const otherwise = `The catalog refused with ${answer.status} to set the stock of product ${product.id}`;
    return { isSet: false, reason: readReason(answer, otherwise) };
  }
}
