import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { reachPausePoint } from '../../pause-points/pause-points.js';
import type { Sql } from '../../platform/database/connection.js';
import { inTransaction } from '../../platform/database/transaction.js';
import type { Order } from '../order.entity.js';
import { type NewEvent, OrderRepository } from '../order.repository.js';

/** The transaction of a report, with its statement. */
@Injectable()
export class PaymentReportsRepository {
  constructor(
    private readonly dataSource: DataSource,
    private readonly orders: OrderRepository,
  ) {}

  /**
   * Stores the payments of an order together with the event of the report.
   *
   * @param order as it will be, at its next version
   * @returns false when the order has changed since it was read
   */
  async save(order: Order, event: NewEvent): Promise<boolean> {
    await reachPausePoint('payment.before-change', order.id);
    const isSaved = await inTransaction(this.dataSource, async (transaction) => {
      if (!(await this.updatePayments(transaction, order))) return false;
      await this.orders.insertEvent(transaction, order.id, order.version, event, event.from, event.to);
      await reachPausePoint('payment.inside-change', order.id);
      return true;
    });
    await reachPausePoint('payment.after-change', order.id);
    return isSaved;
  }

  /** Writes the payments of an order that is still at the version before. @returns whether it was */
  private async updatePayments(sql: Sql, { id, version, payments, updatedAt }: Order): Promise<boolean> {
    const [, affected] = await sql.query<[unknown, number]>(
      `UPDATE orders SET payments = $3, version = version + 1, updated_at = $4 WHERE id = $1 AND version = $2`,
      // As text: the driver makes an array of PostgreSQL of a list.
      [id, version - 1, JSON.stringify(payments), updatedAt],
    );
    return affected === 1;
  }
}
