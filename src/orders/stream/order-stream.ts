import type { Readable } from 'node:stream';
import { type BeforeApplicationShutdown, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { BackgroundLoops } from '../../platform/background-loops.js';
import { DatabaseOutage } from '../../platform/database/database-outage.js';
import { Deadline } from '../../platform/deadline.js';
import { Gate, NoRoom } from '../../platform/gate.js';
import { overloaded } from '../../platform/http/problem.js';
import type { Owner } from '../ownership.js';
import { OrderChangesRepository } from './order-changes.repository.js';
import { OrderFeed, PAGE_SIZE } from './order-feed.js';
import { StreamClient, TooSlow } from './stream-client.js';
import { beforeTransaction, isBehind, parsePosition, type StreamPosition } from './stream-position.js';

/** Each holds a connection, and up to a megabyte of unsent events. */
const MAX_STREAMS = 100;

/** A client that missed more events than this reads a list faster than these. */
const MAX_REPLAYED = 2_000;

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
  private readonly gate = new Gate(MAX_STREAMS, 0);
  private feed: OrderFeed | undefined;
  private isStopped = false;

  constructor(
    private readonly changes: OrderChangesRepository,
    private readonly outage: DatabaseOutage,
    private readonly loops: BackgroundLoops,
  ) {}

  /** Open streams would delay the shutdown. Their clients reconnect to another instance. */
  onModuleDestroy(): void {
    this.isStopped = true;
    this.feed?.end();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.feed?.ended();
  }

  /**
   * Begins a stream of all events from now on, or of all after a position.
   *
   * @param owner whose orders the client may see
   * @param lastEventId the position that the client has received last; undefined for a new client
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

  /** @returns a client that has received all events that the other clients of the feed have */
  private async prepare(owner: Owner, lastEventId: string | undefined): Promise<StreamClient> {
    const known = lastEventId === undefined ? undefined : await this.findPlace(lastEventId);
    const start = known ?? (await this.changes.findLast());
    const client = new StreamClient(owner, start);
    client.begin();
    if (lastEventId !== undefined && !known) client.reset(start);
    let feedAt: StreamPosition | undefined;
    do {
      feedAt = this.feed?.position;
      await this.replay(client);
      // A feed that stands still ahead of all events is at a position that the database has lost. It resets its clients.
    } while (this.feed && this.feed.position !== feedAt && isBehind(this.feed.position, client.place));
    // No `await` from the last comparison on, so that the feed does not move before the client is added.
    return client;
  }

  /** The position that a client names; undefined if the database does not have it, or has too many events after it. */
  private async findPlace(lastEventId: string): Promise<StreamPosition | undefined> {
    const place = await this.locate(lastEventId);
    return place && !(await this.changes.isFarBehind(place, MAX_REPLAYED)) ? place : undefined;
  }

  private async locate(lastEventId: string): Promise<StreamPosition | undefined> {
    const claimed = parsePosition(lastEventId);
    if (!claimed) return undefined;
    const { transaction } = claimed;
    if ('id' in claimed) return this.changes.findById(transaction, claimed.id);
    if ('seq' in claimed) return this.changes.findByNumber(transaction, claimed.orderId, claimed.seq);
    if (!(await this.changes.hasReached(transaction))) return undefined;
    // An event can be checked later, a number can't: where they mean the same, the client goes on from the event.
    const place = beforeTransaction(transaction);
    const last = await this.changes.findLast();
    return isBehind(last, place) ? place : last;
  }

  /** Sends a client all complete events after its position. */
  private async replay(client: StreamClient): Promise<void> {
    let isMore = true;
    while (isMore) {
      const page = await this.changes.findChanges(client.place, PAGE_SIZE);
      if (page) for (const change of page) client.offer(change);
      else client.reset(await this.changes.findLast());
      isMore = !page || page.length === PAGE_SIZE;
    }
  }

  private letIn(client: StreamClient, leave: () => void): void {
    const { changes, outage, loops } = this;
    const feed = this.feed ?? new OrderFeed(changes, outage, client.place, this.times.beatMs, loops);
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
