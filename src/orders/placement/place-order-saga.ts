import { Injectable } from '@nestjs/common';
import { Deadline } from '../../platform/deadline.js';
import type { NewTask } from '../../tasks/task-kind.js';
import { reachPausePoint } from '../../platform/pause-points.js';
import { noteOrder } from '../../platform/telemetry/request-context.js';
import { observeInventory } from '../history/inventory-calls.js';
import type { Order } from '../order.entity.js';
import {
  canNotify,
  checkOutCartTask,
  NOBODY_NOTIFIED,
  notifyTask,
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
import { PlacementRepository } from './placement.repository.js';
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

/** Wait before an unsettled placement is tried again; doubled with every attempt, up to the longest. */
const RETRY_WAIT_MS = 200;
export const RETRY_WAIT_MAX_MS = 10_000;

/** Concurrent changes of a pending order are rare. After three in a row, recovery continues. */
const SETTLE_ATTEMPTS = 3;

/**
 * The saga: an order is stored as pending, its stock is reserved, and the result completes the placement. The request
 * and the recovery both run `reserveAndComplete`.
 */
@Injectable()
export class PlaceOrderSaga {
  constructor(
    private readonly transactions: PlacementTransactions,
    private readonly placements: PlacementRepository,
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
  async accept(draft: PricedOrder, claim: KeyClaim | undefined, actor: string): Promise<Order | undefined> {
    const order = newOrder(draft);
    const { id: orderId, version, placedAt: at } = order;
    const event = { orderId, version, type: 'placed', actor, at, from: null, to: 'pending' } as const;
    const verdict = await this.transactions.accept({ order, claim, event });
    await reachPausePoint('placement.after-accept', orderId);
    if (verdict === 'key_taken') return undefined;
    if (verdict === 'cart_taken') {
      const holder = await this.keys.findCartOrder(order.cartId);
      if (holder !== undefined) await this.transactions.repeatCartCheckout(holder);
      throw cartAlreadyOrdered(holder);
    }
    noteOrder(orderId);
    countStatusChange('', order.status);
    return order;
  }

  /**
   * Acquires the lease of an abandoned placement.
   *
   * @returns the order for `reserveAndComplete`, or undefined when it is completed or leased by another process
   */
  async acquireLease(orderId: string): Promise<Order | undefined> {
    return (await this.placements.takeLease(orderId, this.transactions.leaseMs))
      ? this.orders.findOrder(orderId)
      : undefined;
  }

  /**
   * Runs a placement whose lease the caller has: reserves the stock, outside any transaction, and completes the
   * placement by the result.
   *
   * @param onUnknown what to do when it is unknown whether the stock was reserved
   * @param mayBeReserved whether an earlier attempt may have reserved the stock
   * @returns the order as it is now: still pending when the outcome is unknown
   */
  async reserveAndComplete(
    order: Order,
    onUnknown: OnUnknownOutcome,
    deadline: Deadline,
    actor: string,
    mayBeReserved = order.attempt > 1,
  ): Promise<Order> {
    if (!this.inventory.repeatable && mayBeReserved) {
      // The answer to an earlier call is lost, and this inventory would reserve a second time.
      return this.settle(order, giveUp(order.items, 'it is unknown what was reserved'), actor);
    }
    if (deadline.remaining() === 0 && !mayBeReserved) {
      // A refusal without a call is certain; a call without time left would be unknown. Recovery repeats only
      // idempotent calls.
      return onUnknown === 'retry' && this.inventory.repeatable
        ? this.postpone(order)
        : this.settle(order, giveUpUntouched(order.items, NOT_ASKED), actor);
    }
    const lines = order.items.map((item) => ({
      line: item.id,
      productId: item.productId,
      quantity: item.quantity,
    }));
    const reserve = () => this.inventory.reserve(order.id, lines, deadline);
    const { outcomes, call } = await observeInventory('reserve', reserve);
    const settlement = decide(outcomes, order.items, this.inventory.repeatable ? onUnknown : 'compensate');
    if (settlement !== 'retry') return this.settle(order, { ...settlement, calls: [call] }, actor);
    return this.postpone(order);
  }

  /** Leaves the order pending; recovery retries it after a delay. */
  async postpone(order: Order): Promise<Order> {
    await reachPausePoint('placement.before-postpone', order.id);
    await this.placements.postpone(order, Math.min(RETRY_WAIT_MAX_MS, RETRY_WAIT_MS * 2 ** order.attempt));
    return order;
  }

  /** Compensates an order whose placement did not complete within the recovery window. */
  async abandon(order: Order, actor: string): Promise<Order> {
    const giveBack = order.toPrice === null ? giveUp : giveUpUntouched;
    return this.settle(order, giveBack(order.items, 'not settled within the recovery window'), actor);
  }

  /** Refuses an order that was stored before its look-up at the inventory. */
  async reject(order: Order, problem: Problem, actor: string): Promise<Order> {
    return this.settle(order, refuse(order.items, problem), actor);
  }

  /**
   * Completes a placement whose lease this process has. The order may have changed since it was read without being
   * completed, for example when its personal data was erased. As long as `attempt` is the same the lease is still
   * held, so the decision holds for the newer version too.
   *
   * @returns the order as it is now, or as a concurrent completion has left it
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
   * Transaction 2: sets the status by compare-and-set, with its event and its tasks.
   *
   * @returns the completed order, or undefined when it has changed since it was read
   */
  private async trySettle(order: Order, settlement: Settlement, actor: string): Promise<Order | undefined> {
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
    const verdict = await this.transactions.settle({ order, settlement, failure, event, tasks });
    await reachPausePoint('placement.after-settle', order.id);
    if (verdict === 'changed') return undefined;
    countStatusChange('pending', to);
    return { ...order, status: to, failure, version, updatedAt: at, leaseUntil: null };
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
    attempt: 1,
    leaseUntil: null,
    items: draft.lines.map((line, index) => ({ ...line, orderId: id, id: index + 1, reservation: 'held' })),
  };
}
