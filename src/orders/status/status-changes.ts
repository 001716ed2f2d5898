import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { reachPausePoint } from '../../pause-points/pause-points.js';
import { SharedTransactions } from '../../platform/database/batching/shared-transactions.js';
import { runAll, type Sql } from '../../platform/database/connection.js';
import type { NewTask } from '../../tasks/task-kind.js';
import { Tasks } from '../../tasks/tasks.service.js';
import { cartClaim } from '../claims/claims-of.js';
import { OrderClaimsRepository } from '../claims/order-claims.repository.js';
import type { Order } from '../order.entity.js';
import { countStatusChange } from '../order.metrics.js';
import { OrderRepository } from '../order.repository.js';
import { canNotify } from '../order.tasks.js';
import { HoldsRepository } from '../reservation/holds.repository.js';
import { type NewStatus, prepareChange, type PreparedChange } from './prepared-change.js';

/** Changes of one transaction: as many rows as a statement takes. */
const BATCH_SIZE = 64;

/** The lease of a task was lost: roll back. */
class LeaseLost extends Error {}

/**
 * The transaction that changes the status of orders by compare-and-set on their versions, with their events and the tasks
 * that the new status makes necessary. Of two concurrent changes of an order exactly one is written. Changes of different
 * orders share a transaction.
 */
@Injectable()
export class StatusChanges {
  private readonly transactions: SharedTransactions<PreparedChange, Order | undefined>;

  constructor(
    dataSource: DataSource,
    private readonly orders: OrderRepository,
    private readonly holds: HoldsRepository,
    private readonly claims: OrderClaimsRepository,
    private readonly tasks: Tasks,
  ) {
    this.transactions = new SharedTransactions(
      dataSource,
      BATCH_SIZE,
      ({ before }) => before.id,
      async (transaction, changes) => this.writeAll(transaction, changes),
    );
  }

  /**
   * @param order as it was read
   * @returns the changed order, or undefined when a concurrent change was first or the lease was lost
   */
  async write(order: Order, change: NewStatus): Promise<Order | undefined> {
    const prepared = prepareChange(order, change);
    await reachPausePoint(`${prepared.step}.before-change`, order.id);
    const changed = await this.writeUnlessLost(prepared);
    await reachPausePoint(`${prepared.step}.after-change`, order.id);
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
    const [changed] = await this.writeAll(transaction, [prepareChange(order, change)]);
    return changed;
  }

  private async writeUnlessLost(change: PreparedChange): Promise<Order | undefined> {
    try {
      return await this.transactions.add(change);
    } catch (error) {
      if (error instanceof LeaseLost) return undefined;
      throw error;
    }
  }

  /** @returns each order as it is then; undefined where a concurrent change was first */
  private async writeAll(
    transaction: Sql,
    changes: readonly PreparedChange[],
  ): Promise<(Order | undefined)[]> {
    const updated = await this.orders.updateAll(transaction, changes);
    const written = changes.filter(({ after }) => updated.has(after.id));
    await this.writeAlong(transaction, written);
    for (const { after, step } of written) await reachPausePoint(`${step}.inside-change`, after.id);
    return changes.map(({ after }) => (updated.has(after.id) ? after : undefined));
  }

  /** After the rows of the orders, as everywhere: locked the other way round two transactions could deadlock. */
  private async writeAlong(transaction: Sql, changes: readonly PreparedChange[]): Promise<void> {
    if (changes.length === 0) return;
    const again = changes.filter(({ reservedAgain }) => reservedAgain);
    const freed = changes.flatMap(({ after, freedCart }) =>
      freedCart === null ? [] : this.claims.free(after.id, [cartClaim(freedCart)]),
    );
    const ended = changes.flatMap(({ after, ends }) => ends.map((kind) => ({ orderId: after.id, kind })));
    await Promise.all([
      this.requireLeases(transaction, changes),
      runAll(transaction, [
        ...this.orders.eventInserts(changes.map(({ event }) => event)),
        ...this.tasks.removals(ended),
        ...freed,
      ]),
      ...again.map(async ({ after }) =>
        this.holds.endReservingAgain(transaction, after.id, after.stockUntil),
      ),
    ]);
    const byCart = changes.toSorted((left, right) => compareCarts(left.wantedCart, right.wantedCart));
    const tasks = await Promise.all(byCart.map(async (change) => this.tasksOf(transaction, change)));
    if (tasks.flat().length > 0) await this.tasks.insert(transaction, tasks.flat());
  }

  private async requireLeases(transaction: Sql, changes: readonly PreparedChange[]): Promise<void> {
    const leases = changes.flatMap(({ lease }) => lease ?? []);
    if (!(await this.tasks.lockAll(transaction, leases))) throw new LeaseLost();
  }

  private async tasksOf(transaction: Sql, change: PreparedChange): Promise<readonly NewTask[]> {
    const { after, tasks, checkout, wantedCart } = change;
    if (!checkout) return tasks;
    const hasCart =
      wantedCart === null || (await this.claims.claimIfFree(transaction, after.id, cartClaim(wantedCart)));
    return hasCart ? [...tasks, checkout] : tasks;
  }
}

/** Transactions that claim carts in this order do not deadlock. */
function compareCarts(left: string | null, right: string | null): number {
  return left === right ? 0 : (left ?? '') < (right ?? '') ? -1 : 1;
}
