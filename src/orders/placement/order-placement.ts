import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { Settings } from '../../config/settings.js';
import { inTransaction } from '../../platform/database/transaction.js';
import { Deadline } from '../../platform/deadline.js';
import { JobQueue, type QueuedJob } from '../../platform/jobs/job-queue.js';
import { reachPausePoint } from '../../platform/pause-points.js';
import { noteOrder } from '../../platform/telemetry/work.js';
import type { Order } from '../order.entity.js';
import {
  canNotify,
  cartCheckoutJob,
  NOBODY_NOTIFIED,
  notificationJob,
  stockReleaseJob,
} from '../order.jobs.js';
import { countStatusChange } from '../order.metrics.js';
import { Inventory } from '../order.ports.js';
import { cartAlreadyOrdered } from '../order.problems.js';
import { OrderRepository } from '../order.repository.js';
import { IdempotencyRepository, type KeyClaim } from './idempotency.repository.js';
import type { Problem } from '../../platform/http/problem.js';
import type { OrderDraft } from './order-draft.js';
import {
  decide,
  giveUp,
  giveUpUntouched,
  type Patience,
  refuse,
  type Settlement,
  SETTLEMENTS,
} from './settlement.js';

/**
 * A driver may hold a placement this much longer than the request may take, so that it is over before anybody else
 * comes along.
 */
export const LEASE_MARGIN_MS = 1_000;

/** Wait before an unsettled placement is tried again; doubled with every attempt, up to the longest. */
const RETRY_WAIT_MS = 200;
export const RETRY_WAIT_MAX_MS = 10_000;

/** A pending order is changed by hardly anybody; three times in a row, and recovery may go on with it. */
const SETTLE_ATTEMPTS = 3;

/**
 * The saga: an order is stored as pending, its stock is reserved, and what came of that settles it. The request that
 * placed the order and the recovery of orders that nobody drives any more go through the same `advance`.
 */
@Injectable()
export class OrderPlacement {
  constructor(
    private readonly dataSource: DataSource,
    private readonly orders: OrderRepository,
    private readonly keys: IdempotencyRepository,
    private readonly inventory: Inventory,
    private readonly jobs: JobQueue,
    private readonly settings: Settings,
  ) {}

  /**
   * Transaction 1: stores the order as pending, so that it can't be lost any more. The caller drives it from here.
   *
   * @returns the order, or undefined when the key belongs to another request that came first
   * @throws {Problem} when the cart has been ordered already
   */
  async accept(draft: OrderDraft, claim: KeyClaim | undefined, actor: string): Promise<Order | undefined> {
    const order = newOrder(draft);
    const isAccepted = await inTransaction(this.dataSource, async (transaction) => {
      if (claim && !(await this.keys.claimForOrder(transaction, claim, order.id))) return false;
      if (order.cartId !== null) await this.claimCart(transaction, order.cartId, order.id);
      await this.orders.insertOrder(transaction, order, this.leaseMs);
      const placed = { type: 'placed', actor, at: order.placedAt } as const;
      await this.orders.insertEvent(transaction, order.id, order.version, placed, null, 'pending');
      await reachPausePoint('placement.inside-accept', order.id);
      return true;
    });
    await reachPausePoint('placement.after-accept', order.id);
    if (!isAccepted) return undefined;
    noteOrder(order.id);
    countStatusChange('', order.status);
    return order;
  }

  /**
   * Takes over a placement that nobody drives.
   *
   * @returns the order for `advance`, or undefined when it is settled or somebody else drives it
   */
  async takeOver(orderId: string): Promise<Order | undefined> {
    return (await this.orders.takeLease(orderId, this.leaseMs)) ? this.orders.findOrder(orderId) : undefined;
  }

  /**
   * Drives a placement that the caller has the lease of: reserves the stock, outside any transaction, and settles the
   * order by what came of it.
   *
   * @param patience what to do when it is unknown whether the stock was reserved
   * @param mayBeReserved whether somebody may have tried to reserve the stock before
   * @returns the order as it is now: still pending when nothing could be decided
   */
  async advance(
    order: Order,
    patience: Patience,
    deadline: Deadline,
    actor: string,
    mayBeReserved = order.attempt > 1,
  ): Promise<Order> {
    if (!this.inventory.repeatable && mayBeReserved) {
      // Somebody asked before and its answer is lost; this inventory would act a second time if it were asked again.
      return this.settle(order, giveUp(order.items, 'it is unknown what was reserved'), actor);
    }
    const lines = order.items.map((item) => ({
      line: item.id,
      productId: item.productId,
      quantity: item.quantity,
    }));
    const outcomes = await this.inventory.reserve(order.id, lines, deadline);
    const settlement = decide(outcomes, order.items, this.inventory.repeatable ? patience : 'give_up');
    if (settlement !== 'wait') return this.settle(order, settlement, actor);
    return this.postpone(order);
  }

  /** Leaves the order as it is for now; after a while recovery goes on with it. */
  async postpone(order: Order): Promise<Order> {
    await reachPausePoint('placement.before-postpone', order.id);
    await this.orders.postpone(order, Math.min(RETRY_WAIT_MAX_MS, RETRY_WAIT_MS * 2 ** order.attempt));
    return order;
  }

  /** Takes back an order that could not be settled within the recovery window. */
  async abandon(order: Order, actor: string): Promise<Order> {
    const giveBack = order.toPrice === null ? giveUp : giveUpUntouched;
    return this.settle(order, giveBack(order.items, 'not settled within the recovery window'), actor);
  }

  /** Refuses an order that was stored before the inventory was asked about it. */
  async reject(order: Order, problem: Problem, actor: string): Promise<Order> {
    return this.settle(order, refuse(order.items, problem), actor);
  }

  /**
   * Settles an order that this process drives.
   *
   * An order may have changed since it was read without being settled, as when its personal data was erased. It is
   * this process's as long as `attempt` is the same, so what was decided holds for it as it is now.
   *
   * @returns the order as it is now, which is what somebody else made of it when they were first
   */
  private async settle(order: Order, settlement: Settlement, actor: string): Promise<Order> {
    let current = order;
    for (let attempt = 1; ; attempt += 1) {
      const settled = await this.trySettle(current, settlement, actor);
      if (settled) return settled;
      const found = await this.orders.findOrder(order.id);
      const isStillMine = found?.status === 'pending' && found.attempt === order.attempt;
      if (!isStillMine || attempt === SETTLE_ATTEMPTS) return found ?? order;
      current = found;
    }
  }

  /**
   * Transaction 2: sets the status by compare-and-set, with its event and its jobs.
   *
   * @returns the settled order, or undefined when it has changed since it was read
   */
  private async trySettle(order: Order, settlement: Settlement, actor: string): Promise<Order | undefined> {
    const at = new Date();
    const rules = SETTLEMENTS[settlement.to];
    const failure = settlement.refusal?.failure ?? rules.failure;
    const version = order.version + 1;
    await reachPausePoint('placement.before-settle', order.id);
    const isMine = await inTransaction(this.dataSource, async (transaction) => {
      if (!(await this.orders.settlePlacement(transaction, order, settlement.to, failure, at))) return false;
      await this.writeReservations(transaction, order.id, settlement);
      const data = {
        ...settlement.refusal?.data,
        ...(settlement.shortages.length > 0 && { shortages: settlement.shortages }),
        ...(settlement.inDoubt.length > 0 && { lines_in_doubt: settlement.inDoubt }),
        ...(rules.tellsCustomer && !canNotify(order) && NOBODY_NOTIFIED),
      };
      const change = {
        type: 'status_changed',
        actor,
        reason: settlement.reason,
        data: Object.keys(data).length > 0 ? data : undefined,
        at,
      } as const;
      await this.orders.insertEvent(transaction, order.id, version, change, 'pending', settlement.to);
      if (rules.givesBack && order.cartId !== null)
        await this.keys.freeCart(transaction, order.cartId, order.id);
      await this.jobs.send(transaction, this.jobsOf(order, settlement, version));
      await reachPausePoint('placement.inside-settle', order.id);
      return true;
    });
    await reachPausePoint('placement.after-settle', order.id);
    if (!isMine) return undefined;
    countStatusChange('pending', settlement.to);
    return { ...order, status: settlement.to, failure, version, updatedAt: at, leaseUntil: null };
  }

  private jobsOf(order: Order, settlement: Settlement, version: number): QueuedJob[] {
    const rules = SETTLEMENTS[settlement.to];
    const jobs: QueuedJob[] = [];
    if (rules.tellsCustomer && canNotify(order)) jobs.push(notificationJob(order.id, version));
    if (rules.checksOutCart && order.cartId !== null && order.customerId !== null) {
      jobs.push(cartCheckoutJob(order.id, order.customerId, order.cartId));
    }
    if (rules.givesBack && settlement.released.length < order.items.length)
      jobs.push(stockReleaseJob(order.id));
    return jobs;
  }

  /** Lines are stored as held from the start, so that an order that is confirmed needs no second write. */
  private async writeReservations(
    sql: EntityManager,
    orderId: string,
    settlement: Settlement,
  ): Promise<void> {
    const { released, inDoubt } = settlement;
    if (released.length > 0) await this.orders.setReservation(sql, orderId, released, ['held'], 'released');
    if (inDoubt.length > 0) await this.orders.setReservation(sql, orderId, inDoubt, ['held'], 'in_doubt');
  }

  private async claimCart(transaction: EntityManager, cartId: string, orderId: string): Promise<void> {
    if (await this.keys.claimCart(transaction, cartId, orderId)) return;
    // Thrown rather than returned, so that the claim on the key is rolled back with everything else.
    throw cartAlreadyOrdered(await this.keys.findCartOrder(cartId));
  }

  private get leaseMs(): number {
    return this.settings.REQUEST_DEADLINE_MS + LEASE_MARGIN_MS;
  }
}

/** A pending order made from a draft. Its id carries the time of placement. */
function newOrder(draft: OrderDraft): Order {
  const id = uuidv7();
  const placedAt = timeOf(id);
  return {
    ...draft,
    id,
    status: 'pending',
    version: 1,
    failure: null,
    placedAt,
    updatedAt: placedAt,
    attempt: 1,
    leaseUntil: null,
    items: draft.lines.map((line, index) => ({ ...line, orderId: id, id: index + 1, reservation: 'held' })),
  };
}

/** The time in a UUIDv7: its first 48 bits are milliseconds since 1970 (RFC 9562). */
function timeOf(id: string): Date {
  return new Date(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16));
}
