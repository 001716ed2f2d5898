import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Sql } from '../../platform/database/connection.js';
import { inTransaction } from '../../platform/database/transaction.js';
import type { Deadline } from '../../platform/deadline.js';
import type { Lease } from '../../tasks/task.repository.js';
import { Tasks } from '../../tasks/tasks.service.js';
import { reachPausePoint } from '../../pause-points/pause-points.js';
import type { OrderItem } from '../order-item.entity.js';
import { type InventoryCall, observeInventory } from '../history/inventory-calls.js';
import { reservationIdOf } from '../reservation/reservation-id.js';
import { isLive } from '../order-status.js';
import type { Order } from '../order.entity.js';
import { RELEASE_STOCK } from '../order.tasks.js';
import { Inventory, type ReleaseOutcome } from '../order.ports.js';
import { type Change, OrderRepository } from '../order.repository.js';
import { databaseNow } from '../../platform/database/database-clock.js';

const ACTOR = 'stock-release';

/** Concurrent changes of an order that is not live are rare; three in a row point to a bug. */
const RECORD_ATTEMPTS = 3;

/** Releases the stock of orders that are no longer live: the compensation of the saga. */
@Injectable()
export class StockRelease implements OnModuleInit {
  constructor(
    private readonly dataSource: DataSource,
    private readonly orders: OrderRepository,
    private readonly inventory: Inventory,
    private readonly tasks: Tasks,
  ) {}

  onModuleInit(): void {
    this.tasks.register(RELEASE_STOCK, (lease, deadline) => this.release(lease, deadline));
  }

  /** @throws {Error} when some of the stock may still be held, so that the task retries */
  private async release(lease: Lease, deadline: Deadline): Promise<void> {
    const { orderId } = lease;
    const order = await this.orders.findOrder(orderId);
    if (!order || isLive(order.status) || order.isReservingAgain)
      throw new Error(`order ${orderId} is live, its stock is not to be released`);
    if (this.inventory.idempotent) await this.releaseRepeatably(order, lease, deadline);
    else await this.releaseOnce(order, lease, deadline);
  }

  /** Calls are idempotent, so a line in doubt is retried until its outcome is known. */
  private async releaseRepeatably(order: Order, lease: Lease, deadline: Deadline): Promise<void> {
    const items = order.items.filter((item) => item.reservation !== 'released');
    if (items.length === 0) return;
    await reachPausePoint('release.before-call', order.id);
    const { outcomes, call } = await this.releaseLines(order, items, deadline);
    await reachPausePoint('release.before-record', order.id);
    await this.recordReleased(lease, outcomes, call);
    await reachPausePoint('release.after-record', order.id);
    const open = outcomes.find((outcome) => outcome.outcome === 'unknown');
    if (open) throw new Error(`line ${open.line} may still be held: ${open.reason}`);
  }

  /**
   * Releases each line at most once: the line is marked as in doubt before the call, so that a crash leaves it to a
   * person instead of releasing the units twice. Underselling is better than overselling.
   */
  private async releaseOnce(order: Order, lease: Lease, deadline: Deadline): Promise<void> {
    const held = order.items.filter((item) => item.reservation === 'held');
    const lines = held.map((item) => item.id);
    const claimed = await inTransaction(this.dataSource, async (transaction) => {
      await this.requireLease(transaction, lease);
      return this.orders.setReservation(transaction, order.id, lines, ['held'], 'in_doubt');
    });
    if (claimed.length === 0) return;
    await reachPausePoint('release.claimed', order.id);
    const items = held.filter((item) => claimed.includes(item.id));
    const { outcomes, call } = await this.releaseLines(order, items, deadline);
    await reachPausePoint('release.before-record', order.id);
    await this.recordReleased(lease, outcomes, call);
    const inDoubt = outcomes.filter((outcome) => outcome.outcome === 'unknown');
    if (inDoubt.length === 0) return;
    const data = { lines: inDoubt.map((outcome) => outcome.line), calls: [call] };
    const change = {
      type: 'stock_in_doubt',
      actor: ACTOR,
      reason: inDoubt[0]?.reason,
      data,
      at: databaseNow(),
    } as const;
    await this.record(lease, change, async () => true);
  }

  private releaseLines(order: Order, items: readonly OrderItem[], deadline: Deadline) {
    const release = () => this.inventory.release(reservationIdOf(order), items.map(toReleaseLine), deadline);
    return observeInventory('release', release);
  }

  private async recordReleased(
    lease: Lease,
    outcomes: readonly ReleaseOutcome[],
    call: InventoryCall,
  ): Promise<void> {
    const lines = outcomes.filter((outcome) => outcome.outcome === 'released').map((outcome) => outcome.line);
    if (lines.length === 0) return;
    const data = { lines, calls: [call] };
    const change = { type: 'stock_released', actor: ACTOR, data, at: databaseNow() } as const;
    await this.record(lease, change, async (transaction) => {
      const from = ['held', 'in_doubt'] as const;
      return (
        (await this.orders.setReservation(transaction, lease.orderId, lines, from, 'released')).length > 0
      );
    });
  }

  /**
   * Adds an event together with the changes of `write`. The order is read before the transaction; after a concurrent
   * change it is read again.
   */
  private async record(
    lease: Lease,
    change: Change,
    write: (transaction: Sql) => Promise<boolean>,
  ): Promise<void> {
    const { orderId } = lease;
    for (let attempt = 1; attempt <= RECORD_ATTEMPTS; attempt += 1) {
      const order = await this.orders.findOrder(orderId);
      if (!order) break;
      const isRecorded = await inTransaction(this.dataSource, async (transaction) => {
        if (!(await this.orders.touch(transaction, order, change.at))) return false;
        // After the order's row, as where a person resolves an incident: locked the other way round they could deadlock.
        await this.requireLease(transaction, lease);
        if (!(await write(transaction)))
          throw new Error(`the lines of order ${orderId} were resolved concurrently`);
        await this.orders.insertEvent(transaction, orderId, order.version + 1, change, null, null);
        await reachPausePoint('release.inside-record', orderId);
        return true;
      });
      if (isRecorded) return;
    }
    throw new Error(`order ${orderId} keeps changing`);
  }

  /** Another instance has the lease, or a person wrote the task off: this attempt must change nothing. */
  private async requireLease(transaction: Sql, lease: Lease): Promise<void> {
    if (!(await this.tasks.lock(transaction, lease)))
      throw new Error('the lease of this attempt was lost, so its result is not recorded');
  }
}

function toReleaseLine(item: OrderItem) {
  return {
    line: item.id,
    productId: item.productId,
    quantity: item.quantity,
    certainlyHeld: item.reservation === 'held',
  };
}
