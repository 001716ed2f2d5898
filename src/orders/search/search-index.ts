import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { Gauge } from 'prom-client';
import { Settings } from '../../config/settings.js';
import { type BackgroundLoop, BackgroundLoops } from '../../platform/background-loops.js';
import { DatabaseOutage } from '../../platform/database/database-outage.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import { PeriodicTask } from '../../platform/periodic-task.js';
import { timeOfOrderId } from '../order-id.js';
import { OrderSearchRepository } from './order-search.repository.js';

/**
 * Pause between two looks for new events. Longer than that of the sequencer: most orders have both events of their placement
 * by then, and need one text.
 */
const PAUSE_MS = 1_000;

/** Events, or orders of the backfill, of one transaction. Short, because an erasure waits for its end. */
const BATCH_SIZE = 500;

/** The log reports the progress of the backfill no more often. */
const REPORT_MS = 10_000;

/**
 * Keeps the search texts of orders up to date, behind the feed of events. Every instance runs it, and a row lock lets one at
 * a time do the work. It rests for as long as each batch has taken, so it uses at most half of one connection.
 */
@Injectable()
export class SearchIndex implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger('Search');
  private readonly loop: BackgroundLoop;
  private readonly passes: PeriodicTask;
  private reportedAt: number | undefined;
  private readonly waiting: Gauge;
  private readonly isComplete: Gauge;
  private readonly hasTrigramIndex: Gauge;

  constructor(
    private readonly repository: OrderSearchRepository,
    private readonly settings: Settings,
    private readonly outage: DatabaseOutage,
    loops: BackgroundLoops,
    { registry }: Metrics,
  ) {
    this.loop = loops.add('search_index', { pauseMs: PAUSE_MS });
    this.passes = new PeriodicTask(() => this.pass(), PAUSE_MS, this.loop);
    const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [registry] });
    this.waiting = gauge(
      'order_search_events_waiting',
      'Events of the feed that the search does not know yet, as of the last look; 0 with SEARCH_FRAGMENTS=false.',
    );
    this.isComplete = gauge(
      'order_search_is_complete',
      '0 while orders from before the search are being indexed, and with SEARCH_FRAGMENTS=false.',
    );
    this.hasTrigramIndex = gauge(
      'order_search_has_trigram_index',
      '1 if a search for a fragment can use the trigram index; otherwise it reads the newest orders only.',
    );
  }

  onApplicationBootstrap(): void {
    if (this.settings.SEARCH_FRAGMENTS) this.passes.start();
  }

  /** Starts no further batch, and waits for the current one. */
  onModuleDestroy(): void {
    this.passes.stop();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.passes.ended();
  }

  private async pass(): Promise<boolean> {
    try {
      let mayBeMore = await this.look();
      while (mayBeMore && !this.passes.isStopped) {
        const startedAt = performance.now();
        const batch = await this.repository.indexNext(BATCH_SIZE);
        this.loop.reportProgress();
        mayBeMore = batch?.isFull ?? false;
        if (batch) this.report(batch.backfillOrderId);
        if (mayBeMore) await sleep(performance.now() - startedAt);
      }
      this.outage.isOver();
      return true;
    } catch (error) {
      // The next pass resumes where this one stopped.
      if (!this.outage.noticed(error))
        this.logger.error({ err: error }, 'Orders can not be indexed for the search');
      return false;
    }
  }

  /** Sets the metrics. @returns whether there is anything to index */
  private async look(): Promise<boolean> {
    const { waiting, backfillOrderId, hasTrigramIndex } = await this.repository.readProgress();
    this.waiting.set(waiting);
    this.isComplete.set(backfillOrderId === null ? 1 : 0);
    this.hasTrigramIndex.set(hasTrigramIndex ? 1 : 0);
    return waiting > 0 || backfillOrderId !== null;
  }

  /** Logs the progress of the backfill. */
  private report(backfillOrderId: string | null): void {
    if (backfillOrderId === null) {
      if (this.reportedAt !== undefined)
        this.logger.log('All orders from before the search can be found by fragments');
      this.reportedAt = undefined;
    } else if (performance.now() - (this.reportedAt ?? -Infinity) >= REPORT_MS) {
      this.reportedAt = performance.now();
      const since = timeOfOrderId(backfillOrderId).toISOString();
      this.logger.log(`Orders placed since ${since} can be found by fragments; older ones are being indexed`);
    }
  }
}
