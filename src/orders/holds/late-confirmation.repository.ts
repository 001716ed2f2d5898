import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { reachPausePoint } from '../../pause-points/pause-points.js';
import type { Sql } from '../../platform/database/connection.js';
import { databaseNow } from '../../platform/database/database-clock.js';
import { inTransaction } from '../../platform/database/transaction.js';
import type { Lease } from '../../tasks/task.repository.js';
import { Tasks } from '../../tasks/tasks.service.js';
import type { Order } from '../order.entity.js';
import { fitLists } from '../order.problems.js';
import { OrderRepository } from '../order.repository.js';
import { releaseStockTask } from '../order.tasks.js';
import type { Completion } from '../place-order/completion.js';
import { StatusChanges } from '../status/status-changes.js';
import { HoldsRepository } from '../reservation/holds.repository.js';

const ACTOR = 'late-confirmation';

/** Concurrent changes of one order are few: corrections, payments. */
const WRITE_ATTEMPTS = 5;

/** A release takes one call, and days where the inventory is unavailable: the pause is a share of the time waited so far. */
const RELEASE_PAUSE = 0.25;
const MIN_PAUSE_MS = 500;
const MAX_PAUSE_MS = 60_000;

/** A person's decision. */
export interface GivenUp {
  actor: string;
  reason: string | undefined;
}

/** The transactions by which the stock of an expired order is reserved again, or not. */
@Injectable()
export class LateConfirmationRepository {
  constructor(
    private readonly dataSource: DataSource,
    private readonly orders: OrderRepository,
    private readonly holds: HoldsRepository,
    private readonly changes: StatusChanges,
    private readonly tasks: Tasks,
  ) {}

  /** Lets the task wait until the stock of the expired hold is released. That is no attempt. */
  async waitForRelease(lease: Lease, { updatedAt }: Order): Promise<void> {
    const waitedMs = databaseNow().getTime() - updatedAt.getTime();
    const pauseMs = Math.round(Math.min(Math.max(waitedMs * RELEASE_PAUSE, MIN_PAUSE_MS), MAX_PAUSE_MS));
    await inTransaction(this.dataSource, (transaction) => this.tasks.restart(transaction, lease, pauseMs));
  }

  /** Ends a generation for which certainly no call was made. No event tells of it. */
  async endUntouched(order: Order, lease: Lease): Promise<void> {
    await inTransaction(this.dataSource, async (transaction) => {
      await this.holds.endReservingAgain(transaction, order.id, null);
      await this.requireLease(transaction, lease);
      await this.orders.setReservation(transaction, order.id, linesOf(order), ['held'], 'released');
    });
  }

  /** Begins a generation of keys. Its lines count as held from now on, because each may be reserved at any moment. */
  async begin(order: Order, lease: Lease): Promise<Order> {
    const stockGeneration = order.stockGeneration + 1;
    await inTransaction(this.dataSource, async (transaction) => {
      const isBegun = await this.holds.beginReservingAgain(transaction, order.id, stockGeneration);
      if (!isBegun) throw new Error(`order ${order.id} is not expired any more`);
      await this.requireLease(transaction, lease);
      await this.orders.setReservation(transaction, order.id, linesOf(order), ['released'], 'held');
    });
    const items = order.items.map((item) => ({ ...item, reservation: 'held' as const }));
    return { ...order, stockGeneration, isReservingAgain: true, items };
  }

  /** Ends a generation whose units can not be had: what is or may be reserved of it is released. */
  async giveBack(
    order: Order,
    { released, inDoubt, shortages, reason, calls }: Completion,
    lease: Lease,
  ): Promise<void> {
    const at = databaseNow();
    const lists = {
      ...(shortages.length > 0 && { shortages }),
      ...(inDoubt.length > 0 && { lines_in_doubt: inDoubt }),
    };
    const data = fitLists({ ...lists, ...(calls && { calls }) });
    const event = { type: 'paid_without_stock', actor: ACTOR, reason, data, at } as const;
    for (let attempt = 1; attempt <= WRITE_ATTEMPTS; attempt += 1) {
      const current = await this.orders.findOrder(order.id);
      if (current?.status !== 'expired') break;
      const version = current.version + 1;
      const next = { ...current, version, updatedAt: at };
      const isWritten = await inTransaction(this.dataSource, async (transaction) => {
        if (!(await this.orders.update(transaction, current, next))) return false;
        await this.requireLease(transaction, lease);
        await this.holds.endReservingAgain(transaction, order.id, null);
        await this.orders.setReservation(transaction, order.id, released, ['held'], 'released');
        await this.orders.setReservation(transaction, order.id, inDoubt, ['held'], 'in_doubt');
        await this.orders.insertEvent(transaction, order.id, version, event, null, null);
        if (released.length < order.items.length)
          await this.tasks.insert(transaction, [releaseStockTask(order.id, version)]);
        await reachPausePoint('late-confirmation.inside-give-back', order.id);
        return true;
      });
      if (isWritten) return;
    }
    throw new Error(`order ${order.id} has changed`);
  }

  /** Another instance has the lease, or a person wrote the task off: this attempt must change nothing. */
  private async requireLease(transaction: Sql, lease: Lease): Promise<void> {
    if (!(await this.tasks.lock(transaction, lease)))
      throw new Error('the lease of this attempt was lost, so its result is not recorded');
  }

  /** Whether the stock of an order is being reserved again. */
  async isUnderWay(transaction: Sql, { id }: Order): Promise<boolean> {
    return this.holds.isReservingAgain(transaction, id);
  }

  /**
   * Gives a confirmation up that could not reserve its stock, by a person's decision: the order is cancelled, and its customer is
   * notified.
   *
   * @param order at the version that the transaction has led it to
   */
  async giveUp(transaction: Sql, order: Order, { actor, reason }: GivenUp): Promise<void> {
    const { id } = order;
    // It was confirmed in the moment in which its task failed.
    if (order.status !== 'expired') return;
    const mayBeReserved = await this.holds.isReservingAgain(transaction, id);
    const change = {
      to: 'cancelled',
      actor,
      reason,
      notifies: true,
      reservedAgain: { stockUntil: null },
    } as const;
    const cancelled = await this.changes.writeIn(transaction, order, change);
    if (!cancelled) throw new Error(`order ${id} has changed within the transaction`);
    if (!mayBeReserved) return;
    // No attempt has learned what is reserved, so nothing counts as certainly held.
    await this.orders.setReservation(transaction, id, linesOf(order), ['held'], 'in_doubt');
    await this.tasks.insert(transaction, [releaseStockTask(id, cancelled.version)]);
  }

  /** To be called once `giveUp` is committed. */
  noteGivenUp(order: Order): void {
    if (order.status === 'expired') this.changes.noteCommitted(order, { to: 'cancelled', notifies: true });
  }
}

function linesOf({ items }: Order): number[] {
  return items.map(({ id }) => id);
}
