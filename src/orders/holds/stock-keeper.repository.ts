import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction } from '../../platform/database/transaction.js';
import type { Lease } from '../../tasks/task.repository.js';
import { Tasks } from '../../tasks/tasks.service.js';
import type { Order } from '../order.entity.js';

/** The transaction of `StockKeeper`, with its statement. */
@Injectable()
export class StockKeeperRepository {
  constructor(
    private readonly dataSource: DataSource,
    private readonly tasks: Tasks,
  ) {}

  /**
   * Stores how long the inventory keeps the units of an order. It is bookkeeping between this service and the inventory that no
   * client sees, so it is no event and raises no version: requests that change the order are not refused for it.
   *
   * @param askAgainMs pause until the task runs again; undefined where it is done
   * @throws {Error} when the lease was lost, or the order has another reservation by now
   */
  async save(
    lease: Lease,
    order: Order,
    stockUntil: Date | null,
    askAgainMs: number | undefined,
  ): Promise<void> {
    const isStored = await inTransaction(this.dataSource, async (transaction) => {
      // The row of the order first, as everywhere: locked the other way round two transactions could deadlock.
      const [, affected] = await transaction.query<[unknown, number]>(
        `UPDATE orders SET stock_until = $3 WHERE id = $1 AND stock_generation = $2`,
        [order.id, order.stockGeneration, stockUntil],
      );
      if (affected !== 1) return false;
      // Of the two the second also ends the lease.
      return askAgainMs === undefined
        ? this.tasks.lock(transaction, lease)
        : this.tasks.restart(transaction, lease, askAgainMs);
    });
    if (!isStored) throw new Error('the lease of this attempt was lost, so its result is not recorded');
  }
}
