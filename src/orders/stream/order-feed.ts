import { Logger } from '@nestjs/common';
import type { BackgroundLoop, BackgroundLoops } from '../../platform/background-loops.js';
import type { DatabaseOutage } from '../../platform/database/database-outage.js';
import { PeriodicTask } from '../../platform/periodic-task.js';
import type { OrderChangesRepository } from './order-changes.repository.js';
import { MAX_REPLAYED, RecentChanges } from './recent-changes.js';
import type { StreamClient } from './stream-client.js';
import type { StreamPosition } from './stream-position.js';

/** Fast enough for people; one small statement per instance, for any number of followers. */
const POLL_MS = 500;

/** Events read by one statement. */
const PAGE_SIZE = 1_000;

/** The feed outlives its last follower by this long, so that a client that reconnects finds its events. */
const LINGER_MS = 5_000;

/** Reads new events, once for all followers on this instance, and remembers the latest for those that reconnect. */
export class OrderFeed {
  private readonly logger = new Logger(OrderFeed.name);
  private readonly clients = new Set<StreamClient>();
  private readonly loop: BackgroundLoop;
  private readonly polls: PeriodicTask;
  private readonly beats: NodeJS.Timeout;
  private recent: RecentChanges;
  private readingBack: Promise<void> | undefined;
  private users = 0;
  private lingering: NodeJS.Timeout | undefined;

  /**
   * @param place the first event that is read is the one after it
   * @param beatMs interval of the heartbeats
   * @param onStop called once the feed has stopped, some time after its last user has left
   */
  constructor(
    private readonly changes: OrderChangesRepository,
    private readonly outage: DatabaseOutage,
    private place: StreamPosition,
    beatMs: number,
    private readonly loops: BackgroundLoops,
    private readonly onStop: () => void,
  ) {
    this.recent = new RecentChanges(place);
    this.loop = loops.add('order_stream', { pauseMs: POLL_MS });
    this.polls = new PeriodicTask(() => this.poll(), POLL_MS, this.loop);
    this.polls.start();
    this.beats = setInterval(() => this.beat(), beatMs);
  }

  /** Every client of the feed has received all events up to it. */
  get position(): StreamPosition {
    return this.place;
  }

  /** The latest events that the feed has read. */
  get memory(): RecentChanges {
    return this.recent;
  }

  /** Keeps the feed going. To be followed by one call of `leave`. */
  enter(): void {
    this.users += 1;
    clearTimeout(this.lingering);
  }

  leave(): void {
    this.users -= 1;
    if (this.users > 0) return;
    if (this.polls.isStopped) this.onStop();
    else this.lingering = setTimeout(() => this.stop(), LINGER_MS).unref();
  }

  /** Adds a client that has received all events up to the position of the feed. */
  add(client: StreamClient): void {
    this.clients.add(client);
  }

  remove(client: StreamClient): void {
    this.clients.delete(client);
  }

  /** Ends the streams of all clients. */
  end(): void {
    for (const client of this.clients) client.end();
    this.stop();
  }

  /** Resolves when no poll is running. */
  async ended(): Promise<void> {
    await this.polls.ended();
  }

  /** Reads the events before those in memory, unless that was done before: once, however many clients need them. */
  async readBack(): Promise<void> {
    if (this.recent.isComplete) return;
    this.readingBack ??= this.readEarlier().finally(() => (this.readingBack = undefined));
    await this.readingBack;
  }

  private async readEarlier(): Promise<void> {
    const { recent } = this;
    const { beginning } = recent;
    const limit = MAX_REPLAYED + 1;
    const older = await this.changes.findLastChanges(beginning.transaction, limit);
    // A memory that has forgotten its first events, or was replaced, is not continued by these.
    if (this.recent === recent && recent.beginning === beginning) recent.prepend(older, limit);
  }

  private stop(): void {
    clearTimeout(this.lingering);
    this.polls.stop();
    this.loops.remove(this.loop);
    clearInterval(this.beats);
    if (this.users === 0) this.onStop();
  }

  private async poll(): Promise<boolean> {
    try {
      await this.readOn();
      this.outage.isOver();
      return true;
    } catch (error) {
      // No event is missed: the next poll begins where this one did.
      if (!this.outage.noticed(error)) this.logger.error({ err: error }, 'changes of orders can not be read');
      return false;
    }
  }

  private async readOn(): Promise<void> {
    let isMore = true;
    while (isMore) {
      const page = await this.changes.findChanges(this.place, PAGE_SIZE);
      this.loop.reportProgress();
      if (!page) return this.reset(await this.changes.findLast());
      for (const client of this.clients) client.offer(page);
      isMore = page.length === PAGE_SIZE;
      this.place = page.at(-1)?.position ?? this.place;
      this.recent.add(page);
    }
  }

  /** The database has lost the last event that was read, as after a failover to a standby that lacks it. */
  private reset(place: StreamPosition): void {
    this.place = place;
    this.recent = new RecentChanges(place);
    for (const client of this.clients) client.reset(place);
  }

  private beat(): void {
    for (const client of this.clients) client.beat();
  }
}
