import { Injectable } from '@nestjs/common';
import { NIL as NIL_ID } from 'uuid';
import { smallestIdAt } from '../../orders/dto/list-orders.dto.js';
import { Inventory, StockJournal } from '../../orders/order.ports.js';
import { Deadline } from '../../platform/deadline.js';
import { type Baseline, type Books, compare, type ProductDrift, widest } from './drift.js';
import { DriftRepository } from './drift.repository.js';
import { databaseNow } from '../../platform/database/database-clock.js';

/** Products compared in one batch: few enough that the books change little while the inventory answers. */
const BATCH_SIZE = 50;

/** No client waits for a report as for an order, so a slow inventory may take its time. */
const BATCH_DEADLINE_MS = 60_000;

export interface DriftRequest {
  /** Only these products; all that were ordered where it is left out. */
  productIds?: readonly string[];
  /** Only products of orders placed at this time or later. */
  since?: string;
  /** Record the current stock as the new baseline. */
  rebase: boolean;
}

const NOTHING: Books = { sold: 0, held: 0 };

/**
 * Compares the stock at the inventory with the units that the orders have taken. Changes nothing at the inventory.
 */
@Injectable()
export class DriftReport {
  constructor(
    private readonly repository: DriftRepository,
    private readonly inventory: Inventory,
    private readonly journal: StockJournal,
  ) {}

  /** @throws {UpstreamFault} when the inventory is unavailable; earlier batches are stored */
  async run({ productIds, since, rebase }: DriftRequest): Promise<ProductDrift[]> {
    const from = since === undefined ? NIL_ID : smallestIdAt(since);
    const products = productIds ?? (await this.repository.findProducts(from));
    const found: ProductDrift[] = [];
    for (let start = 0; start < products.length; start += BATCH_SIZE) {
      found.push(...(await this.compareAll(products.slice(start, start + BATCH_SIZE), rebase)));
    }
    return found;
  }

  private async compareAll(productIds: readonly string[], rebase: boolean): Promise<ProductDrift[]> {
    const at = databaseNow();
    // The journal and the inventory are read between two readings of the books, which bound every concurrent change.
    const before = await this.repository.sumBooks(productIds);
    const journal = await this.journal.sumTaken(productIds);
    const stock = await this.inventory.findProducts(productIds, Deadline.in(BATCH_DEADLINE_MS));
    const after = await this.repository.sumBooks(productIds);
    const baselines = rebase ? new Map<string, Baseline>() : await this.repository.findBaselines(productIds);
    const found = productIds.map((productId) =>
      compare({
        productId,
        quantity: stock.get(productId)?.available ?? null,
        books: widest(before.get(productId) ?? NOTHING, after.get(productId) ?? NOTHING),
        baseline: baselines.get(productId),
        journal: journal === null ? undefined : (journal.get(productId) ?? 0),
      }),
    );
    for (const product of found) await this.keep(product, at);
    return this.explain(found);
  }

  /** Adds what people wrote off to products with missing units. */
  private async explain(found: readonly ProductDrift[]): Promise<ProductDrift[]> {
    const missing = found.filter(({ verdict }) => verdict === 'missing').map(({ productId }) => productId);
    if (missing.length === 0) return [...found];
    const units = await this.repository.sumWrittenOff(missing);
    return found.map((product) => {
      const writtenOff = units.get(product.productId);
      return writtenOff === undefined ? product : { ...product, writtenOff };
    });
  }

  /** A product that the inventory has never known has nothing to be compared with later. */
  private async keep(
    { productId, quantity, books, drift, ...product }: ProductDrift,
    at: Date,
  ): Promise<void> {
    const baseline = product.baseline ?? (quantity === null ? undefined : { ...books, quantity, at });
    if (baseline) await this.repository.save({ productId, baseline, quantity, drift }, at);
  }
}
