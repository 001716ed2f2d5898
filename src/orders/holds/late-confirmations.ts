import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Settings } from '../../config/settings.js';
import type { Sql } from '../../platform/database/connection.js';
import { requestDeadline } from '../../platform/telemetry/request-context.js';
import { inTransaction } from '../../platform/database/transaction.js';
import { Tasks } from '../../tasks/tasks.service.js';
import type { Order } from '../order.entity.js';
import { orderNotFound, transitionNotAllowed } from '../order.problems.js';
import { OrderRepository } from '../order.repository.js';
import { CONFIRM_EXPIRED, confirmExpiredTask } from '../order.tasks.js';
import type { PaymentReport } from '../payments/payment.js';
import { PaymentReportsRepository } from '../payment-reports/payment-reports.repository.js';
import { confirmationUnsettled, reservationExpired } from './hold.problems.js';

/** How often the outcome is looked for while a client waits. An attempt takes a call to the inventory. */
const LOOK_MS = 50;

/** The order after a confirmation, and whether this request changed it. */
export interface Confirmed {
  order: Order;
  isChanged: boolean;
}

/**
 * Confirmations of orders whose hold had expired. A payment is never lost: it is recorded together with the task that reserves
 * the stock again, and the client waits for the outcome of that task.
 */
@Injectable()
export class LateConfirmations {
  constructor(
    private readonly dataSource: DataSource,
    private readonly orders: OrderRepository,
    private readonly payments: PaymentReportsRepository,
    private readonly tasks: Tasks,
    private readonly settings: Settings,
  ) {}

  /**
   * @returns undefined when a concurrent change was first
   * @throws {Problem} reservation-expired, confirmation-unsettled, transition-not-allowed, payment-already-recorded
   */
  async confirm(
    order: Order,
    report: PaymentReport | undefined,
    actor: string,
  ): Promise<Confirmed | undefined> {
    const isBegun = report
      ? await this.payments.write(order, { report, actor, confirms: true }, this.insertTask(actor))
      : await inTransaction(this.dataSource, async (transaction) => {
          await this.insertTask(actor)(transaction, order);
          return true;
        });
    return isBegun ? this.outcomeOf(order) : undefined;
  }

  /** The task of an earlier confirmation stays: it may be about to succeed, or be an incident. */
  private insertTask(actor: string): (transaction: Sql, order: Order) => Promise<void> {
    return (transaction, { id, version }) =>
      this.tasks.insertUnlessOpen(confirmExpiredTask(id, version, actor), transaction);
  }

  private async outcomeOf({ id }: Order): Promise<Confirmed> {
    this.tasks.wake();
    const deadline = requestDeadline(this.settings.REQUEST_DEADLINE_MS);
    for (;;) {
      // Read before the order: its end is stored with the order, or after it.
      const state = await this.tasks.stateOf(id, CONFIRM_EXPIRED);
      const order = await this.orders.findOrder(id);
      if (!order) throw orderNotFound(id);
      if (order.status === 'cancelled') throw transitionNotAllowed(order.status, 'confirmed', []);
      if (order.status !== 'expired') return { order, isChanged: true };
      if (state === 'dead') throw reservationExpired(order.status);
      if (state === undefined || deadline.remaining() <= LOOK_MS) throw confirmationUnsettled();
      await sleep(LOOK_MS);
    }
  }
}
