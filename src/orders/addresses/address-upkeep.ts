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
import { AddressRepository } from './address.repository.js';

/** Some milliseconds for the database, so that no order waits for it. */
const BATCH_SIZE = 500;

/** The look costs one read of an index that is usually empty. */
const PAUSE_MS = 1_000;

/**
 * Normalises addresses that an earlier version stored or erased: after an upgrade, and while instances of the earlier
 * version still run. Runs on every instance; concurrent runs write the same values.
 */
@Injectable()
export class AddressUpkeep implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger(AddressUpkeep.name);
  private readonly loop: BackgroundLoop;
  private readonly passes: PeriodicTask;

  constructor(
    private readonly addresses: AddressRepository,
    private readonly outage: DatabaseOutage,
    loops: BackgroundLoops,
  ) {
    this.loop = loops.add('address_upkeep', { pauseMs: PAUSE_MS });
    this.passes = new PeriodicTask(() => this.normalizeAll(), PAUSE_MS, this.loop);
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

  private async normalizeAll(): Promise<boolean> {
    try {
      let mayBeMore = true;
      while (mayBeMore && !this.passes.isStopped) {
        mayBeMore = await this.addresses.normalizeBatch(BATCH_SIZE);
        this.loop.reportProgress();
      }
      return true;
    } catch (error) {
      // The next pass resumes where this one stopped.
      if (!this.outage.noticed(error)) {
        this.logger.error({ err: error }, 'addresses of earlier orders could not be normalized');
      }
      return false;
    }
  }
}
