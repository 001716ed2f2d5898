import { Injectable, type OnModuleInit } from '@nestjs/common';
import { databaseNow } from '../../platform/database/database-clock.js';
import type { Deadline } from '../../platform/deadline.js';
import { AttemptError } from '../../tasks/task-kind.js';
import type { Lease } from '../../tasks/task.repository.js';
import { Tasks } from '../../tasks/tasks.service.js';
import type { Order } from '../order.entity.js';
import { Inventory } from '../order.ports.js';
import { OrderRepository } from '../order.repository.js';
import type { OrderStatus } from '../order-status.js';
import { KEEP_STOCK } from '../order.tasks.js';
import { reservationIdOf } from '../reservation/reservation-id.js';
import { StockKeeperRepository } from './stock-keeper.repository.js';

/** Paid, and not shipped yet. Units that have left are no reservation any more: an inventory may forget it. */
const NEEDS_STOCK: ReadonlySet<OrderStatus> = new Set(['confirmed', 'processing']);

/** The inventory is asked again after this share of the time for which it keeps the units: the rest is for outages. */
const ASK_AGAIN_AFTER = 0.5;

/** An inventory that keeps units for seconds only is not asked without a pause. */
const MIN_PAUSE_MS = 1_000;

/**
 * Makes an inventory that keeps units for a time keep those of a confirmed order until they are released. Where it only keeps
 * them for longer, it is asked again before that time is over, until the order is shipped.
 */
@Injectable()
export class StockKeeper implements OnModuleInit {
  constructor(
    private readonly orders: OrderRepository,
    private readonly inventory: Inventory,
    private readonly tasks: Tasks,
    private readonly repository: StockKeeperRepository,
  ) {}

  onModuleInit(): void {
    // No delivery that people look for in the order's history.
    this.tasks.register(KEEP_STOCK, (lease, deadline) => this.keep(lease, deadline), { isKept: false });
  }

  /** @throws {Error} so that the task retries; {AttemptError} which is final when the units are lost */
  private async keep(lease: Lease, deadline: Deadline): Promise<void> {
    const order = await this.findOrderToKeep(lease);
    if (!order) return;
    const result = await this.inventory.keep(reservationIdOf(order), null, deadline);
    if (result.outcome === 'unknown') {
      throw new Error(`the inventory may not keep the units of the order: ${result.reason}`);
    }
    if (result.outcome === 'kept') {
      return this.repository.save(
        lease,
        order,
        result.until,
        result.until ? pauseUntil(result.until) : undefined,
      );
    }
    // Cancelled during the call: its units were released.
    if (!(await this.findOrderToKeep(lease))) return;
    throw new AttemptError(`the inventory does not hold the units of the order: ${result.reason}`, 0, true);
  }

  private async findOrderToKeep({ orderId }: Lease): Promise<Order | undefined> {
    const order = await this.orders.findOrder(orderId);
    return order && NEEDS_STOCK.has(order.status) && order.stockUntil !== null ? order : undefined;
  }
}

function pauseUntil(until: Date): number {
  const remainingMs = until.getTime() - databaseNow().getTime();
  return Math.max(MIN_PAUSE_MS, Math.round(remainingMs * ASK_AGAIN_AFTER));
}
