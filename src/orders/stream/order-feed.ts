import { Logger } from '@nestjs/common';
import type { BackgroundLoop, BackgroundLoops } from '../../platform/background-loops.js';
import type { DatabaseOutage } from '../../platform/database/database-outage.js';
import { RepeatedWork } from '../../platform/repeated-work.js';
import type { OrderChangesRepository } from './order-changes.repository.js';
import type { StreamClient } from './stream-client.js';
import type { StreamPosition } from './stream-position.js';

/** Fast enough for people; one small statement per instance, whatever the number of followers. */
const POLL_MS = 500;

/** Events read by one statement. */
export const PAGE_SIZE = 1_000;

/** Reads new events, once for all followers on this instance, from the first follower until the last has gone. */
export class OrderFeed {
  private readonly logger = new Logger(OrderFeed.name);
  private readonly clients = new Set<StreamClient>();
  private readonly loop: BackgroundLoop;
  private readonly polls: RepeatedWork;
  private readonly beats: NodeJS.Timeout;

  /**
   * @param place the first event that is read is the one after it
   * @param beatMs interval of the heartbeats
   */
  constructor(
    private readonly changes: OrderChangesRepository,
    private readonly outage: DatabaseOutage,
    private place: StreamPosition,
    beatMs: number,
    private readonly loops: BackgroundLoops,
  ) {
    this.loop = loops.add('order_stream', { pauseMs: POLL_MS });
    this.polls = new RepeatedWork(() => this.poll(), POLL_MS, this.loop);
    this.polls.start();
    this.beats = setInterval(() => this.beat(), beatMs);
  }

  /** Every client of the feed has received all events up to it. */
  get position(): StreamPosition {
    return this.place;
  }

  /** Adds a client that has received all events up to the position of the feed. */
  add(client: StreamClient): void {
    this.clients.add(client);
  }

  /** @returns whether it was the last client; then the feed has stopped */
  remove(client: StreamClient): boolean {
    this.clients.delete(client);
    if (this.clients.size > 0) return false;
    this.polls.stop();
    this.loops.remove(this.loop);
    clearInterval(this.beats);
    return true;
  }

  /** Ends the streams of all clients. */
  end(): void {
    for (const client of this.clients) client.end();
  }

  /** Resolves when no poll is running. */
  async ended(): Promise<void> {
    await this.polls.ended();
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
      for (const client of this.clients) for (const change of page) client.offer(change);
      isMore = page.length === PAGE_SIZE;
      this.place = page.at(-1)?.position ?? this.place;
    }
  }

  /** The database has lost the last event that was read, as after a failover to a standby that lacks it. */
  private reset(place: StreamPosition): void {
    this.place = place;
    for (const client of this.clients) client.reset(place);
  }

  private beat(): void {
    for (const client of this.clients) client.beat();
  }
}
