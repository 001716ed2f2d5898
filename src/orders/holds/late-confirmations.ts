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
import { CONFIRM_EXPIRED, confirmExpiredTask, type LatePayload, RELEASE_STOCK } from '../order.tasks.js';
import { confirmingOf } from '../payments/confirming-payment.js';
import type { PaymentReport } from '../payments/payment.js';
import { PaymentReportsRepository } from '../payment-reports/payment-reports.repository.js';
import { HoldsRepository } from '../reservation/holds.repository.js';
import { alreadyConfirmed, confirmationUnsettled, reservationExpired } from './hold.problems.js';

/** How often the outcome is looked for while a client waits: an attempt takes a call to the inventory. */
const FIRST_LOOK_MS = 40;
const LONGEST_LOOK_MS = 640;

/** Clients that wait at a time. While the inventory is unavailable, others must not wait for their orders as well. */
const MAX_WAITING = 10;

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
  private waiting = 0;

  constructor(
    private readonly dataSource: DataSource,
    private readonly orders: OrderRepository,
    private readonly holds: HoldsRepository,
    private readonly payments: PaymentReportsRepository,
    private readonly tasks: Tasks,
    private readonly settings: Settings,
  ) {}

  /**
   * The first payment confirms the order; further ones are recorded and refused.
   *
   * @returns undefined when a concurrent change was first
   * @throws {Problem} reservation-expired, confirmation-unsettled, already-confirmed, transition-not-allowed,
   *   payment-already-recorded
   */
  async confirm(
    order: Order,
    report: PaymentReport | undefined,
    by: LatePayload,
  ): Promise<Confirmed | undefined> {
    const insertTask = (transaction: Sql, current: Order): Promise<boolean> =>
      this.insertTask(transaction, current, by);
    const confirming = confirmingOf(order.payments)?.reference;
    const confirms = confirming === undefined || confirming === report?.reference;
    const isBegun = report
      ? await this.payments.write(order, { report, actor: by.actor, confirms }, insertTask)
      : await inTransaction(this.dataSource, (transaction) => insertTask(transaction, order));
    if (!isBegun) return undefined;
    const confirmed = await this.outcomeOf(order);
    const first = confirmingOf(confirmed.order.payments)?.reference;
    if (report && first !== undefined && first !== report.reference)
      throw alreadyConfirmed(first, confirmed.order.status);
    return confirmed;
  }

  /**
   * The task of an earlier confirmation stays: it may be about to succeed, or be an incident. The lock on the order lets one
   * transaction at a time look for it.
   *
   * @returns false when a concurrent change was first
   */
  private async insertTask(transaction: Sql, order: Order, by: LatePayload): Promise<boolean> {
    if (!(await this.holds.lock(transaction, order))) return false;
    await this.tasks.insertUnlessOpen(confirmExpiredTask(order.id, order.version, by), transaction);
    return true;
  }

  private async outcomeOf(order: Order): Promise<Confirmed> {
    this.tasks.wake();
    const mayWait = this.waiting < MAX_WAITING;
    this.waiting += 1;
    try {
      return await this.waitFor(order.id, mayWait);
    } finally {
      this.waiting -= 1;
    }
  }

  /** Whether no task releases the stock of the expired hold any more: its incident has to be resolved first. */
  private async waitsForStaff(id: string): Promise<boolean> {
    // Read before the order: a release that ends in between has released its lines.
    const release = await this.tasks.stateOf(id, RELEASE_STOCK);
    if (release !== undefined && release !== 'dead') return false;
    const order = await this.orders.findOrder(id);
    const isHeld = order?.items.some(({ reservation }) => reservation !== 'released') ?? false;
    return order?.status === 'expired' && !order.isReservingAgain && isHeld;
  }

  /** @param mayWait otherwise it looks once */
  private async waitFor(id: string, mayWait: boolean): Promise<Confirmed> {
    const deadline = requestDeadline(this.settings.REQUEST_DEADLINE_MS);
    for (let pauseMs = FIRST_LOOK_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_LOOK_MS)) {
      // Read before the order: its end is stored with the order, or after it.
      const state = await this.tasks.stateOf(id, CONFIRM_EXPIRED);
      const order = await this.orders.findOrder(id);
      if (!order) throw orderNotFound(id);
      if (order.status === 'cancelled') throw transitionNotAllowed(order.status, 'confirmed', []);
      if (order.status !== 'expired') return { order, isChanged: true };
      if (state === 'dead') throw reservationExpired(order.status);
      if (!mayWait || state === undefined || deadline.remaining() <= pauseMs)
        throw confirmationUnsettled(await this.waitsForStaff(id));
      await sleep(pauseMs);
    }
  }
}
