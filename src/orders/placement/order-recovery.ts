import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { type BackgroundLoop, BackgroundLoops } from '../../platform/background-loops.js';
import { DatabaseOutage } from '../../platform/database/database-outage.js';
import { PeriodicTask } from '../../platform/periodic-task.js';
import { reachPausePoint } from '../../platform/pause-points.js';
import { traced } from '../../platform/telemetry/tracer.js';
import { runInContext, newRequestContext } from '../../platform/telemetry/request-context.js';
import { countRecovery } from '../order.metrics.js';
import type { Order } from '../order.entity.js';
import { PlaceOrderSaga } from './place-order-saga.js';
import { PlacementRepository } from './placement.repository.js';
import { PlacementRunner } from './placement-runner.js';
import { databaseNow } from '../../platform/database/database-clock.js';

/** Placements of one sweep; the rest is left to the next sweep, or to another instance. */
const SWEEP_SIZE = 100;

/** Placements driven at the same time, so that recovery after a crash leaves room for new orders. */
const CONCURRENCY = 8;

const ACTOR = 'recovery';

/**
 * Finds placements without a lease, because a process died or an outcome stayed unknown. Retries them within the
 * recovery window and compensates them after it. Runs on every instance; the lease on each order keeps instances
 * apart.
 */
@Injectable()
export class OrderRecovery implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger(OrderRecovery.name);
  private readonly loop: BackgroundLoop;
  private readonly sweeps: PeriodicTask;

  constructor(
    private readonly placements: PlacementRepository,
    private readonly placement: PlaceOrderSaga,
    private readonly driver: PlacementRunner,
    private readonly settings: Settings,
    private readonly outage: DatabaseOutage,
    loops: BackgroundLoops,
  ) {
    const pauseMs = settings.RECOVERY_INTERVAL_MS;
    this.loop = loops.add('order_recovery', { pauseMs, longestStepMs: settings.REQUEST_DEADLINE_MS });
    this.sweeps = new PeriodicTask(() => this.sweepAndTell(), pauseMs, this.loop);
  }

  onApplicationBootstrap(): void {
    this.sweeps.start();
  }

  /** Stops claiming placements. The shutdown waits for running ones along with the tasks. */
  onModuleDestroy(): void {
    this.sweeps.stop();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.sweeps.ended();
  }

  private async sweepAndTell(): Promise<boolean> {
    try {
      await this.sweep();
      this.outage.isOver();
      return true;
    } catch (error) {
      this.tell(error, {}, 'recovery could not look for orders');
      return false;
    }
  }

  private async sweep(): Promise<void> {
    const queue = await this.placements.findAbandoned(SWEEP_SIZE);
    this.loop.reportProgress();
    const workers = Array.from({ length: CONCURRENCY }, async () => {
      for (let id = queue.shift(); id !== undefined && !this.sweeps.isStopped; id = queue.shift())
        await this.recover(id);
    });
    await Promise.all(workers);
  }

  /** An error of one order must not delay the others: it is logged, and the next sweep retries. */
  private async recover(orderId: string): Promise<void> {
    const span = { name: 'recover order', kind: 'internal', attributes: { 'order.id': orderId } } as const;
    await runInContext({ work: newRequestContext({ orderId }), trace: undefined }, async () => {
      try {
        const order = await this.placement.acquireLease(orderId);
        if (order) await traced(span, () => this.takeOn(order));
        this.loop.reportProgress();
      } catch (error) {
        countRecovery('fault');
        this.tell(error, { orderId }, 'recovery could not take an order on');
      }
    });
  }

  private async takeOn(order: Order): Promise<void> {
    await reachPausePoint('recovery.taken-over', order.id);
    const isOverdue = databaseNow().getTime() - order.placedAt.getTime() > this.settings.RECOVERY_WINDOW_MS;
    const settled = isOverdue
      ? await this.placement.abandon(order, ACTOR)
      : await this.driver.runWithDeadline(order, ACTOR);
    countRecovery(isOverdue && settled.status === 'failed' ? 'taken_back' : settled.status);
    const { id: orderId, attempt } = order;
    this.logger.log({ orderId, attempt, status: settled.status }, 'recovery took an order on');
  }

  private tell(error: unknown, about: Record<string, unknown>, message: string): void {
    if (!this.outage.noticed(error)) this.logger.error({ err: error, ...about }, message);
  }
}
