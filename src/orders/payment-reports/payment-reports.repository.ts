import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { reachPausePoint } from '../../pause-points/pause-points.js';
import type { Sql } from '../../platform/database/connection.js';
import { databaseNow } from '../../platform/database/database-clock.js';
import { inTransaction } from '../../platform/database/transaction.js';
import type { Order } from '../order.entity.js';
import { OrderRepository } from '../order.repository.js';
import { type PaymentReport, withPayment } from '../payments/payment.js';

/** A report, and who sends it. */
export interface NewReport {
  report: PaymentReport;
  actor: string;
  /** Whether it confirms the order. */
  confirms: boolean;
}

/** The transaction that records a report, with its event. */
@Injectable()
export class PaymentReportsRepository {
  constructor(
    private readonly dataSource: DataSource,
    private readonly orders: OrderRepository,
  ) {}

  /**
   * Records a report by compare-and-set on the version of the order. One that is recorded changes nothing.
   *
   * @param along what the same transaction writes as well, for the order as it is then
   * @returns the order as it is then; undefined when a concurrent change was first
   * @throws {Problem} payment-already-recorded, too-many-payments
   */
  async write(
    order: Order,
    { report, actor, confirms }: NewReport,
    along: (transaction: Sql, order: Order) => Promise<void> = async () => undefined,
  ): Promise<Order | undefined> {
    const at = databaseNow();
    const payments = withPayment(order.payments, report, at, { confirms });
    if (payments === 'unchanged') {
      await inTransaction(this.dataSource, (transaction) => along(transaction, order));
      return order;
    }
    const recorded = { ...order, payments, version: order.version + 1, updatedAt: at };
    const event = { type: 'payment_recorded', actor, data: { ...report }, at } as const;
    await reachPausePoint('payment.before-record', order.id);
    const isRecorded = await inTransaction(this.dataSource, async (transaction) => {
      if (!(await this.orders.update(transaction, order, recorded))) return false;
      await this.orders.insertEvent(transaction, order.id, recorded.version, event, null, null);
      await along(transaction, recorded);
      await reachPausePoint('payment.inside-record', order.id);
      return true;
    });
    await reachPausePoint('payment.after-record', order.id);
    return isRecorded ? recorded : undefined;
  }
}
