import { Logger } from '@nestjs/common';
import type { PoolClient } from 'pg';
import type { DataSource } from 'typeorm';
import type {
  Product,
  ReleaseLine,
  ReleaseOutcome,
  ReservationLine,
  ReserveOutcome,
} from '../../orders/order.ports.js';
import type { Deadline } from '../../platform/deadline.js';
import type { UpstreamClient } from '../../platform/upstream/upstream-client.js';
import { UpstreamFault } from '../../platform/upstream/upstream-fault.js';
import { ProductCatalogClient } from './product-catalog.client.js';
import * as journal from './product-catalog.repository.js';
import { CachedInventory } from '../cached-inventory.js';
import { CatalogTurn } from './catalog-turn.js';
import { ProductBusy, ProductLock } from './product-lock.js';
import { InDoubt, StockMover, Unsettled } from './stock-mover.js';

/** The outcome of one line, before its index is known. */
type Held =
  | { outcome: 'held' }
  | {
      outcome: 'refused';
      reason: string;
      /** The line was held once, so that the lines behind it may have been reserved as well. */
      wasHeld?: boolean;
    };

/** The outcome of the lines of one product. */
interface GroupOutcome {
  /** Up to the first line that is not held. */
  outcomes: ReserveOutcome[];
  /** The outcome of the lines behind it; null when all are held. */
  behind: 'notAttempted' | 'unknown' | null;
}

/** Lines by product, in the order of the products' ids, so that all orders take their products in the same order. */
function groupByProduct<Line extends ReservationLine>(lines: readonly Line[]): [string, Line[]][] {
  const groups = new Map<string, Line[]>();
  for (const line of lines.toSorted((one, other) => one.line - other.line)) {
    const group = groups.get(line.productId);
    if (group) group.push(line);
    else groups.set(line.productId, [line]);
  }
  return [...groups].toSorted(([one], [other]) => (one < other ? -1 : 1));
}

function inOrderOf<Outcome extends { line: number }>(
  lines: readonly ReservationLine[],
  outcomes: readonly Outcome[],
): Outcome[] {
  const byLine = new Map(outcomes.map((outcome) => [outcome.line, outcome]));
  return lines.flatMap(({ line }) => byLine.get(line) ?? []);
}

export interface CatalogOptions {
  /** Connections that the data source has at most. */
  poolSize: number;
  /** Lifetime of cached products, in milliseconds; see `ProductLookup`. Default 0. */
  rememberMs?: number;
  /** Whether one call at a time reaches the catalog; see `CatalogTurn`. Default true. */
  isExclusive?: boolean;
}

async function findCatalogProduct(
  catalog: ProductCatalogClient,
  productId: string,
  deadline: Deadline,
): Promise<Product | null> {
  const product = await catalog.find(productId, deadline);
  return (
    product && { id: product.id, name: product.name, price: product.price, available: product.available }
  );
}

/**
 * The Product Catalog Service (system B) as an inventory. Its `PUT` sets the stock, so reading and setting it are one
 * critical section per product over all instances, and a journal makes each movement happen once.
 */
export class ProductCatalogAdapter extends CachedInventory {
  override readonly idempotent = true;
  private readonly logger = new Logger(ProductCatalogAdapter.name);
  private readonly lock: ProductLock;
  private readonly turn: CatalogTurn | undefined;

  constructor(
    private readonly upstream: UpstreamClient,
    dataSource: DataSource,
    { poolSize, rememberMs = 0, isExclusive = true }: CatalogOptions,
  ) {
    const turn = isExclusive ? new CatalogTurn(dataSource) : undefined;
    const catalog = new ProductCatalogClient(upstream, turn?.alone);
    super((id, deadline) => findCatalogProduct(catalog, id, deadline), rememberMs);
    this.turn = turn;
    this.lock = new ProductLock(dataSource, poolSize);
  }

  /**
   * Every call for an order takes its lines in the same order and continues only when a line is held. A line behind a
   * refused one was therefore never reserved, by any call. Behind an unknown one, or one that was held and then
   * released, it may have been. This relies on every call having all lines of the order.
   */
  override async reserve(
    reservationId: string,
    lines: readonly ReservationLine[],
    deadline: Deadline,
  ): Promise<ReserveOutcome[]> {
    const outcomes: ReserveOutcome[] = [];
    let behind: GroupOutcome['behind'] = null;
    for (const [productId, group] of groupByProduct(lines)) {
      if (behind === null) {
        const done: GroupOutcome = await this.reserveGroup(reservationId, productId, group, deadline);
        outcomes.push(...done.outcomes);
        behind = done.behind;
      }
      for (const { line } of group) {
        if (outcomes.some((outcome) => outcome.line === line)) continue;
        outcomes.push(
          behind === 'notAttempted'
            ? { line, outcome: 'notAttempted' }
            : { line, outcome: 'unknown', reason: 'its turn comes after a line that stopped the order' },
        );
      }
    }
    return inOrderOf(lines, outcomes);
  }

  override async release(
    reservationId: string,
    lines: readonly ReleaseLine[],
    deadline: Deadline,
  ): Promise<ReleaseOutcome[]> {
    const outcomes: ReleaseOutcome[] = [];
    for (const [productId, group] of groupByProduct(lines)) {
      let done = 0;
      try {
        await this.enter(productId, deadline, async (session, mover) => {
          for (const line of group) {
            await this.releaseLine(session, mover, reservationId, line);
            outcomes.push({ line: line.line, outcome: 'released' });
            done += 1;
          }
        });
      } catch (error) {
        const reason = this.reasonOf(error);
        for (const { line } of group.slice(done)) outcomes.push({ line, outcome: 'unknown', reason });
      }
    }
    return inOrderOf(lines, outcomes);
  }

  private async reserveGroup(
    reservationId: string,
    productId: string,
    group: readonly ReservationLine[],
    deadline: Deadline,
  ): Promise<GroupOutcome> {
    const outcomes: ReserveOutcome[] = [];
    let behind: GroupOutcome['behind'] = null;
    try {
      await this.enter(productId, deadline, async (session, mover) => {
        for (const line of group) {
          const result = await this.reserveLine(session, mover, reservationId, line);
          if (result.outcome === 'held') {
            outcomes.push({ line: line.line, outcome: 'held' });
            continue;
          }
          outcomes.push({ line: line.line, outcome: 'refused', reason: result.reason });
          behind = result.wasHeld ? 'unknown' : 'notAttempted';
          return;
        }
      });
    } catch (error) {
      const next = group[outcomes.length];
      if (next) outcomes.push({ line: next.line, outcome: 'unknown', reason: this.reasonOf(error) });
      behind = 'unknown';
    }
    return { outcomes, behind };
  }

  private enter(
    productId: string,
    deadline: Deadline,
    work: (session: PoolClient, mover: StockMover) => Promise<void>,
  ): Promise<void> {
    return this.lock.hold(productId, deadline, async (session) => {
      const catalog = new ProductCatalogClient(this.upstream, this.turn?.on(session));
      const mover = new StockMover(catalog, session.client, productId, deadline);
      await mover.settleUnfinished();
      await work(session.client, mover);
    });
  }

  private async reserveLine(
    session: PoolClient,
    mover: StockMover,
    reservationId: string,
    { line, productId, quantity }: ReservationLine,
  ): Promise<Held> {
    const key = `${reservationId}/${line}/reserve`;
    const releaseKey = `${reservationId}/${line}/release`;
    const movements = await journal.findMovements(session, productId, [key, releaseKey]);
    const released = movements.get(releaseKey);
    if (released && released.state !== 'applied') throw new InDoubt(productId);
    if (released) {
      const reason = `The units of product ${productId} were released`;
      return { outcome: 'refused', reason, wasHeld: true };
    }
    const before = movements.get(key);
    if (before?.state === 'applied') return { outcome: 'held' };
    if (before?.state === 'refused') return { outcome: 'refused', reason: before.reason ?? '' };
    if (before) throw new InDoubt(productId);
    const product = await mover.read();
    const { available: quantityBefore } = product;
    let reason = `Insufficient inventory for product ${productId}: requested ${quantity}, available ${quantityBefore}`;
    if (quantityBefore >= quantity) {
      const setting = await mover.move(product, { key, delta: -quantity });
      if (setting.isSet) return { outcome: 'held' };
      ({ reason } = setting);
    }
    await journal.insertRefused(session, { productId, key, delta: -quantity, quantityBefore, reason });
    return { outcome: 'refused', reason };
  }

  /**
   * Returns when nothing is held for the line.
   *
   * @throws when that is not certain
   */
  private async releaseLine(
    session: PoolClient,
    mover: StockMover,
    reservationId: string,
    { line, productId, quantity, certainlyHeld }: ReleaseLine,
  ): Promise<void> {
    const key = `${reservationId}/${line}/release`;
    const reserveKey = `${reservationId}/${line}/reserve`;
    const movements = await journal.findMovements(session, productId, [key, reserveKey]);
    const released = movements.get(key);
    if (released?.state === 'applied') return;
    if (released) throw new InDoubt(productId);
    const reserved = movements.get(reserveKey)?.state;
    if (reserved === 'refused') return;
    if (reserved === 'in_doubt') throw new InDoubt(productId);
    if (!reserved && !certainlyHeld) {
      // It was never reserved. The record stops a late reservation.
      const reason = `The reservation of product ${productId} was taken back before it was made`;
      const delta = -quantity;
      await journal.insertRefused(session, {
        productId,
        key: reserveKey,
        delta,
        quantityBefore: null,
        reason,
      });
      return;
    }
    const setting = await mover.move(await mover.read(), { key, delta: quantity });
    if (!setting.isSet) throw new UpstreamFault(this.upstream.name, 'status', setting.reason);
  }

  /** Why an outcome is unknown, for people. */
  private reasonOf(error: unknown): string {
    if (error instanceof UpstreamFault) return error.message;
    if (error instanceof ProductBusy || error instanceof Unsettled || error instanceof InDoubt) {
      return `${this.upstream.name}: ${error.message}`;
    }
    this.logger.error({ err: error }, 'The movements of the stock could not be read or noted.');
    return `${this.upstream.name}: the movements of its stock could not be read or noted`;
  }
}
