import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Problem } from '../../platform/http/problem.js';
import type { Order } from '../order.entity.js';
import { versionConflict } from '../order.problems.js';
import { OrdersService } from '../orders.service.js';
import type { Owner } from '../ownership.js';
import type { PaymentReport } from '../payments/payment.js';
import { fitsCurrency } from '../pricing/order-pricing.js';
import type { RecordPaymentDto } from './record-payment.dto.js';
import { PaymentReportsRepository } from './payment-reports.repository.js';

/**
 * Retries after concurrent changes; after more conflicts in a row the caller gets the error. One of several concurrent
 * reports succeeds in each round, and a payment provider sends a few at a time.
 */
const ATTEMPTS = 20;

/** Upper bound of the random wait before the next try, times the number of tries: the same two don't meet again. */
const RETRY_WAIT_MS = 5;

/**
 * Records what a payment provider says about the payments of an order. The service moves no money, and a report changes no
 * status: an order is confirmed, cancelled or expires by itself. No other service is called.
 */
@Injectable()
export class PaymentReports {
  constructor(
    private readonly orders: OrdersService,
    private readonly repository: PaymentReportsRepository,
  ) {}

  /**
   * Records a report. A repeated one changes nothing and is no event.
   *
   * @returns the order as it is then
   * @throws {Problem} order-not-found, invalid-request, payment-already-recorded, too-many-payments, version-conflict
   */
  async record(id: string, body: RecordPaymentDto, owner: Owner, actor: string): Promise<Order> {
    for (let attempt = 1; ; attempt += 1) {
      const order = await this.orders.get(owner, id);
      const report = reportOf(body, order);
      const recorded = await this.repository.write(order, { report, actor, confirms: false });
      if (recorded) return recorded;
      if (attempt === ATTEMPTS) throw versionConflict(order.version + 1);
      await sleep(Math.random() * RETRY_WAIT_MS * attempt);
    }
  }
}

/** @throws {Problem} invalid-request when the amount has more decimals than its currency */
function reportOf({ reference, state, amount, currency }: RecordPaymentDto, order: Order): PaymentReport {
  const paidIn = currency ?? order.currency;
  if (!fitsCurrency(String(amount), paidIn)) {
    throw Problem.invalidRequest([
      { field: 'amount', message: `must not have more decimals than ${paidIn} has` },
    ]);
  }
  return { reference, state, amount, currency: paidIn };
}
