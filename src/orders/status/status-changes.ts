import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { reachPausePoint } from '../../pause-points/pause-points.js';
import { runAll, type Sql } from '../../platform/database/connection.js';
import { databaseNow } from '../../platform/database/database-clock.js';
import { inTransaction } from '../../platform/database/transaction.js';
import type { NewTask } from '../../tasks/task-kind.js';
import type { Lease } from '../../tasks/task.repository.js';
import { Tasks } from '../../tasks/tasks.service.js';
import { cartClaim } from '../claims/claims-of.js';
import { OrderClaimsRepository } from '../claims/order-claims.repository.js';
import type { Order } from '../order.entity.js';
import { countStatusChange } from '../order.metrics.js';
import { HoldsRepository } from '../reservation/holds.repository.js';
import { type Change, OrderRepository } from '../order.repository.js';
import { isLive, type OrderStatus } from '../order-status.js';
import {
  canNotify,
  checkOutCartTask,
  CONFIRM_EXPIRED,
  EXPIRE_HOLD,
  KEEP_STOCK,
  keepStockTask,
  NOBODY_NOTIFIED,
  notificationOf,
  releaseStockTask,
} from '../order.tasks.js';

/** A change of the status of an order, with what is stored along with it. */
export interface NewStatus {
  to: OrderStatus;
  actor: string;
  reason?: string | undefined;
  /** Data of its event. */
  data?: Record<string, unknown>;
  /** Whether the customer is notified. */
  notifies: boolean;
  /** Payments as they are then; absent where they stay. */
  payments?: Order['payments'];
  /** Of an expired order whose stock was reserved again: when the inventory gives it away by itself, or null. */
  reservedAgain?: Pick<Order, 'stockUntil'>;
  /** Of the task that makes the change; where it was lost nothing changes. */
  lease?: Lease;
}

/** The lease of a task was lost: roll back. */
class LeaseLost extends Error {}

/**
 * The transaction that changes the status of an order by compare-and-set on its version, with its event and the tasks that
 * the new status makes necessary. Of two concurrent changes exactly one is written.
 */
@Injectable()
export class StatusChanges {
  constructor(
    private readonly dataSource: DataSource,
    private readonly orders: OrderRepository,
    private readonly holds: HoldsRepository,
    private readonly claims: OrderClaimsRepository,
    private readonly tasks: Tasks,
  ) {}

  /**
   * @param order as it was read
   * @returns the changed order, or undefined when a concurrent change was first or the lease was lost
   */
  async write(order: Order, change: NewStatus): Promise<Order | undefined> {
    const step = stepOf(change);
    await reachPausePoint(`${step}.before-change`, order.id);
    const changed = await this.inFencedTransaction((transaction) => this.writeIn(transaction, order, change));
    await reachPausePoint(`${step}.after-change`, order.id);
    if (changed) this.noteCommitted(order, change);
    return changed;
  }

  /** To be called once a change is committed. */
  noteCommitted(order: Order, { to, notifies }: Pick<NewStatus, 'to' | 'notifies'>): void {
    if (notifies && canNotify(order)) this.orders.announceCommit();
    countStatusChange(order.status, to);
  }

  /** The same as a part of a transaction; `noteCommitted` comes after it. @throws when the lease was lost */
  async writeIn(transaction: Sql, order: Order, change: NewStatus): Promise<Order | undefined> {
    const { to, payments = order.payments, reservedAgain } = change;
    const at = databaseNow();
    const next = { status: to, version: order.version + 1, updatedAt: at, payments };
    const changed = { ...order, ...next, ...reservedAgain };
    if (!(await this.orders.update(transaction, order, changed))) return undefined;
    await this.requireLease(transaction, change.lease);
    const event = eventOf(order, change, at);
    await this.orders.insertEvent(transaction, order.id, changed.version, event, order.status, to);
    if (reservedAgain) await this.holds.endReservingAgain(transaction, order.id, reservedAgain.stockUntil);
    await this.writeConsequences(transaction, order, changed);
    await reachPausePoint(`${stepOf(change)}.inside-change`, order.id);
    return changed;
  }

  private async inFencedTransaction(
    work: (transaction: Sql) => Promise<Order | undefined>,
  ): Promise<Order | undefined> {
    try {
      return await inTransaction(this.dataSource, work);
    } catch (error) {
      if (error instanceof LeaseLost) return undefined;
      throw error;
    }
  }

  /** After the order's row, as everywhere: locked the other way round they could deadlock. */
  private async requireLease(transaction: Sql, lease: Lease | undefined): Promise<void> {
    if (lease && !(await this.tasks.lock(transaction, lease))) throw new LeaseLost();
  }

  /** What the new status makes necessary elsewhere. */
  private async writeConsequences(transaction: Sql, before: Order, after: Order): Promise<void> {
    const tasks: NewTask[] = [];
    if (before.status === 'reserved') await this.tasks.remove(transaction, after.id, EXPIRE_HOLD);
    if (before.status === 'expired') await this.tasks.remove(transaction, after.id, CONFIRM_EXPIRED);
    if (isLive(before.status) && !isLive(after.status)) {
      if (after.cartId !== null)
        await runAll(transaction, this.claims.free(after.id, [cartClaim(after.cartId)]));
      // In the lane of the release, which must not wait behind it.
      if (after.stockUntil !== null) await this.tasks.remove(transaction, after.id, KEEP_STOCK);
      tasks.push(releaseStockTask(after.id, after.version));
    }
    if (after.status === 'confirmed')
      tasks.push(...(await this.tasksOfConfirmation(transaction, before, after)));
    if (tasks.length > 0) await this.tasks.insert(transaction, tasks);
  }

  private async tasksOfConfirmation(transaction: Sql, before: Order, after: Order): Promise<NewTask[]> {
    const { id, version, cartId, customerId, stockUntil } = after;
    const keepsStock = stockUntil === null ? [] : [keepStockTask(id, version)];
    if (cartId === null || customerId === null) return keepsStock;
    // The cart of an expired order may have been ordered once more.
    const hasCart =
      before.status === 'reserved' || (await this.claims.claimIfFree(transaction, id, cartClaim(cartId)));
    return hasCart ? [...keepsStock, checkOutCartTask(id, version, customerId, cartId)] : keepsStock;
  }
}

/** Confirmations and expiries have pause points of their own: among all changes of a status a kill would rarely hit one. */
function stepOf({
  to,
  reservedAgain,
}: NewStatus): 'status' | 'expiry' | 'confirmation' | 'late-confirmation' {
  if (to === 'expired') return 'expiry';
  if (to !== 'confirmed') return 'status';
  return reservedAgain ? 'late-confirmation' : 'confirmation';
}

function eventOf(order: Order, { actor, reason, data, notifies }: NewStatus, at: Date): Change {
  const notification = notifies ? notificationOf(order) : undefined;
  const isUnknown = notifies && !notification;
  return {
    type: 'status_changed',
    actor,
    reason,
    data: isUnknown ? { ...data, ...NOBODY_NOTIFIED } : data,
    at,
    notification,
  };
}
