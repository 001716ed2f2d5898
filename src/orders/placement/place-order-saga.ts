import { Injectable } from '@nestjs/common';
import { Deadline } from '../../platform/deadline.js';
import { type LeasedTask, newTask, type NewTask } from '../../tasks/task-kind.js';
import { Tasks } from '../../tasks/tasks.service.js';
import { reachPausePoint } from '../../pause-points/pause-points.js';
import { noteOrder } from '../../platform/telemetry/request-context.js';
import { observeInventory } from '../history/inventory-calls.js';
import type { Order } from '../order.entity.js';
import {
  canNotify,
  checkOutCartTask,
  NOBODY_NOTIFIED,
  notifyTask,
  PLACE_ORDER,
  releaseStockTask,
} from '../order.tasks.js';
import { countStatusChange } from '../order.metrics.js';
import { Inventory } from '../order.ports.js';
import { cartAlreadyOrdered, fitLists } from '../order.problems.js';
import { newOrderId, timeOfOrderId } from '../order-id.js';
import { OrderRepository } from '../order.repository.js';
import { IdempotencyRepository, type KeyClaim } from './idempotency.repository.js';
import type { Problem } from '../../platform/http/problem.js';
import type { PricedOrder } from './order-drafts.js';
import { PlacementTransactions } from './placement-transactions.js';
import {
  decide,
  giveUp,
  giveUpUntouched,
  NOT_ASKED,
  type OnUnknownOutcome,
  refuse,
  type Settlement,
  SETTLEMENTS,
} from './settlement.js';
import { databaseNow } from '../../platform/database/database-clock.js';

/** Pause before a placement without an outcome is resumed; doubled with every attempt, up to the longest. */
export const FIRST_PAUSE_MS = 400;
export const LONGEST_PAUSE_MS = 10_000;

/** Little else changes a pending order; after three changes in a row the placement is resumed later. */
const COMPLETE_ATTEMPTS = 3;

/** The lease of a placement's task. */
export type PlacementLease = Omit<LeasedTask, 'payload'>;

/** An order whose placement this process may complete. */
export interface LeasedPlacement {
  order: Order;
  lease: PlacementLease;
}

/**
 * The saga: an order is stored as pending, its stock is reserved, and the result completes the placement. The request
 * that placed the order and the task that resumes it both run `reserveAndComplete`.
 */
@Injectable()
export class PlaceOrderSaga {
  constructor(
    private readonly transactions: PlacementTransactions,
    private readonly tasks: Tasks,
    private readonly orders: OrderRepository,
    private readonly keys: IdempotencyRepository,
    private readonly inventory: Inventory,
  ) {}

  /**
   * Transaction 1: stores the order as pending. The caller has its lease from here on.
   *
   * @returns the order, or undefined when the key belongs to an earlier request
   * @throws {Problem} when the cart is already ordered
   */
  async accept(
    draft: PricedOrder,
    claim: KeyClaim | undefined,
    actor: string,
  ): Promise<LeasedPlacement | undefined> {
    const order = newOrder(draft);
    const { id: orderId, version, placedAt: at } = order;
    const event = { orderId, version, type: 'placed', actor, at, from: null, to: 'pending' } as const;
    const { leaseMs } = this.transactions;
    const { task, lease } = this.tasks.prepareLeased(newTask(PLACE_ORDER, orderId, version, {}), leaseMs);
    const verdict = await this.transactions.accept({ order, task, claim, event });
    await reachPausePoint('placement.after-accept', orderId);
    if (verdict === 'key_taken') return undefined;
    if (verdict === 'cart_taken') {
      const holder = await this.keys.findCartOrder(order.cartId);
      if (holder !== undefined) await this.transactions.repeatCartCheckout(holder);
      throw cartAlreadyOrdered(holder);
    }
    noteOrder(orderId);
    countStatusChange('', order.status);
    return { order, lease };
  }

  /**
   * Leases the placement of an order, if it is due.
   *
   * @returns undefined when the placement is complete or another process has its lease
   */
  async acquireLease(orderId: string): Promise<LeasedPlacement | undefined> {
    const lease = await this.tasks.claim(PLACE_ORDER, orderId, this.transactions.leaseMs);
    return lease && this.load(lease);
  }

  /** @returns undefined when the placement is complete */
  async load(lease: PlacementLease): Promise<LeasedPlacement | undefined> {
    const order = await this.orders.findOrder(lease.orderId);
    return order?.status === 'pending' ? { order, lease } : undefined;
  }

  /**
   * Reserves the stock, outside any transaction, and completes the placement by the result.
   *
   * @param onUnknown what to do when it is unknown whether the stock was reserved
   * @param mayBeReserved whether an earlier attempt may have reserved the stock
   * @returns the order as it is now: still pending when the outcome is unknown
   */
  async reserveAndComplete(
    placement: LeasedPlacement,
    onUnknown: OnUnknownOutcome,
    deadline: Deadline,
    actor: string,
    mayBeReserved = placement.lease.attempts > 1,
  ): Promise<Order> {
    const { order } = placement;
    if (!this.inventory.repeatable && mayBeReserved) {
      // The answer to an earlier call is lost, and this inventory would reserve a second time.
      return this.complete(placement, giveUp(order.items, 'it is unknown what was reserved'), actor);
    }
    if (deadline.remaining() === 0 && !mayBeReserved) {
      // A refusal without a call is certain; a call without time left would be unknown. Recovery repeats only
      // idempotent calls.
      return onUnknown === 'retry' && this.inventory.repeatable
        ? this.postpone(placement)
        : this.complete(placement, giveUpUntouched(order.items, NOT_ASKED), actor);
    }
    const lines = order.items.map((item) => ({
      line: item.id,
      productId: item.productId,
      quantity: item.quantity,
    }));
    const reserve = () => this.inventory.reserve(order.id, lines, deadline);
    const { outcomes, call } = await observeInventory('reserve', reserve);
    const settlement = decide(outcomes, order.items, this.inventory.repeatable ? onUnknown : 'compensate');
    if (settlement !== 'retry') return this.complete(placement, { ...settlement, calls: [call] }, actor);
    return this.postpone(placement);
  }

  /** Leaves the order pending and ends the lease: any instance resumes the placement after a pause. */
  async postpone({ order, lease }: LeasedPlacement): Promise<Order> {
    await reachPausePoint('placement.before-postpone', order.id);
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (lease.attempts - 1));
    await this.tasks.postpone(lease, pauseMs);
    return order;
  }

  /** Compensates an order whose placement did not complete within the recovery window. */
  async abandon(placement: LeasedPlacement, actor: string): Promise<Order> {
    const { order } = placement;
    const giveBack = order.toPrice === null ? giveUp : giveUpUntouched;
    return this.complete(placement, giveBack(order.items, 'not settled within the recovery window'), actor);
  }

  /** Refuses an order that was stored before its look-up at the inventory. */
  async reject(placement: LeasedPlacement, problem: Problem, actor: string): Promise<Order> {
    return this.complete(placement, refuse(placement.order.items, problem), actor);
  }

  /**
   * Completes a placement. The order may have changed since it was read without being completed, as when its personal data
   * was erased; the outcome holds for it as it is now, as long as the lease is held.
   *
   * @returns the order as it is now, or as another process completed it when the lease was lost
   */
  private async complete(
    { order, lease }: LeasedPlacement,
    settlement: Settlement,
    actor: string,
  ): Promise<Order> {
    let current = order;
    for (let attempt = 1; ; attempt += 1) {
      const completed = await this.tryComplete({ order: current, lease }, settlement, actor);
      if (completed) return completed;
      const found = await this.orders.findOrder(order.id);
      if (found?.status !== 'pending' || attempt === COMPLETE_ATTEMPTS) return found ?? order;
      current = found;
    }
  }

  /**
   * Transaction 2: sets the status by compare-and-set, with its event and its tasks.
   *
   * @returns the completed order, or undefined when it has changed since it was read
   */
  private async tryComplete(
    { order, lease }: LeasedPlacement,
    settlement: Settlement,
    actor: string,
  ): Promise<Order | undefined> {
    const at = databaseNow();
    const { to, reason } = settlement;
    const failure = settlement.refusal?.failure ?? SETTLEMENTS[to].failure;
    const version = order.version + 1;
    const about = {
      type: 'status_changed',
      actor,
      reason,
      data: this.detailsOf(order, settlement),
      at,
    } as const;
    const event = { ...about, orderId: order.id, version, from: 'pending', to } as const;
    const tasks = this.tasksOf(order, settlement, version);
    await reachPausePoint('placement.before-settle', order.id);
    const verdict = await this.transactions.settle({ order, lease, settlement, failure, event, tasks });
    await reachPausePoint('placement.after-settle', order.id);
    if (verdict === 'changed') return undefined;
    countStatusChange('pending', to);
    return { ...order, status: to, failure, version, updatedAt: at };
  }

  /** The payload of the completion's event. */
  private detailsOf(order: Order, settlement: Settlement): Record<string, unknown> | undefined {
    const data = {
      ...settlement.refusal?.data,
      ...(settlement.shortages.length > 0 && { shortages: settlement.shortages }),
      ...(settlement.inDoubt.length > 0 && { lines_in_doubt: settlement.inDoubt }),
      ...(SETTLEMENTS[settlement.to].tellsCustomer && !canNotify(order) && NOBODY_NOTIFIED),
      ...(settlement.calls && { calls: settlement.calls }),
    };
    return Object.keys(data).length > 0 ? fitLists(data) : undefined;
  }

  private tasksOf(order: Order, settlement: Settlement, version: number): NewTask[] {
    const rules = SETTLEMENTS[settlement.to];
    const tasks: NewTask[] = [];
    if (rules.tellsCustomer && canNotify(order)) tasks.push(notifyTask(order.id, version));
    if (rules.checksOutCart && order.cartId !== null && order.customerId !== null) {
      tasks.push(checkOutCartTask(order.id, version, order.customerId, order.cartId));
    }
    if (rules.givesBack && settlement.released.length < order.items.length)
      tasks.push(releaseStockTask(order.id, version));
    return tasks;
  }
}

/** A pending order made from a draft. Its id carries the time of placement. */
function newOrder(draft: PricedOrder): Order {
  const id = newOrderId();
  const placedAt = timeOfOrderId(id);
  return {
    ...draft,
    id,
    status: 'pending',
    version: 1,
    failure: null,
    placedAt,
    updatedAt: placedAt,
    items: draft.lines.map((line, index) => ({ ...line, orderId: id, id: index + 1, reservation: 'held' })),
  };
}
