import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { databaseNow } from '../../platform/database/database-clock.js';
import { reachPausePoint } from '../../pause-points/pause-points.js';
import { traced } from '../../platform/telemetry/tracer.js';
import { Tasks } from '../../tasks/tasks.service.js';
import { countRecovery } from '../order.metrics.js';
import { PLACE_ORDER } from '../order.tasks.js';
import {
  FIRST_PAUSE_MS,
  type LeasedPlacement,
  LONGEST_PAUSE_MS,
  type PlacementLease,
  PlaceOrderSaga,
} from './place-order-saga.js';
import { PlacementRunner } from './placement-runner.js';

/** Placements resumed at the same time, so that recovery after a crash leaves room for new orders. */
const CONCURRENCY = 8;

/** A placement ends with its recovery window, not with a number of attempts. */
const UNLIMITED_ATTEMPTS = 2_147_483_647;

const ACTOR = 'recovery';

/**
 * Resumes placements whose process died or whose outcome stayed unknown: forward within the recovery window, back after it.
 */
@Injectable()
export class PlacementResumption implements OnModuleInit {
  private readonly logger = new Logger(PlacementResumption.name);

  constructor(
    private readonly tasks: Tasks,
    private readonly saga: PlaceOrderSaga,
    private readonly runner: PlacementRunner,
    private readonly settings: Settings,
  ) {}

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
    const order = isOverdue
      ? await this.saga.abandon(placement, ACTOR)
      : await this.runner.runWithDeadline(placement, ACTOR);
    countRecovery(isOverdue && order.status === 'failed' ? 'taken_back' : order.status);
    const { attempts: attempt } = placement.lease;
    this.logger.log({ orderId, attempt, status: order.status }, 'A placement was resumed');
  }
}
