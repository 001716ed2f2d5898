import type { Readable } from 'node:stream';
import { type BeforeApplicationShutdown, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { DatabaseOutage } from '../../platform/database/database-outage.js';
import { Deadline } from '../../platform/deadline.js';
import { Gate, NoRoom } from '../../platform/gate.js';
import { overloaded } from '../../platform/http/problem.js';
import type { Owner } from '../ownership.js';
import { OrderChangesRepository } from './order-changes.repository.js';
import { OrderFeed, PAGE_SIZE } from './order-feed.js';
import { StreamClient, TooSlow } from './stream-client.js';
import { beforeTransaction, isBehind, parsePosition, type StreamPosition } from './stream-position.js';

/** Each holds a connection, and up to a megabyte that was not sent yet. */
const MAX_STREAMS = 100;

/** Whoever was away for longer than for this many events reads a list sooner than these. */
const MAX_REPLAYED = 2_000;

/** How long things take. Shorter in tests of what happens then. */
export interface StreamTimes {
  /** From one sign of life to the next. */
  beatMs: number;
  /** From the beginning of a stream to its end. */
  lifeMs: number;
}

/**
 * Connections through which nothing comes are closed after 30 s by this service, and after a minute by many a proxy.
 * Credentials are looked at when a stream begins: whoever lost them since may go on for as long as it lives.
 */
const STREAM_TIMES: StreamTimes = { beatMs: 15_000, lifeMs: 300_000 };

/**
 * Tells those who follow orders of every event, once and in order.
 *
 * Transactions end in another order than they begin, so that an event may come to light after one that was written later.
 * Events are therefore told only once every transaction that is older has ended: then none can come before them any more.
 */
@Injectable()
export class OrderStream implements OnModuleDestroy, BeforeApplicationShutdown {
  /** For the streams that begin from now on. */
  times = STREAM_TIMES;
  private readonly logger = new Logger(OrderStream.name);
  private readonly gate = new Gate(MAX_STREAMS, 0);
  private feed: OrderFeed | undefined;
  private isStopped = false;

  constructor(
    private readonly changes: OrderChangesRepository,
    private readonly outage: DatabaseOutage,
  ) {}

  /** Streams would otherwise hold the stop up; whoever follows comes back to another instance. */
  onModuleDestroy(): void {
    this.isStopped = true;
    this.feed?.end();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.feed?.ended();
  }

  /**
   * Begins to tell somebody of all events from now on, or of all since a place.
   *
   * @param owner whose orders it may see
   * @param lastEventId the id that the client got last; undefined for one that is new
   * @throws {Problem} overloaded
   */
  async follow(owner: Owner, lastEventId: string | undefined): Promise<Readable> {
    const leave = await this.enter();
    try {
      const client = await this.prepare(owner, lastEventId);
      this.letIn(client, leave);
      return client.stream;
    } catch (error) {
      leave();
      throw error;
    }
  }

  private async enter(): Promise<() => void> {
    try {
      return await this.gate.enter(Deadline.in(0));
    } catch (error) {
      throw error instanceof NoRoom ? overloaded() : error;
    }
  }

  /** @returns a client that knows everything that the feed has told the others */
  private async prepare(owner: Owner, lastEventId: string | undefined): Promise<StreamClient> {
    let horizon = await this.changes.findHorizon();
    const since = lastEventId === undefined ? undefined : await this.findPlace(lastEventId, horizon);
    const client = new StreamClient(owner, since ?? beforeTransaction(horizon));
    client.begin();
    if (lastEventId !== undefined && !since) client.reset(beforeTransaction(horizon));
    let place = since ?? beforeTransaction(horizon);
    for (;;) {
      place = await this.replay(client, place, horizon);
      // Nothing may come between this look and letting the client in.
      if (!this.feed || !isBehind(this.feed.position, place)) return client;
      horizon = await this.changes.findHorizon();
    }
  }

  /** The place that a client names; undefined where it can't go on from there. */
  private async findPlace(lastEventId: string, horizon: bigint): Promise<StreamPosition | undefined> {
    const place = parsePosition(lastEventId);
    if (!place || place.transaction > horizon) return undefined;
    return (await this.changes.isFarBehind(place, MAX_REPLAYED)) ? undefined : place;
  }

  /** Tells a client of what was before the horizon. @returns the place where it is then */
  private async replay(
    client: StreamClient,
    since: StreamPosition,
    horizon: bigint,
  ): Promise<StreamPosition> {
    const end = beforeTransaction(horizon);
    let place = since;
    let isMore = isBehind(end, place);
    while (isMore) {
      const page = await this.changes.findChanges(place, horizon, PAGE_SIZE);
      for (const change of page) client.offer(change);
      isMore = page.length === PAGE_SIZE;
      place = page.at(-1)?.position ?? place;
    }
    client.advance(end);
    return isBehind(end, place) ? end : place;
  }

  private letIn(client: StreamClient, leave: () => void): void {
    const feed = this.feed ?? new OrderFeed(this.changes, this.outage, client.place, this.times.beatMs);
    this.feed = feed;
    feed.add(client);
    const timer = setTimeout(() => client.end(), this.times.lifeMs).unref();
    client.stream.on('error', (error) => {
      if (!(error instanceof TooSlow)) this.logger.error({ err: error }, 'A stream of orders has failed');
    });
    client.stream.on('close', () => {
      clearTimeout(timer);
      if (feed.remove(client) && this.feed === feed) this.feed = undefined;
      leave();
    });
    if (this.isStopped) client.end();
  }
}
