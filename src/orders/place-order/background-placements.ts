import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { databaseNow } from '../../platform/database/database-clock.js';
import { Deadline } from '../../platform/deadline.js';
import { CallerBulkhead } from '../../platform/http/load/caller-bulkhead.js';
import { currentPermitHolder } from '../../platform/http/load/permit-holder.js';
import { reachPausePoint } from '../../pause-points/pause-points.js';
import { withDeadline } from '../../platform/telemetry/request-context.js';
import { traced } from '../../platform/telemetry/tracer.js';
import { Tasks } from '../../tasks/tasks.service.js';
import type { Order } from '../order.entity.js';
import { countRecovery } from '../order.metrics.js';
import { PLACE_ORDER } from '../order.tasks.js';
import { FIRST_PAUSE_MS, LONGEST_PAUSE_MS, PlaceOrderSaga } from './place-order-saga.js';
import type { LeasedPlacement, PlacementLease } from './placement-step.js';

/** Placements resumed at the same time, so that recovery after a crash leaves room for new orders. */
const CONCURRENCY = 8;

/** A placement ends with its recovery window, not with a number of attempts. */
const UNLIMITED_ATTEMPTS = 2_147_483_647;

const ACTOR = 'recovery';

/**
 * Runs placements for which no client waits: those of asynchronous requests, and those whose process died or whose
 * outcome stayed unknown. The latter go forward within the recovery window, and back after it.
 */
@Injectable()
export class BackgroundPlacements implements OnModuleInit, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger(BackgroundPlacements.name);
  private readonly underWay = new Set<Promise<void>>();
  private readonly permits: CallerBulkhead;
  private isStopped = false;

  constructor(
    private readonly tasks: Tasks,
    private readonly saga: PlaceOrderSaga,
    private readonly settings: Settings,
  ) {
    this.permits = new CallerBulkhead(settings.MAX_PLACEMENTS, 0);
  }

  onModuleInit(): void {
    this.tasks.register(PLACE_ORDER, (lease) => this.resume(lease), {
      maxConcurrency: CONCURRENCY,
      attemptTimeoutMs: this.settings.REQUEST_DEADLINE_MS,
      maxAttempts: UNLIMITED_ATTEMPTS,
      firstPauseMs: FIRST_PAUSE_MS,
      maxPauseMs: LONGEST_PAUSE_MS,
      claimIntervalMs: this.settings.RECOVERY_INTERVAL_MS,
    });
  }

  /** New asynchronous orders are stored, and left to recovery on another instance. */
  onModuleDestroy(): void {
    this.isStopped = true;
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all(this.underWay);
  }

  /**
   * Starts the placement of an order after its client has its response. Beyond as many as may be placed at a time, or
   * beyond the share of the caller, and when it fails, the order is left to recovery.
   */
  start(placement: LeasedPlacement, actor: string): void {
    const leave = this.isStopped ? undefined : this.permits.tryEnter(currentPermitHolder());
    const running = (leave ? this.run(placement, actor) : this.saga.postpone(placement))
      .then(() => undefined)
      .catch((error: unknown) =>
        this.logger.error(
          { err: error, orderId: placement.order.id },
          'A placement failed; its task is resumed later',
        ),
      )
      .finally(() => {
        leave?.();
        this.underWay.delete(running);
      });
    this.underWay.add(running);
  }

  /** Resumes a placement whose lease the task engine has acquired. */
  private async resume(lease: PlacementLease): Promise<void> {
    const placement = await this.saga.load(lease);
    if (!placement) throw new Error(`order ${lease.orderId} has a task but is not pending`);
    const span = {
      name: 'recover order',
      kind: 'internal',
      attributes: { 'order.id': lease.orderId },
    } as const;
    try {
      await traced(span, () => this.complete(placement));
    } catch (error) {
      countRecovery('fault');
      throw error;
    }
  }

  private async complete(placement: LeasedPlacement): Promise<void> {
    const { id: orderId, placedAt } = placement.order;
    await reachPausePoint('recovery.taken-over', orderId);
    const isOverdue = databaseNow().getTime() - placedAt.getTime() > this.settings.RECOVERY_WINDOW_MS;
    const order = isOverdue ? await this.saga.abandon(placement, ACTOR) : await this.run(placement, ACTOR);
    countRecovery(isOverdue && order.status === 'failed' ? 'taken_back' : order.status);
    const { attempts: attempt } = placement.lease;
    this.logger.log({ orderId, attempt, status: order.status }, 'A placement was resumed');
  }

  /** Runs a placement with the deadline of a request. */
  private async run(placement: LeasedPlacement, actor: string): Promise<Order> {
    const deadline = Deadline.in(this.settings.REQUEST_DEADLINE_MS);
    return withDeadline(deadline, () => this.saga.run(placement, 'retry', deadline, actor));
  }
}
