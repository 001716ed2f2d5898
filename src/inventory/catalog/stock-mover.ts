import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { orderIdOf } from '../../orders/reservation/reservation-id.js';
import { Deadline } from '../../platform/deadline.js';
import { reachPausePoint } from '../../pause-points/pause-points.js';
import { UpstreamFault } from '../../platform/upstream/upstream-fault.js';
import type { CatalogProduct, ProductCatalogClient, StockSetting } from './product-catalog.client.js';
import * as journal from './product-catalog.repository.js';

/**
 * How long after its timeout a call may still take effect in the catalog: the rest of its processing after the
 * connection closed. No bound is certain; a second is many times the duration of such a call.
 */
export const LATE_EFFECT_MARGIN_MS = 1_000;

/** A movement: units to add to the stock of a product (negative to take them), applied once per key. */
export interface Move {
  key: string;
  delta: number;
}

/** It is unknown whether a movement took place, or an earlier movement has to be resolved first. */
export class Unsettled extends Error {
  constructor(productId: string) {
    super(`it is not known yet whether the stock of product ${productId} was changed`);
    this.name = 'Unsettled';
  }
}

/** Reading the stock can't resolve a call any more, for example after a foreign change. */
export class InDoubt extends Error {
  constructor(productId: string) {
    super(`whether the stock of product ${productId} was changed can only be found out by a person`);
    this.name = 'InDoubt';
  }
}

/**
 * Changes the stock of one product of the catalog within its critical section. Each change is recorded before and
 * after its call, so that the next writer, on any instance, can resolve its outcome.
 */
export class StockMover {
  private readonly logger = new Logger(StockMover.name);

  constructor(
    private readonly catalog: ProductCatalogClient,
    /** The connection that holds the product's lock. */
    private readonly session: PoolClient,
    private readonly productId: string,
    private readonly deadline: Deadline,
  ) {}

  /**
   * Changes the stock of a product that was just read. A refusal is not recorded: the key may be used again.
   *
   * @throws {UpstreamFault} or {Unsettled} when the outcome is unknown: a retry with the same key is safe
   * @throws {InDoubt} when it can no longer be learned
   */
  async move(product: CatalogProduct, { key, delta }: Move): Promise<StockSetting> {
    await reachPausePoint('catalog.before-note', orderOf(key));
    const setting = await this.catalog.takeTurn(this.deadline, () => this.set(product, { key, delta }));
    if (setting?.isSet) return setting;
    if (setting && (await this.isUnchanged(key))) return setting;
    // Reading the product reveals the outcome of the call.
    await this.settleUnfinished();
    const movement = (await journal.findMovements(this.session, this.productId, [key])).get(key);
    if (movement?.state !== 'applied') throw new InDoubt(this.productId);
    return { isSet: true };
  }

  /**
   * Reads a product that was found before. That it is missing now is unknown rather than a refusal: it may be a mistake.
   *
   * @throws {UpstreamFault} when it is missing, or there is no usable answer
   */
  async read(): Promise<CatalogProduct> {
    const product = await this.catalog.find(this.productId, this.deadline);
    if (product) return product;
    const reason = `does not know product ${this.productId} any more`;
    throw new UpstreamFault(this.catalog.name, 'status', reason);
  }

  /** Confirms a refusal by reading the stock, and deletes the note. The call is over, so nothing has to be waited for. */
  private async isUnchanged(key: string): Promise<boolean> {
    const movement = (await journal.findMovements(this.session, this.productId, [key])).get(key);
    if ((await this.look()).available !== movement?.quantityBefore) return false;
    await journal.deleteStarted(this.session, this.productId, key);
    return true;
  }

  /**
   * Makes the call, with a note before and after it.
   *
   * @returns undefined when the outcome is not known
   * @throws {UpstreamFault} when it certainly had no effect
   */
  private async set(product: CatalogProduct, { key, delta }: Move): Promise<StockSetting | undefined> {
    // Started before the record is written, so that the call has ended at the time that other processes read from the
    // record.
    const callDeadline = this.startCall();
    const quantityBefore = product.available;
    const quantityAfter = quantityBefore + delta;
    const { productId } = this;
    await journal.insertStarted(this.session, { productId, key, delta, quantityBefore, quantityAfter });
    try {
      await reachPausePoint('catalog.before-set', orderOf(key));
      const setting = await this.catalog.setStock(product, quantityAfter, key, callDeadline);
      await reachPausePoint('catalog.after-set', orderOf(key));
      if (setting.isSet) await journal.settle(this.session, productId, key, 'applied');
      return setting;
    } catch (error) {
      if (!(error instanceof UpstreamFault)) throw error;
      if (!error.hadNoEffect) return undefined;
      await journal.deleteStarted(this.session, productId, key);
      throw error;
    }
  }

  /**
   * Resolves calls that ended without a result, here or on an instance that crashed. This comes before any other
   * change of the stock, which would hide the outcome.
   *
   * @throws {UpstreamFault} or {Unsettled} when the outcome stays unknown for now
   */
  async settleUnfinished(): Promise<void> {
    for (const movement of await journal.findUnfinished(this.session, this.productId)) {
      const outcome = await this.learn(movement);
      await journal.settle(this.session, this.productId, movement.key, outcome);
      if (outcome === 'in_doubt') {
        this.logger.error(
          `The outcome of ${movement.key} on product ${this.productId} is in doubt: its stock does ` +
            'not show whether it happened. In product_catalog_movements, set its state to applied, or delete it if it did not happen.',
        );
      }
    }
  }

  private async learn(movement: journal.UnfinishedMovement): Promise<'applied' | 'in_doubt'> {
    const product = await this.look();
    if (product.available === movement.quantityAfter) return 'applied';
    if (product.available !== movement.quantityBefore) return 'in_doubt';
    // Not yet: before its time limit the call may still take effect.
    const rest = this.catalog.timeoutMs + LATE_EFFECT_MARGIN_MS - movement.ageMs;
    if (rest <= 0) return this.repeat(product, movement);
    if (rest >= this.deadline.remaining()) throw new Unsettled(this.productId);
    await sleep(rest);
    const later = await this.look();
    if (later.available === movement.quantityAfter) return 'applied';
    if (later.available !== movement.quantityBefore) return 'in_doubt';
    return this.repeat(later, movement);
  }

  /** @throws {Unsettled} when the catalog does not know the product, which says nothing about the movement */
  private async look(): Promise<CatalogProduct> {
    const product = await this.catalog.find(this.productId, this.deadline);
    if (!product) throw new Unsettled(this.productId);
    return product;
  }

  /**
   * Repeats the call. Deleting the record would do if the call could never take effect; using up its key keeps a
   * catalog that honours keys from applying it later, over the changes of others.
   */
  private async repeat(
    product: CatalogProduct,
    movement: journal.UnfinishedMovement,
  ): Promise<'applied' | 'in_doubt'> {
    return this.catalog.takeTurn(this.deadline, async () => {
      const callDeadline = this.startCall();
      await journal.restart(this.session, this.productId, movement.key);
      const setting = await this.catalog.setStock(
        product,
        movement.quantityAfter,
        movement.key,
        callDeadline,
      );
      // A refusal of the second call does not judge the first one: the catalog may refuse to see the key again. Waiting longer
      // would only keep the product from all other orders.
      return setting.isSet ? 'applied' : 'in_doubt';
    });
  }

  /** @throws {Unsettled} when there is no time left, so that no note is left behind by a call that is never made */
  private startCall(): Deadline {
    const remaining = this.deadline.remaining();
    if (remaining <= 0) throw new Unsettled(this.productId);
    return Deadline.in(Math.min(this.catalog.timeoutMs, remaining));
  }
}

/** The order of a movement, whose key is `<reservation id>/<line>/reserve`. */
function orderOf(key: string): string {
  return orderIdOf(key.split('/', 1)[0] ?? '');
}
