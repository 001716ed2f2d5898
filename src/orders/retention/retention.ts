import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { IdempotencyRepository } from '../../idempotency/idempotency.repository.js';
import { type BackgroundLoop, BackgroundLoops } from '../../platform/background-loops.js';
import { DatabaseOutage } from '../../platform/database/database-outage.js';
import { PeriodicTask } from '../../platform/periodic-task.js';
import { RejectedOrdersRepository } from './rejected-orders.repository.js';
import { OldWebhookDeliveriesRepository } from './old-webhook-deliveries.repository.js';

/** Rows deleted by one statement: a few milliseconds, so that it neither blocks other statements nor times out. */
const BATCH_SIZE = 1_000;

/** Orders have up to 200 lines, each of them a row. */
const ORDER_BATCH_SIZE = 100;

const HOURS_A_DAY = 24;

/**
 * Deletes expired idempotency keys, old deliveries to webhooks and, if configured, rejected orders. Runs on every instance; concurrent runs are
 * harmless.
 */
@Injectable()
export class Retention implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger(Retention.name);
  private readonly loop: BackgroundLoop;
  private readonly purges: PeriodicTask;

  constructor(
    private readonly keys: IdempotencyRepository,
    private readonly rejected: RejectedOrdersRepository,
    private readonly webhookDeliveries: OldWebhookDeliveriesRepository,
    private readonly settings: Settings,
    private readonly outage: DatabaseOutage,
    loops: BackgroundLoops,
  ) {
    const pauseMs = settings.PURGE_INTERVAL_MS;
    this.loop = loops.add('retention', { pauseMs });
    this.purges = new PeriodicTask(() => this.purge(), pauseMs, this.loop);
  }

  onApplicationBootstrap(): void {
    this.purges.start();
  }

  /** Starts no further batch, and waits for the current one. */
  onModuleDestroy(): void {
    this.purges.stop();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.purges.ended();
  }

  private async purge(): Promise<boolean> {
    const { REJECTED_ORDER_DAYS, IDEMPOTENCY_KEY_HOURS } = this.settings;
    // The key of a placement may not outlive its order, because the response is built from the order. That of a later
    // correction may: its replay is 404 then.
    const orderHours = Math.max(REJECTED_ORDER_DAYS * HOURS_A_DAY, IDEMPOTENCY_KEY_HOURS + 1);
    try {
      await this.inBatches(() => this.keys.deleteExpiredKeys(BATCH_SIZE));
      await this.inBatches(() => this.webhookDeliveries.deleteOld(BATCH_SIZE));
      if (REJECTED_ORDER_DAYS > 0) {
        await this.inBatches(() => this.rejected.deleteOlderThan(orderHours, ORDER_BATCH_SIZE));
      }
      return true;
    } catch (error) {
      // A failure only means that the tables are larger until the next time.
      if (!this.outage.noticed(error))
        this.logger.error({ err: error }, 'what has expired could not be deleted');
      return false;
    }
  }

  private async inBatches(deleteBatch: () => Promise<boolean>): Promise<void> {
    let mayBeMore = true;
    while (mayBeMore && !this.purges.isStopped) {
      mayBeMore = await deleteBatch();
      this.loop.reportProgress();
    }
  }
}
