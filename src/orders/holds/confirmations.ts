import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { databaseNow } from '../../platform/database/database-clock.js';
import type { Order } from '../order.entity.js';
import { orderNotFound, transitionNotAllowed, versionConflict } from '../order.problems.js';
import { OrderRepository } from '../order.repository.js';
import { isOrderId } from '../order-id.js';
import { allowedTransitions, type StatusSetter } from '../order-status.js';
import type { Owner } from '../ownership.js';
import { confirmingOf } from '../payments/confirming-payment.js';
import { type PaymentReport, withPayment } from '../payments/payment.js';
import { PaymentReportsRepository } from '../payment-reports/payment-reports.repository.js';
import { sameAmount, toJsonNumberOrNull } from '../pricing/order-pricing.js';
import { StatusChanges } from '../status/status-changes.js';
import { HoldExpiry } from './hold-expiry.js';
import { alreadyConfirmed, paymentMismatch } from './hold.problems.js';
import { type Confirmed, LateConfirmations } from './late-confirmations.js';

/**
 * Retries after concurrent changes, which are few for one order: its expiry, a cancellation, payments. After more
 * conflicts in a row the caller gets the error.
 */
const ATTEMPTS = 10;

/** Upper bound of the random wait before the next try: the same two don't meet again. */
const RETRY_WAIT_MS = 10;

/** The payment by which an order is confirmed. Amount and currency are those of the order unless they are named. */
export interface ConfirmingPayment {
  reference: string;
  state: 'authorized' | 'captured';
  amount?: number | undefined;
  currency?: string | undefined;
}

/** Who confirms an order. */
export interface ConfirmationRequest {
  owner: Owner;
  by: StatusSetter;
  actor: string;
  reason?: string | undefined;
  /** Versions that the caller has seen; one of them must be the current one. Undefined skips the check. */
  expectedVersions?: number[] | undefined;
}

/**
 * Confirms orders whose stock is held for a payment. No other service is called: the units are reserved. An expired order is
 * confirmed by reserving them again.
 */
@Injectable()
export class Confirmations {
  constructor(
    private readonly orders: OrderRepository,
    private readonly changes: StatusChanges,
    private readonly late: LateConfirmations,
    private readonly payments: PaymentReportsRepository,
    private readonly expiry: HoldExpiry,
    private readonly settings: Settings,
  ) {}

  /**
   * Idempotent: repeated with the same payment, or without one, it changes nothing.
   *
   * @throws {Problem} order-not-found, version-conflict, payment-mismatch, already-confirmed, transition-not-allowed,
   *   reservation-expired, confirmation-unsettled
   */
  async confirm(
    id: string,
    payment: ConfirmingPayment | undefined,
    request: ConfirmationRequest,
  ): Promise<Confirmed> {
    for (let attempt = 1; ; attempt += 1) {
      const order = isOrderId(id) ? await this.orders.findOrderOf(request.owner, id) : undefined;
      if (!order) throw orderNotFound(id);
      const { expectedVersions } = request;
      if (expectedVersions && !expectedVersions.includes(order.version)) throw versionConflict(order.version);
      const confirmed = await this.confirmOnce(order, payment, request);
      if (confirmed) return confirmed;
      if (attempt === ATTEMPTS) throw versionConflict(order.version + 1);
      await sleep(Math.random() * RETRY_WAIT_MS * attempt);
    }
  }

  /** @returns undefined when a concurrent change was first */
  private async confirmOnce(
    order: Order,
    payment: ConfirmingPayment | undefined,
    request: ConfirmationRequest,
  ): Promise<Confirmed | undefined> {
    switch (order.status) {
      case 'reserved':
        return this.confirmReserved(order, this.reportOf(order, payment), request);
      case 'expired':
        return this.late.confirm(order, this.reportOf(order, payment), {
          actor: request.actor,
          reason: request.reason,
        });
      case 'confirmed':
      case 'processing':
      case 'shipped':
      case 'delivered':
      case 'returned':
        return this.repeat(order, payment, request.actor);
      default:
        if (payment && hasEnded(order) && !(await this.recordOnly(order, payment, request.actor)))
          return undefined;
        throw transitionNotAllowed(order.status, 'confirmed', allowedTransitions(order.status, request.by));
    }
  }

  /** Ends a hold whose units are gone. @returns undefined, so that the order is read again and its stock reserved again */
  private async expireFirst(order: Order): Promise<undefined> {
    await this.expiry.write(order);
    return undefined;
  }

  private async confirmReserved(
    order: Order,
    report: PaymentReport | undefined,
    { actor, reason }: ConfirmationRequest,
  ): Promise<Confirmed | undefined> {
    if (hasLostStock(order)) return this.expireFirst(order);
    const confirmed = await this.changes.write(order, {
      to: 'confirmed',
      actor,
      reason,
      notifies: true,
      ...(report && { payments: paymentsWith(order, report), data: { payment: { ...report } } }),
    });
    return confirmed && { order: confirmed, isChanged: true };
  }

  /** Records the payment of an order that it can not confirm, so that staff sees what to refund. */
  private async recordOnly(order: Order, payment: ConfirmingPayment, actor: string): Promise<boolean> {
    const report = completeReport(order, payment);
    return (await this.payments.write(order, { report, actor, confirms: false })) !== undefined;
  }

  /** A confirmation of an order that is confirmed. The first payment of one that was confirmed without any is its own. */
  private async repeat(
    order: Order,
    payment: ConfirmingPayment | undefined,
    actor: string,
  ): Promise<Confirmed | undefined> {
    if (!payment) return { order, isChanged: false };
    const confirming = confirmingOf(order.payments);
    if (confirming && confirming.reference !== payment.reference)
      throw alreadyConfirmed(confirming.reference, order.status);
    if (confirming?.state === payment.state) return { order, isChanged: false };
    const report = this.reportOf(order, payment);
    const recorded = report && (await this.payments.write(order, { report, actor, confirms: !confirming }));
    return recorded && { order: recorded, isChanged: recorded !== order };
  }

  /** @throws {Problem} payment-mismatch */
  private reportOf(order: Order, payment: ConfirmingPayment | undefined): PaymentReport | undefined {
    if (!payment) return undefined;
    const report = completeReport(order, payment);
    const { totalAmount, currency } = order;
    const isExact =
      report.currency === currency && totalAmount !== null && sameAmount(String(report.amount), totalAmount);
    if (!isExact && !this.settings.ALLOW_PAYMENT_MISMATCH)
      throw paymentMismatch(toJsonNumberOrNull(totalAmount), currency);
    return report;
  }
}

/** A payment with the amount and the currency of its order, unless it names others. */
function completeReport(order: Order, payment: ConfirmingPayment): PaymentReport {
  const { reference, state, amount = toJsonNumberOrNull(order.totalAmount) ?? 0 } = payment;
  return { reference, state, amount, currency: payment.currency ?? order.currency };
}

/** Whether nothing can be sold under the order any more. One that is pending may still be confirmed by the payment. */
function hasEnded({ status, totalAmount }: Order): boolean {
  return status !== 'pending' && totalAmount !== null;
}

/** Whether the inventory has given the units away: the hold ends late, as after an outage of this service. */
function hasLostStock({ stockUntil }: Order): boolean {
  return stockUntil !== null && stockUntil <= databaseNow();
}

function paymentsWith(order: Order, report: PaymentReport): Order['payments'] {
  const payments = withPayment(order.payments, report, databaseNow(), { confirms: true });
  return payments === 'unchanged' ? order.payments : payments;
}
