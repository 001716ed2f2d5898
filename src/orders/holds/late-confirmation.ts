import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { reachPausePoint } from '../../pause-points/pause-points.js';
import type { Deadline } from '../../platform/deadline.js';
import { AttemptError, type TaskInput } from '../../tasks/task-kind.js';
import { Tasks } from '../../tasks/tasks.service.js';
import { observeInventory } from '../history/inventory-calls.js';
import type { Order } from '../order.entity.js';
import { Inventory } from '../order.ports.js';
import { OrderRepository } from '../order.repository.js';
import { CONFIRM_EXPIRED, type LatePayload } from '../order.tasks.js';
import { paymentsToConfirm } from '../payments/confirming-payment.js';
import { FIRST_PAUSE_MS, LONGEST_PAUSE_MS } from '../place-order/place-order-saga.js';
import { type Completion, completionOf, earliestEnd, sameForAll } from '../place-order/completion.js';
import { StatusChanges } from '../status/status-changes.js';
import { LateConfirmationRepository } from './late-confirmation.repository.js';
import { reservationIdOf } from '../reservation/reservation-id.js';

/** Concurrent changes of one order are few: corrections, payments. */
const WRITE_ATTEMPTS = 5;

/**
 * Attempts while the outcome is unknown, about two minutes: then what may be reserved is released, and a person decides about
 * the payment.
 */
const MAX_ATTEMPTS = 18;

/** Of these, for the case that the result of the last call can not be stored at once. */
const SPARE_ATTEMPTS = 2;

/** Refunded while its stock was missing, or reserved again. */
const PAYMENT_ENDED = 'the payment was refunded, voided or declined before the stock was reserved again';

type ConfirmExpired = TaskInput<LatePayload>;

/**
 * Confirms an order whose hold had expired: its units are reserved again, under a new generation of idempotency keys, because
 * what was released stays released. Only when all earlier units are released does a generation begin.
 */
@Injectable()
export class LateConfirmation implements OnModuleInit {
  constructor(
    private readonly repository: LateConfirmationRepository,
    private readonly orders: OrderRepository,
    private readonly inventory: Inventory,
    private readonly changes: StatusChanges,
    private readonly tasks: Tasks,
    private readonly settings: Settings,
  ) {}

  onModuleInit(): void {
    this.tasks.register(CONFIRM_EXPIRED, (task, deadline) => this.attempt(task, deadline), {
      attemptTimeoutMs: this.settings.REQUEST_DEADLINE_MS,
      maxAttempts: MAX_ATTEMPTS,
      firstPauseMs: FIRST_PAUSE_MS,
      maxPauseMs: LONGEST_PAUSE_MS,
      isKept: false,
    });
  }

  /** @throws {AttemptError} when the stock is gone, which makes an incident */
  private async attempt(task: ConfirmExpired, deadline: Deadline): Promise<void> {
    const order = await this.orders.findOrder(task.orderId);
    if (order?.status !== 'expired') return;
    if (paymentsToConfirm(order) === undefined) return this.endUnpaid(order, task);
    const mayBeReserved = order.isReservingAgain;
    const isReleased = order.items.every(({ reservation }) => reservation === 'released');
    if (!mayBeReserved && !isReleased) return this.repository.waitForRelease(task, order);
    const begun = mayBeReserved ? order : await this.repository.begin(order, task);
    await reachPausePoint('late-confirmation.after-begin', order.id);
    const completion = await this.reserve(begun, mayBeReserved, deadline);
    if (completion.to === 'confirmed') return this.confirm(begun, completion, task);
    const isLast = task.attempts >= task.maxAttempts - SPARE_ATTEMPTS;
    if (completion.to === 'failed' && !isLast) {
      const isUntouched = completion.released.length === order.items.length;
      if (isUntouched) await this.repository.endUntouched(begun, task);
      if (isUntouched || this.inventory.idempotent) throw new AttemptError(reasonOf(completion));
    }
    return this.giveUp(begun, completion, task);
  }

  /** @throws {AttemptError} which makes an incident */
  private async giveUp(order: Order, completion: Completion, task: ConfirmExpired): Promise<never> {
    await this.repository.giveBack(order, completion, task);
    throw new AttemptError(reasonOf(completion), 0, true);
  }

  /** Ends a confirmation whose payment is not valid any more. Units that may be reserved for it are released. */
  private async endUnpaid(order: Order, task: ConfirmExpired): Promise<never> {
    if (!order.isReservingAgain) throw new AttemptError(PAYMENT_ENDED, 0, true);
    return this.giveUp(
      order,
      completionOf(sameForAll(order.items, 'unknown', PAYMENT_ENDED), order.items),
      task,
    );
  }

  private async reserve(order: Order, mayBeReserved: boolean, deadline: Deadline): Promise<Completion> {
    // The answer to an earlier call is lost, and a second call would reserve a second time.
    if (mayBeReserved && !this.inventory.idempotent) {
      const unknown = sameForAll(order.items, 'unknown', 'it is unknown what was reserved');
      return completionOf(unknown, order.items);
    }
    const lines = order.items.map(({ id, productId, quantity }) => ({ line: id, productId, quantity }));
    const reserve = () => this.inventory.reserve(reservationIdOf(order), lines, deadline);
    const { outcomes, call } = await observeInventory('reserve', reserve);
    const completion = completionOf(outcomes, order.items);
    return { ...completion, calls: [call], ...earliestEnd(outcomes) };
  }

  private async confirm(order: Order, completion: Completion, task: ConfirmExpired): Promise<void> {
    const { calls, stockUntil } = completion;
    let current: Order | undefined = order;
    for (let attempt = 1; current?.status === 'expired' && attempt <= WRITE_ATTEMPTS; attempt += 1) {
      const payments = paymentsToConfirm(current);
      if (payments === undefined) return this.giveUp(current, { ...completion, reason: PAYMENT_ENDED }, task);
      const confirmed = await this.changes.write(current, {
        to: 'confirmed',
        payments,
        actor: task.payload.actor,
        reason: task.payload.reason,
        notifies: true,
        reservedAgain: { stockUntil: stockUntil ?? null },
        data: { ...(calls && { calls }) },
        lease: task,
      });
      if (confirmed) return;
      current = await this.orders.findOrder(order.id);
    }
    throw new Error(`order ${order.id} has changed`);
  }
}

function reasonOf({ reason }: Completion): string {
  return reason ?? 'the stock could not be reserved again';
}
