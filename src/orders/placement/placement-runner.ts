import { type BeforeApplicationShutdown, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Settings } from '../../config/settings.js';
import { inTransaction } from '../../platform/database/transaction.js';
import { Deadline } from '../../platform/deadline.js';
import { Problem, upstreamProblem } from '../../platform/http/problem.js';
import { CallerBulkhead } from '../../platform/http/load/caller-bulkhead.js';
import { currentPermitHolder } from '../../platform/http/load/permit-holder.js';
import { Tasks } from '../../tasks/tasks.service.js';
import { reachPausePoint } from '../../pause-points/pause-points.js';
import { withDeadline } from '../../platform/telemetry/request-context.js';
import { UpstreamFault } from '../../platform/upstream/upstream-fault.js';
import type { ExpectedPrices, Order } from '../order.entity.js';
import { type PricedOrder, OrderDrafts, unpricedOrderOf } from './order-drafts.js';
import { type LeasedPlacement, PlaceOrderSaga } from './place-order-saga.js';
import { PricingRepository } from './pricing.repository.js';
import type { OnUnknownOutcome } from './settlement.js';

/**
 * Takes a stored order from wherever it is to its end, if that can be: prices it where that is still to be done, and
 * then has its stock reserved. For the request that placed the order, for the background, and for recovery.
 */
@Injectable()
export class PlacementRunner implements OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger(PlacementRunner.name);
  private readonly underWay = new Set<Promise<void>>();
  private readonly background: CallerBulkhead;
  private isStopped = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly drafts: OrderDrafts,
    private readonly saga: PlaceOrderSaga,
    private readonly tasks: Tasks,
    private readonly prices: PricingRepository,
    private readonly settings: Settings,
  ) {
    this.background = new CallerBulkhead(settings.MAX_PLACEMENTS, 0);
  }

  /** New asynchronous orders are stored, and left to recovery on another instance. */
  onModuleDestroy(): void {
    this.isStopped = true;
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all(this.underWay);
  }

  /**
   * Runs a placement whose lease the caller has.
   *
   * @param onUnknown what to do when it is unknown whether the stock was reserved
   * @returns the order as it is now: still pending when the outcome is unknown
   */
  async run(
    placement: LeasedPlacement,
    onUnknown: OnUnknownOutcome,
    deadline: Deadline,
    actor: string,
  ): Promise<Order> {
    const { toPrice } = placement.order;
    return toPrice === null
      ? this.saga.reserveAndComplete(placement, onUnknown, deadline, actor)
      : this.runUnpriced(placement, toPrice, deadline, actor);
  }

  /**
   * Drives an order on after its client was answered. Beyond as many as may be placed at a time, or beyond the share of the
   * caller, and when it fails, the order is left to recovery.
   */
  runInBackground(placement: LeasedPlacement, actor: string): void {
    const leave = this.isStopped ? undefined : this.background.tryEnter(currentPermitHolder());
    const driving = (leave ? this.runWithDeadline(placement, actor) : this.saga.postpone(placement))
      .then(() => undefined)
      .catch((error: unknown) =>
        this.logger.error(
          { err: error, orderId: placement.order.id },
          'A placement failed; its task is resumed later',
        ),
      )
      .finally(() => {
        leave?.();
        this.underWay.delete(driving);
      });
    this.underWay.add(driving);
  }

  /** Resumes a placement with the deadline of a request. */
  async runWithDeadline(placement: LeasedPlacement, actor: string): Promise<Order> {
    const deadline = Deadline.in(this.settings.REQUEST_DEADLINE_MS);
    return withDeadline(deadline, () => this.run(placement, 'retry', deadline, actor));
  }

  /** Nothing was reserved for an order without prices, so it can be refused, or wait, without any doubt. */
  private async runUnpriced(
    placement: LeasedPlacement,
    expected: ExpectedPrices,
    deadline: Deadline,
    actor: string,
  ): Promise<Order> {
    const { order, lease } = placement;
    let draft: PricedOrder;
    try {
      draft = await this.drafts.price(unpricedOrderOf(order, expected), deadline);
    } catch (error) {
      if (error instanceof Problem) return this.saga.reject(placement, error, actor);
      if (!(error instanceof UpstreamFault)) throw error;
      // A later attempt would get the same answer. All else may pass, an unreadable page of a proxy included.
      return error.kind === 'invalid'
        ? this.saga.reject(placement, upstreamProblem(error), actor)
        : this.saga.postpone(placement);
    }
    await reachPausePoint('placement.before-price', order.id);
    if (!(await this.savePrices(placement, draft))) return order;
    await reachPausePoint('placement.after-price', order.id);
    const { totalAmount, lines } = draft;
    const items = order.items.map((item, index) => ({ ...item, ...lines[index] }));
    const priced: Order = { ...order, totalAmount, items, toPrice: null };
    return this.saga.reserveAndComplete({ order: priced, lease }, 'retry', deadline, actor, false);
  }

  /** @returns false when the lease was lost to another process */
  private async savePrices(
    { order, lease }: LeasedPlacement,
    { totalAmount, lines }: PricedOrder,
  ): Promise<boolean> {
    return inTransaction(this.dataSource, async (transaction) => {
      if (!(await this.tasks.lock(transaction, lease))) return false;
      if (!(await this.prices.setTotal(transaction, order.id, totalAmount))) return false;
      await this.prices.setPrices(transaction, order.id, lines);
      await reachPausePoint('placement.inside-price', order.id);
      return true;
    });
  }
}
