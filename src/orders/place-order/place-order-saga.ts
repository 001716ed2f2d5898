import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import type { KeyClaim } from '../../idempotency/idempotency.repository.js';
import { databaseNow } from '../../platform/database/database-clock.js';
import type { Deadline } from '../../platform/deadline.js';
import { Problem, upstreamProblem } from '../../platform/http/problem.js';
import { reachPausePoint } from '../../pause-points/pause-points.js';
import { noteSubject } from '../../platform/telemetry/request-context.js';
import { ORDER } from '../../tasks/order-subject.js';
import { UpstreamFault } from '../../platform/upstream/upstream-fault.js';
import { newTask, retryPauseMs } from '../../tasks/task-kind.js';
import { Tasks } from '../../tasks/tasks.service.js';
import { type InventoryCall, observeInventory } from '../history/inventory-calls.js';
import type { OrderClaim } from '../claims/order-claim.entity.js';
import type { Claim } from '../claims/order-claims.repository.js';
import type { Order } from '../order.entity.js';
import { endWithin, holdEnd, stockNeededUntil } from '../reservation/hold-end.js';
import { reservationIdOf } from '../reservation/reservation-id.js';
import { countStatusChange } from '../order.metrics.js';
import { Inventory } from '../order.ports.js';
import { OrderRepository } from '../order.repository.js';
import { PLACE_ORDER } from '../order.tasks.js';
import {
  type Completion,
  completionOf,
  confirmation,
  earliestEnd,
  endReserved,
  endUnreserved,
  eventOf,
  failureOf,
  NOT_ASKED,
  sameForAll,
  tasksAfter,
} from './completion.js';
import { PlaceOrderRepository } from './place-order.repository.js';
import type {
  LeasedPlacement,
  OnUnknownOutcome,
  PlacementLease,
  Step,
  StepOptions,
  StepResult,
} from './placement-step.js';
import { newOrder, OrderPricing, type PricedOrder, unpricedOrderOf } from './pricing.js';

/** Pause before a placement without an outcome is resumed; doubled with every attempt, up to the longest. */
export const FIRST_PAUSE_MS = 400;
export const LONGEST_PAUSE_MS = 10_000;

/** The lease outlasts the deadline of the request by this much, so that the request ends before recovery takes over. */
export const LEASE_MARGIN_MS = 1_000;

/** By what a client can ask for the outcome of its request again. */
export interface RequestIdentity {
  claim: KeyClaim | undefined;
  reference: Claim | undefined;
}

/** Little else changes a pending order; after three changes in a row the placement is resumed later. */
const COMPLETE_ATTEMPTS = 3;

/**
 * The saga. Transaction 1 stores the order as pending; the steps look up and reserve; transaction 2 confirms the order,
 * or compensates it. The request that placed the order and the task that resumes it run the same steps.
 */
@Injectable()
export class PlaceOrderSaga {
  private readonly steps: Readonly<Record<'price' | 'reserve', Step>> = {
    price: {
      // Only an order whose client does not wait is stored without prices.
      isDone: (order) => order.toPrice === null,
      run: (placement, { deadline }) => this.price(placement, deadline),
      compensate: endUnreserved,
      // A look-up changes nothing, so it is retried until the recovery window ends.
      onUnknown: () => 'retry',
    },
    reserve: {
      // Only the inventory knows. Until transaction 2, the step is repeated.
      isDone: () => false,
      run: (placement, options) => this.reserve(placement, options),
      compensate: endReserved,
      // An inventory without idempotent calls would reserve a second time.
      onUnknown: ({ onUnknown }) => (this.inventory.idempotent ? onUnknown : 'compensate'),
    },
  };

  /** Lease duration of a placement. */
  private readonly leaseMs: number;
  private readonly notifiesHolds: boolean;

  constructor(
    private readonly repository: PlaceOrderRepository,
    private readonly pricing: OrderPricing,
    private readonly inventory: Inventory,
    private readonly tasks: Tasks,
    private readonly orders: OrderRepository,
    settings: Settings,
  ) {
    this.leaseMs = settings.REQUEST_DEADLINE_MS + LEASE_MARGIN_MS;
    this.notifiesHolds = settings.NOTIFY_HOLDS;
  }

  /**
   * Transaction 1: stores the order as pending. The caller has its lease from here on.
   *
   * @returns `key_taken` and `reference_taken` when they belong to an earlier request
   * @throws {Problem} when the cart is already ordered, or the number already used
   */
  async insertPending(
    priced: PricedOrder,
    { claim, reference }: RequestIdentity,
    actor: string,
  ): Promise<LeasedPlacement | 'key_taken' | 'reference_taken'> {
    const order = newOrder(priced);
    const { id: orderId, version, placedAt: at } = order;
    const event = { orderId, version, type: 'placed', actor, at, from: null, to: 'pending' } as const;
    const { task, lease } = this.tasks.prepareLeased(
      newTask(PLACE_ORDER, orderId, version, {}),
      this.leaseMs,
    );
    const verdict = await this.repository.insertPending({ order, task, claim, reference, event });
    await reachPausePoint('placement.after-accept', orderId);
    if (verdict === 'key_taken' || verdict === 'reference_taken') return verdict;
    if (verdict !== 'written') throw await this.repository.problemOf(verdict, order);
    noteSubject(ORDER, orderId);
    countStatusChange('', order.status);
    return { order, lease };
  }

  /** The order that has a reference; undefined where none has. */
  async findReferenced(reference: Claim): Promise<Pick<OrderClaim, 'orderId' | 'requestHash'> | undefined> {
    return this.repository.findHolder(reference);
  }

  /**
   * Leases the placement of an order, if it is due.
   *
   * @returns undefined when the placement is complete or another process has its lease
   */
  async acquireLease(orderId: string): Promise<LeasedPlacement | undefined> {
    const lease = await this.tasks.claim(PLACE_ORDER, orderId, this.leaseMs);
    return lease && this.load(lease);
  }

  /** @returns undefined when the placement is complete */
  async load(lease: PlacementLease): Promise<LeasedPlacement | undefined> {
    const order = await this.orders.findOrder(lease.orderId);
    return order?.status === 'pending' ? { order, lease } : undefined;
  }

  /**
   * Runs the steps, and completes the placement by their result.
   *
   * @param onUnknown what to do when the outcome of a step is unknown, where its retry is safe
   * @returns the order as it is now: still pending when the outcome is unknown
   */
  async run(
    placement: LeasedPlacement,
    onUnknown: OnUnknownOutcome,
    deadline: Deadline,
    actor: string,
  ): Promise<Order> {
    const { lease } = placement;
    let { order } = placement;
    // An order without prices was not reserved by any earlier attempt.
    const mayBeReserved = lease.attempts > 1 && order.toPrice === null;
    const options = { onUnknown, deadline, mayBeReserved };
    let calls: InventoryCall[] = [];
    let stockUntil: Date | undefined;
    for (const step of Object.values(this.steps)) {
      if (step.isDone(order)) continue;
      const result = await step.run({ order, lease }, options);
      if (result.outcome === 'lost') return order;
      if (result.outcome !== 'done') {
        const isRetried = result.outcome === 'unknown' && step.onUnknown(options) === 'retry';
        if (isRetried) return this.postpone({ order, lease });
        return this.complete({ order, lease }, step.compensate(order, result), actor);
      }
      order = result.order;
      calls = [...calls, ...(result.calls ?? [])];
      ({ stockUntil } = result);
    }
    return this.complete({ order, lease }, this.success(order, calls, stockUntil ?? null), actor);
  }

  /** Confirms an order whose stock is reserved, or begins its hold. */
  private success(order: Order, calls: InventoryCall[], stockUntil: Date | null): Completion {
    const confirmed = confirmation(calls);
    if (order.holdSeconds === null) return confirmed;
    const expiresAt = endWithin(stockUntil, holdEnd(order.holdSeconds, databaseNow()));
    return {
      ...confirmed,
      to: 'reserved',
      hold: { expiresAt, stockUntil, notifiesCustomer: this.notifiesHolds },
    };
  }

  /** Compensates an order whose placement did not complete within the recovery window. */
  async abandon(placement: LeasedPlacement, actor: string): Promise<Order> {
    const { order } = placement;
    const step = this.steps.price.isDone(order) ? this.steps.reserve : this.steps.price;
    const failure = { outcome: 'unknown', reason: 'not settled within the recovery window' } as const;
    return this.complete(placement, step.compensate(order, failure), actor);
  }

  /** Leaves the order pending and ends the lease: any instance resumes the placement after a pause. */
  async postpone({ order, lease }: LeasedPlacement): Promise<Order> {
    await reachPausePoint('placement.before-postpone', order.id);
    const limits = { firstPauseMs: FIRST_PAUSE_MS, maxPauseMs: LONGEST_PAUSE_MS };
    await this.tasks.postpone(lease, retryPauseMs(lease.attempts, limits));
    return order;
  }

  private async price({ order, lease }: LeasedPlacement, deadline: Deadline): Promise<StepResult> {
    let priced: PricedOrder;
    try {
      priced = await this.pricing.price(unpricedOrderOf(order), deadline);
    } catch (error) {
      // An invalid answer would be the same later. All else may pass, an unreadable page of a proxy included.
      const isInvalid = error instanceof UpstreamFault && error.kind === 'invalid';
      const refusal = isInvalid ? upstreamProblem(error) : error;
      if (refusal instanceof Problem) return { outcome: 'refused', reason: refusal.detail, refusal };
      if (error instanceof UpstreamFault) return { outcome: 'unknown', reason: error.message };
      throw error;
    }
    await reachPausePoint('placement.before-price', order.id);
    if (!(await this.repository.savePrices(lease, priced))) return { outcome: 'lost' };
    await reachPausePoint('placement.after-price', order.id);
    const { totalAmount, lines } = priced;
    const items = order.items.map((item, index) => ({ ...item, ...lines[index] }));
    return { outcome: 'done', order: { ...order, totalAmount, items, toPrice: null } };
  }

  private async reserve(
    { order }: LeasedPlacement,
    { deadline, mayBeReserved }: StepOptions,
  ): Promise<StepResult> {
    // The answer to an earlier call is lost, and a second call would reserve a second time.
    if (mayBeReserved && !this.inventory.idempotent)
      return { outcome: 'unknown', reason: 'it is unknown what was reserved' };
    // Without a call certainly nothing is reserved; after a call without time left that would be unknown.
    if (deadline.remaining() === 0 && !mayBeReserved) {
      const notAttempted = sameForAll(order.items, 'notAttempted', NOT_ASKED);
      return { outcome: 'unknown', reason: NOT_ASKED, lines: notAttempted };
    }
    const wanted = order.items.map(({ id, productId, quantity }) => ({ line: id, productId, quantity }));
    const until = stockNeededUntil(order);
    const reserve = () => this.inventory.reserve(reservationIdOf(order), wanted, deadline, until);
    const { outcomes: lines, call } = await observeInventory('reserve', reserve);
    const { to, reason = '' } = completionOf(lines, order.items);
    const calls = [call];
    if (to === 'confirmed') return { outcome: 'done', order, calls, ...earliestEnd(lines) };
    return { outcome: to === 'rejected' ? 'refused' : 'unknown', reason, lines, calls };
  }

  /**
   * Completes a placement. The order may have changed since it was read without being completed, as when its personal data
   * was erased; the outcome holds for it as it is now, as long as the lease is held.
   *
   * @returns the order as it is now, or as another process completed it when the lease was lost
   */
  private async complete(placement: LeasedPlacement, completion: Completion, actor: string): Promise<Order> {
    let { order } = placement;
    for (let attempt = 1; ; attempt += 1) {
      const completed = await this.tryComplete({ ...placement, order }, completion, actor);
      if (completed) return completed;
      const found = await this.orders.findOrder(order.id);
      if (found?.status !== 'pending') return found ?? placement.order;
      // Ends the lease: the task engine deletes a task whose lease is held when its handler returns.
      if (attempt === COMPLETE_ATTEMPTS) return this.postpone({ ...placement, order: found });
      order = found;
    }
  }

  /**
   * Transaction 2: sets the status by compare-and-set, with its event and its tasks.
   *
   * @returns the completed order, or undefined when it has changed since it was read
   */
  private async tryComplete(
    { order, lease }: LeasedPlacement,
    completion: Completion,
    actor: string,
  ): Promise<Order | undefined> {
    const event = eventOf(order, completion, actor, databaseNow());
    const tasks = tasksAfter(order, completion, event.at);
    await reachPausePoint('placement.before-settle', order.id);
    const verdict = await this.repository.complete({ order, lease, completion, event, tasks });
    await reachPausePoint('placement.after-settle', order.id);
    if (verdict === 'changed') return undefined;
    const { to: status } = completion;
    countStatusChange('pending', status);
    const { version, at: updatedAt } = event;
    const { expiresAt = null, stockUntil = null } = completion.hold ?? {};
    return { ...order, status, failure: failureOf(completion), version, updatedAt, expiresAt, stockUntil };
  }
}
