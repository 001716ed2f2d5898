import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { type BackgroundLoop, BackgroundLoops } from '../../platform/background-loops.js';
import { DatabaseOutage } from '../../platform/database/database-outage.js';
import { PeriodicTask } from '../../platform/periodic-task.js';
import { EndpointRemovalRepository } from './endpoint-removal.repository.js';

/** A deleted endpoint is hidden and gets nothing, so the rest is not urgent. One small statement a pass. */
const INTERVAL_MS = 5_000;

/** An order has a few tasks of an endpoint, one for each of its events that wait. */
const ORDERS_OF_BATCH = 500;

/** A few milliseconds, so that a statement neither blocks others nor times out. */
const DELIVERIES_OF_BATCH = 1_000;

/**
 * Deletes what is left of deleted endpoints: first the tasks and deliveries, then the row itself, so that an interrupted
 * removal is continued. Runs on every instance; concurrent runs are harmless.
 */
@Injectable()
export class EndpointRemoval implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger('Webhooks');
  private readonly loop: BackgroundLoop;
  private readonly passes: PeriodicTask;

  constructor(
    private readonly repository: EndpointRemovalRepository,
    private readonly outage: DatabaseOutage,
    loops: BackgroundLoops,
  ) {
    this.loop = loops.add('webhook_removal', { pauseMs: INTERVAL_MS });
    this.passes = new PeriodicTask(() => this.removeAll(), INTERVAL_MS, this.loop);
  }

  onApplicationBootstrap(): void {
    this.passes.start();
  }

  onModuleDestroy(): void {
    this.passes.stop();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.passes.ended();
  }

  private async removeAll(): Promise<boolean> {
    try {
      for (const id of await this.repository.findDeleted()) await this.remove(id);
      return true;
    } catch (error) {
      if (!this.outage.noticed(error))
        this.logger.error({ err: error }, 'A deleted webhook could not be removed');
      return false;
    }
  }

  private async remove(id: string): Promise<void> {
    const isEmpty =
      (await this.inBatches(() => this.repository.deleteTasks(id, ORDERS_OF_BATCH))) &&
      (await this.inBatches(() => this.repository.deleteDeliveries(id, DELIVERIES_OF_BATCH)));
    if (!isEmpty) return;
    await this.repository.deleteEndpoint(id);
    this.logger.log({ endpointId: id }, 'A deleted webhook was removed with its tasks and deliveries');
  }

  /** @returns whether all batches are done; false when the service stops */
  private async inBatches(deleteBatch: () => Promise<boolean>): Promise<boolean> {
    let mayBeMore = true;
    while (mayBeMore && !this.passes.isStopped) {
      mayBeMore = await deleteBatch();
      this.loop.reportProgress();
    }
    return !mayBeMore;
  }
}
