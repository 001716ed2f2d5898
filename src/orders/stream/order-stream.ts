import type { Readable } from 'node:stream';
import { type BeforeApplicationShutdown, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { BackgroundLoops } from '../../platform/background-loops.js';
import { DatabaseOutage } from '../../platform/database/database-outage.js';
import type { Bulkhead } from '../../platform/http/bounded-routes.js';
import { addProcessorTime } from '../../platform/http/load/processor-turns.js';
import type { Owner } from '../ownership.js';
import { OrderChangesRepository } from './order-changes.repository.js';
import { OrderFeed } from './order-feed.js';
import { RETRY_MS, StreamClient, TooSlow } from './stream-client.js';
import {
  beforeTransaction,
  type ClaimedPosition,
  isBehind,
  parsePosition,
  type StreamPosition,
} from './stream-position.js';

/** Estimated processor time of an event that is sent again, in milliseconds. */
const MISSED_EVENT_MS = 0.01;

/**
 * Each holds a connection, and up to two replays of unsent events. A client that reconnects after the delay that it is given
 * finds its permit free; one that reconnects all the time gets no more streams a second than it may have at a time.
 */
export const STREAMS: Bulkhead = {
  kind: 'streams',
  permits: 100,
  maxWaiting: 0,
  admissionMs: 0,
  isLongLived: true,
  minHoldMs: RETRY_MS,
};

/** Shorter in tests. */
export interface StreamTimes {
  /** Interval of the heartbeats. */
  beatMs: number;
  /** Lifetime of a stream. */
  lifeMs: number;
}

/**
 * This service closes idle connections after 30 s, and many proxies after a minute. Credentials are checked when a stream
 * begins, so revoked credentials keep working for as long as a stream lives.
 */
const STREAM_TIMES: StreamTimes = { beatMs: 15_000, lifeMs: 300_000 };

/**
 * Sends every event of every order to its followers, once and in order.
 *
 * Transactions end in another order than they begin, so an event can become visible after one that was written later. An
 * event is therefore sent only after every older transaction has ended: then no event can appear before it.
 *
 * A position names an event, and every statement that reads on checks that the database has it. A failover or a restore
 * can lose the events that a client has seen last, and their transaction numbers are then used again. See
 * docs/decisions/0012.
 */
@Injectable()
export class OrderStream implements OnModuleDestroy, BeforeApplicationShutdown {
  /** For the streams that begin from now on. */
  times = STREAM_TIMES;
  private readonly logger = new Logger(OrderStream.name);
  private feed: OrderFeed | undefined;
  private isStopped = false;
  private lastPoll: Promise<void> = Promise.resolve();

  constructor(
    private readonly changes: OrderChangesRepository,
    private readonly outage: DatabaseOutage,
    private readonly loops: BackgroundLoops,
  ) {}

  /** Open streams would delay the shutdown. Their clients reconnect to another instance. */
  onModuleDestroy(): void {
    this.isStopped = true;
    this.lastPoll = this.feed?.ended() ?? this.lastPoll;
    this.feed?.end();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.lastPoll;
  }

  /**
   * Begins a stream of all events from now on, or of all after a position.
   *
   * @param owner whose orders the client may see
   * @param lastEventId the position that the client has received last; undefined for a new client
   */
  async follow(owner: Owner, lastEventId: string | undefined): Promise<Readable> {
    const feed = await this.enterFeed();
    try {
      const client = await this.prepare(feed, owner, lastEventId);
      this.watch(client, feed);
      return client.stream;
    } catch (error) {
      feed.leave();
      throw error;
    }
  }

  /** The feed, which runs at least until `leave` is called. */
  private async enterFeed(): Promise<OrderFeed> {
    if (!this.feed) {
      const last = await this.changes.findLast();
      const { changes, outage, loops, times } = this;
      const onStop = (): void => {
        this.feed = undefined;
      };
      this.feed ??= new OrderFeed(changes, outage, last, times.beatMs, loops, onStop);
    }
    this.feed.enter();
    return this.feed;
  }

  /** @returns a client of the feed that has received all events that the other clients have */
  private async prepare(
    feed: OrderFeed,
    owner: Owner,
    lastEventId: string | undefined,
  ): Promise<StreamClient> {
    const start =
      lastEventId === undefined ? await this.changes.findLast() : await this.findPlace(feed, lastEventId);
    // No `await` from here on, so that the feed does not move before the client is added.
    const missed = start && feed.memory.after(start);
    const client = new StreamClient(owner, start && missed ? start : feed.position);
    client.begin();
    addProcessorTime((missed?.length ?? 0) * MISSED_EVENT_MS);
    if (missed) client.offer(missed);
    else client.reset(feed.position);
    feed.add(client);
    return client;
  }

  /**
   * The position that a client names; undefined if the database does not have it, or has too many events after it. Nearly all
   * are found in memory.
   */
  private async findPlace(feed: OrderFeed, lastEventId: string): Promise<StreamPosition | undefined> {
    const claimed = parsePosition(lastEventId);
    if (!claimed) return undefined;
    const known = 'id' in claimed ? feed.memory.find(claimed.id) : undefined;
    if (known) return known;
    await feed.readBack();
    const found = 'id' in claimed ? feed.memory.find(claimed.id) : undefined;
    const isTooFarBehind = claimed.transaction < feed.memory.beginning.transaction;
    return found ?? (isTooFarBehind ? undefined : this.locate(claimed));
  }

  /** Looks a position up in the database: another instance may have read further, or it is one of the first version. */
  private async locate(claimed: ClaimedPosition): Promise<StreamPosition | undefined> {
    const { transaction } = claimed;
    if ('id' in claimed) return this.changes.findById(transaction, claimed.id);
    if ('seq' in claimed) return this.changes.findByNumber(transaction, claimed.orderId, claimed.seq);
    if (!(await this.changes.hasReached(transaction))) return undefined;
    // An event can be verified later, a number can't: where they mean the same, the client resumes from the event.
    const place = beforeTransaction(transaction);
    const last = await this.changes.findLast();
    return isBehind(last, place) ? place : last;
  }

  private watch(client: StreamClient, feed: OrderFeed): void {
    const timer = setTimeout(() => client.end(), this.times.lifeMs).unref();
    client.stream.on('error', (error) => {
      if (!(error instanceof TooSlow)) this.logger.error({ err: error }, 'A stream of orders has failed');
    });
    client.stream.on('close', () => {
      clearTimeout(timer);
      feed.remove(client);
      feed.leave();
    });
    if (this.isStopped) feed.end();
  }
}
