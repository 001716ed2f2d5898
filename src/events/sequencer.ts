import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { timeOfOrderId } from '../orders/order-id.js';
import { OrderRepository } from '../orders/order.repository.js';
import { BackgroundLoops } from '../platform/background-loops.js';
import { DatabaseOutage } from '../platform/database/database-outage.js';
import { runDetached } from '../platform/telemetry/request-context.js';
import { WakeUp } from '../platform/wake-up.js';
import { FeedTail } from './feed-tail.js';
import { type Batch, BatchChanged, SequencerRepository } from './sequencer.repository.js';

/** How often events of other instances, and of this one that were not gathered, are looked for. */
const POLL_MS = 250;

/** The same while no request follows the feed and this instance has inserted no event for `BUSY_MS`. */
const IDLE_POLL_MS = 1_000;

/** Longer than a transaction usually takes to commit. */
const BUSY_MS = 5_000;

/**
 * New events of this instance are numbered so long after their insert: by then the transaction has usually committed, and
 * others have come that the same batch takes.
 */
const GATHER_MS = 100;

/** The same after the commit of an event that notifies a customer, unless there was a batch within `GATHER_MS`. */
const NOTIFY_GATHER_MS = 10;

/** Events of one transaction: about 20 ms. */
const BATCH_SIZE = 500;

/** The log reports the progress of the backfill no more often. */
const REPORT_MS = 10_000;

/**
 * Gives every committed event the next number of the feed: from 1, without a gap, in order per order, and inserts the task
 * that notifies the customer of it. Every instance runs the sequencer, and a row lock lets one at a time do the work. A
 * transaction that is open elsewhere holds nothing up, because the order is that in which events become visible.
 */
@Injectable()
export class Sequencer implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger('Events');
  private readonly wakeUp = new WakeUp();
  private isStopping = false;
  private ended: Promise<void> | undefined;
  /** False until this instance has seen that no event from before the feed is without a number. */
  private isBackfilled = false;
  /** How long the last pass took: the loop rests for at least as long, so that it never takes more than half of its time. */
  private lastPassMs = 0;
  private lastBatchAt = -Infinity;
  private insertedAt = -Infinity;
  private reportedAt: number | undefined;
  private announceBatch: () => void = () => undefined;

  constructor(
    private readonly repository: SequencerRepository,
    private readonly orders: OrderRepository,
    private readonly tail: FeedTail,
    private readonly outage: DatabaseOutage,
    private readonly loops: BackgroundLoops,
  ) {}

  /** @param announce called when this instance has numbered events */
  onBatch(announce: () => void): void {
    this.announceBatch = announce;
  }

  onApplicationBootstrap(): void {
    this.orders.onEvents((isCommitted) => {
      this.insertedAt = performance.now();
      this.wakeUp.in(this.pauseBefore(isCommitted));
    });
    this.ended = runDetached(() => this.run());
  }

  onModuleDestroy(): void {
    this.isStopping = true;
    this.tail.close();
    this.wakeUp.in(0);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.ended;
  }

  /** Milliseconds until new events are numbered. Under load, both kinds of events share a batch every 100 ms. */
  private pauseBefore(isCommitted: boolean): number {
    if (!isCommitted) return Math.max(GATHER_MS, this.lastPassMs);
    const sinceBatch = performance.now() - this.lastBatchAt;
    return Math.max(NOTIFY_GATHER_MS, GATHER_MS - sinceBatch, this.lastPassMs);
  }

  private get pollMs(): number {
    const isBusy = this.tail.isInUse || performance.now() - this.insertedAt < BUSY_MS;
    return isBusy ? POLL_MS : IDLE_POLL_MS;
  }

  private async run(): Promise<void> {
    const loop = this.loops.add('events', { pauseMs: IDLE_POLL_MS });
    loop.start();
    while (!this.isStopping) {
      const startedAt = performance.now();
      const isMore = await this.attend();
      if (isMore !== undefined) loop.reportProgress();
      this.lastPassMs = performance.now() - startedAt;
      this.wakeUp.in(isMore ? this.lastPassMs : Math.max(this.pollMs, this.lastPassMs));
      if (!this.isStopping) await this.wakeUp.sleep();
    }
    loop.stop();
  }

  /** @returns whether more events wait; undefined after an error */
  private async attend(): Promise<boolean | undefined> {
    try {
      const isMore = await this.pass();
      await this.tail.advance();
      this.outage.isOver();
      return isMore;
    } catch (error) {
      if (error instanceof BatchChanged) return true;
      if (!this.outage.noticed(error)) this.logger.error({ err: error }, 'Events can not be numbered');
      return undefined;
    }
  }

  private async pass(): Promise<boolean> {
    if (this.isBackfilled && !(await this.repository.hasNew())) return false;
    const batch = await this.repository.numberNext(BATCH_SIZE);
    this.lastBatchAt = performance.now();
    if (batch) this.report(batch);
    if (batch && batch.count > 0) this.announceBatch();
    return batch?.isFull ?? false;
  }

  /** Logs the progress of the backfill. */
  private report({ lastNo, backfillOrderId }: Batch): void {
    if (this.isBackfilled) return;
    if (backfillOrderId === null) {
      this.isBackfilled = true;
      if (this.reportedAt !== undefined) this.logger.log('All events from before the feed have a number');
    } else if (performance.now() - (this.reportedAt ?? -Infinity) >= REPORT_MS) {
      this.reportedAt = performance.now();
      const until = timeOfOrderId(backfillOrderId).toISOString();
      this.logger.log(`${lastNo} events from before the feed have a number, of orders placed until ${until}`);
    }
  }
}
