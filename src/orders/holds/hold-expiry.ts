import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Settings } from '../../config/settings.js';
import { databaseNow } from '../../platform/database/database-clock.js';
import { inTransaction } from '../../platform/database/transaction.js';
import type { Lease } from '../../tasks/task.repository.js';
import { Tasks } from '../../tasks/tasks.service.js';
import { EXPIRE_HOLD } from '../order.tasks.js';
import type { Order } from '../order.entity.js';
import { OrderRepository } from '../order.repository.js';
import { HoldsRepository } from '../reservation/holds.repository.js';
import { StatusChanges } from '../status/status-changes.js';

const ACTOR = 'hold-expiry';

/** Holds that end at the same time: as many as share a transaction. */
const CONCURRENCY = 64;

/**
 * Pause between two claims: an instance ends about 500 holds a second, 10,000 in some 20 s. More would take the processor from new
 * orders, and the releases of the stock would not keep up.
 */
const CLAIM_INTERVAL_MS = 125;

/** A hold ends with a change of its order, not with a number of attempts. */
const UNLIMITED_ATTEMPTS = 2_147_483_647;

/** Concurrent changes of one order are few: corrections, payments. */
const WRITE_ATTEMPTS = 5;

/**
 * Ends holds whose payment did not come in time, by the clock of the database. A confirmation or a cancellation of the same
 * moment is a compare-and-set on the same row: one of them is written.
 */
@Injectable()
export class HoldExpiry implements OnModuleInit {
  constructor(
    private readonly dataSource: DataSource,
    private readonly orders: OrderRepository,
    private readonly holds: HoldsRepository,
    private readonly changes: StatusChanges,
    private readonly tasks: Tasks,
    private readonly settings: Settings,
  ) {}

  onModuleInit(): void {
    this.tasks.register(EXPIRE_HOLD, (lease) => this.expire(lease), {
      maxConcurrency: CONCURRENCY,
      claimIntervalMs: CLAIM_INTERVAL_MS,
      maxAttempts: UNLIMITED_ATTEMPTS,
      isKept: false,
    });
  }

  /** @returns the expired order; undefined when a concurrent change was first, or the lease was lost */
  async write(order: Order, lease?: Lease): Promise<Order | undefined> {
    return this.changes.write(order, {
      to: 'expired',
      actor: ACTOR,
      reason: 'no payment came in time',
      notifies: this.settings.NOTIFY_HOLDS,
      ...(lease && { lease }),
    });
  }

  /** The hold was extended: the task is as new. */
  private async wait(lease: Lease, leftMs: number): Promise<void> {
    await inTransaction(this.dataSource, (transaction) => this.tasks.restart(transaction, lease, leftMs));
  }

  /**
   * Asks the database: its clock may have jumped forward since this instance measured it last, and a pause by the old time
   * would keep the units for as long as the jump.
   */
  private async remainingMs({ id }: Order): Promise<number> {
    return this.holds.findRemainingMs(this.dataSource, id);
  }

  private async expire(lease: Lease): Promise<void> {
    for (let attempt = 1; attempt <= WRITE_ATTEMPTS; attempt += 1) {
      const order = await this.orders.findOrder(lease.orderId);
      if (order?.status !== 'reserved' || order.expiresAt === null) return;
      const leftMs = order.expiresAt > databaseNow() ? await this.remainingMs(order) : 0;
      if (leftMs > 0) return this.wait(lease, leftMs);
      if (await this.write(order, lease)) return;
    }
    throw new Error(`order ${lease.orderId} keeps changing`);
  }
}
