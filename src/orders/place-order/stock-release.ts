import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { SharedTransactions } from '../../platform/database/batching/shared-transactions.js';
import { runAll, type Sql } from '../../platform/database/connection.js';
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

/**
 * The first with the order as it was before the call. Concurrent changes of an order that is not live are rare; three more in a
 * row point to a bug.
 */
const RECORD_ATTEMPTS = 4;

/** Orders whose releases are recorded in one transaction: as many rows as a statement takes. */
const BATCH_SIZE = 64;

/** What became of the stock of an order. */
interface ReleaseRecord {
  /** At the version at which the order was read. */
  order: Pick<Order, 'id' | 'version'>;
  lease: Lease;
  change: Change;
  /** Lines that are released. */
  lines: readonly number[];
}

/** Releases the stock of orders that are no longer live: the compensation of the saga. */
@Injectable()
export class StockRelease implements OnModuleInit {
  private readonly records: SharedTransactions<ReleaseRecord, boolean>;

  constructor(
    private readonly dataSource: DataSource,
    private readonly orders: OrderRepository,
    private readonly inventory: Inventory,
    private readonly tasks: Tasks,
  ) {
    this.records = new SharedTransactions(
      dataSource,
      BATCH_SIZE,
      ({ order }) => order.id,
      async (transaction, records) => this.writeAll(transaction, records),
    );
  }

  onModuleInit(): void {
    this.tasks.register(RELEASE_STOCK, (lease, deadline) => this.release(lease, deadline));
  }

  /** @throws {Error} when some of the stock may still be held, so that the task retries */
  private async release(lease: Lease, deadline: Deadline): Promise<void> {
    const { orderId } = lease;
    const order = await this.orders.findOrder(orderId);
    const isNeeded = order && (isLive(order.status) || order.isReservingAgain);
    // Of an earlier generation: the next one began when all of it was released.
    if (isNeeded && order.stockGeneration > 1) return;
    if (!order || isNeeded) throw new Error(`order ${orderId} is live, its stock is not to be released`);
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
    await this.recordReleased(order, lease, outcomes, call);
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
      await this.requireLeases(transaction, [lease]);
      return this.orders.setReservation(transaction, order.id, lines, ['held'], 'in_doubt');
    });
    if (claimed.length === 0) return;
    await reachPausePoint('release.claimed', order.id);
    const items = held.filter((item) => claimed.includes(item.id));
    const { outcomes, call } = await this.releaseLines(order, items, deadline);
    await reachPausePoint('release.before-record', order.id);
    const recorded = await this.recordReleased(order, lease, outcomes, call);
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
    await this.record({ order: recorded, lease, change, lines: [] });
  }

  private releaseLines(order: Order, items: readonly OrderItem[], deadline: Deadline) {
    const release = () => this.inventory.release(reservationIdOf(order), items.map(toReleaseLine), deadline);
    return observeInventory('release', release);
  }

  /** @returns the order as it is then, as far as this process knows */
  private async recordReleased(
    order: Order,
    lease: Lease,
    outcomes: readonly ReleaseOutcome[],
    call: InventoryCall,
  ): Promise<Pick<Order, 'id' | 'version'>> {
    const lines = outcomes.filter((outcome) => outcome.outcome === 'released').map((outcome) => outcome.line);
    if (lines.length === 0) return order;
    const data = { lines, calls: [call] };
    const change = { type: 'stock_released', actor: ACTOR, data, at: databaseNow() } as const;
    return this.record({ order, lease, change, lines });
  }

  /** Adds an event and sets its lines to `released`. After a concurrent change of the order it is read again. */
  private async record(record: ReleaseRecord): Promise<Pick<Order, 'id' | 'version'>> {
    const { id } = record.order;
    let order: ReleaseRecord['order'] | undefined = record.order;
    for (let attempt = 1; order && attempt <= RECORD_ATTEMPTS; attempt += 1) {
      if (await this.records.add({ ...record, order })) return { id, version: order.version + 1 };
      order = await this.orders.findOrder(id);
    }
    throw new Error(`order ${id} keeps changing`);
  }

  /** @returns for each record whether its order was still at its version */
  private async writeAll(transaction: Sql, records: readonly ReleaseRecord[]): Promise<boolean[]> {
    const touched = await this.orders.touchAll(
      transaction,
      records.map(({ order, change: { at } }) => ({ order, at })),
    );
    const written = records.filter(({ order }) => touched.has(order.id));
    if (written.length > 0) await this.writeAlong(transaction, written);
    for (const { order } of written) await reachPausePoint('release.inside-record', order.id);
    return records.map(({ order }) => touched.has(order.id));
  }

  /** After the rows of the orders, as where a person resolves an incident: locked the other way round they could deadlock. */
  private async writeAlong(transaction: Sql, records: readonly ReleaseRecord[]): Promise<void> {
    const released = records.filter(({ lines }) => lines.length > 0);
    const events = records.map(({ order, change }) => ({
      ...change,
      orderId: order.id,
      version: order.version + 1,
      from: null,
      to: null,
    }));
    const [, changed] = await Promise.all([
      this.requireLeases(
        transaction,
        records.map(({ lease }) => lease),
      ),
      this.orders.releaseAll(
        transaction,
        released.map(({ order, lines }) => ({ orderId: order.id, lines })),
      ),
      runAll(transaction, this.orders.eventInserts(events)),
    ]);
    const resolved = released.find(({ order }) => !changed.has(order.id));
    if (resolved) throw new Error(`the lines of order ${resolved.order.id} were resolved concurrently`);
  }

  /** Another instance has the lease, or a person wrote the task off: this attempt must change nothing. */
  private async requireLeases(transaction: Sql, leases: readonly Lease[]): Promise<void> {
    if (!(await this.tasks.lockAll(transaction, leases)))
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
