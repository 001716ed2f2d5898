import { Logger } from '@nestjs/common';
import type { DatabaseOutage } from '../../platform/database/database-outage.js';
import { RepeatedWork } from '../../platform/repeated-work.js';
import type { OrderChangesRepository } from './order-changes.repository.js';
import type { StreamClient } from './stream-client.js';
import { beforeTransaction, isBehind, type StreamPosition } from './stream-position.js';

/** Soon enough for people; two small statements of an instance, however many follow it. */
const POLL_MS = 500;

/** Events read by one statement. */
export const PAGE_SIZE = 1_000;

/** Reads new events, once for all who follow orders on this instance, from the first of them until the last has gone. */
export class OrderFeed {
  private readonly logger = new Logger(OrderFeed.name);
  private readonly clients = new Set<StreamClient>();
  private readonly polls = new RepeatedWork(() => this.poll(), POLL_MS);
  private readonly beats: RepeatedWork;

  /**
   * @param place behind which all events are still to be read
   * @param beatMs from one sign of life to the next
   */
  constructor(
    private readonly changes: OrderChangesRepository,
    private readonly outage: DatabaseOutage,
    private place: StreamPosition,
    beatMs: number,
  ) {
    this.beats = new RepeatedWork(async () => this.beat(), beatMs);
    this.polls.start();
    this.beats.start();
  }

  /** All clients that are in know everything before it. */
  get position(): StreamPosition {
    return this.place;
  }

  /** Lets in who knows everything before the position of the feed. */
  add(client: StreamClient): void {
    this.clients.add(client);
  }

  /** @returns whether nobody is left; then the feed has stopped */
  remove(client: StreamClient): boolean {
    this.clients.delete(client);
    if (this.clients.size > 0) return false;
    this.polls.stop();
    this.beats.stop();
    return true;
  }

  /** Ends for all who are in. */
  end(): void {
    for (const client of this.clients) client.end();
  }

  /** Settles when nothing is under way any more. */
  async ended(): Promise<void> {
    await this.polls.ended();
  }

  private async poll(): Promise<void> {
    try {
      await this.readOn();
      this.outage.isOver();
    } catch (error) {
      // Nobody misses anything: the next time begins where this one did.
      if (!this.outage.noticed(error)) this.logger.error({ err: error }, 'changes of orders can not be read');
    }
  }

  private async readOn(): Promise<void> {
    const horizon = await this.changes.findHorizon();
    const end = beforeTransaction(horizon);
    if (isBehind(this.place, end) && horizon < this.place.transaction) return this.startAnew(end);
    let isMore = true;
    while (isMore) {
      const page = await this.changes.findChanges(this.place, horizon, PAGE_SIZE);
      for (const client of this.clients) for (const change of page) client.offer(change);
      isMore = page.length === PAGE_SIZE;
      this.place = page.at(-1)?.position ?? this.place;
    }
    this.place = end;
    for (const client of this.clients) client.advance(end);
  }

  /** Transactions count on: where they have gone back, the database is another one, as after a failover that lost some. */
  private startAnew(place: StreamPosition): void {
    this.place = place;
    for (const client of this.clients) client.reset(place);
  }

  private beat(): void {
    for (const client of this.clients) client.beat();
  }
}
