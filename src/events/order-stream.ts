import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import type { Owner } from '../orders/ownership.js';
import { DatabaseOutage } from '../platform/database/database-outage.js';
import { Deadline } from '../platform/deadline.js';
import type { Bulkhead } from '../platform/http/bounded-routes.js';
import { addProcessorTime } from '../platform/http/load/processor-turns.js';
import { overloaded } from '../platform/http/problem.js';
import { BulkheadFullError, Semaphore } from '../platform/semaphore.js';
import { requestDeadline, runDetached } from '../platform/telemetry/request-context.js';
import { EventFeedRepository, type FeedEvent, type FeedPage, isOwn } from './event-feed.repository.js';
import { FeedTail, MAX_REMEMBERED } from './feed-tail.js';

/** Reconnection delay that clients are given, in milliseconds. */
const RETRY_MS = 1_000;

/**
 * Each holds a connection. A client that reconnects after the delay that it is given finds its permit free; one that
 * reconnects all the time gets no more streams a second than it may have at a time.
 */
export const STREAMS: Bulkhead = {
  kind: 'streams',
  permits: 100,
  maxWaiting: 0,
  admissionMs: 0,
  isLongLived: true,
  minHoldMs: RETRY_MS,
};

/** Events that are read together: some 100 kB, which a client that reads slowly leaves in memory. */
const PAGE_SIZE = 500;

/** Characters that are written together. A client that reads them too slowly is noticed within seconds. */
const CHUNK_LENGTH = 16_384;

/** Streams that read old events from the database at the same time: the others and all requests have the rest of the pool. */
const CONCURRENT_READS = 2;

/** Estimated processor time of an event that is sent again, in milliseconds. */
const REPLAYED_EVENT_MS = 0.01;

/** Longer than all streams together need for a page each. */
const READ_TIMEOUT_MS = 30_000;

/**
 * This service closes idle connections after 30 s, and many proxies after a minute. Credentials are checked as often: a
 * stream ends soon after its token has expired or its key was removed.
 */
const BEAT_MS = 15_000;

/** What is known of the client of a stream. */
export interface Follower {
  /** Whose orders it may see. */
  owner: Owner;
  /** The number that it has received last; undefined for a new client. */
  lastEventId: string | undefined;
  /** Whether a new request with its credentials would be accepted. */
  isStillAllowed: () => Promise<boolean>;
}

/** Where a stream begins. */
interface Start {
  /** The number that the client has received last; undefined where it can not continue. */
  position: number | undefined;
  /** The end of the feed. */
  lastNo: number;
  /** Losses that were known then. */
  losses: number;
  /** What the client has missed, if anything. */
  first: FeedPage | undefined;
}

/** Sends the events of the feed to its followers (server-sent events, WHATWG HTML 9.2). */
@Injectable()
export class OrderStream {
  /** Shorter in tests. */
  heartbeatMs = BEAT_MS;
  private readonly logger = new Logger(OrderStream.name);
  private readonly reads = new Semaphore(CONCURRENT_READS);

  constructor(
    private readonly feed: EventFeedRepository,
    private readonly tail: FeedTail,
    private readonly outage: DatabaseOutage,
  ) {}

  /** Begins a stream of all events from now on, or of all after a number. */
  async follow(follower: Follower): Promise<Readable> {
    // Before the first read: a loss that is found during it causes a reset.
    const { losses } = this.tail;
    const { lastNo } = await this.feed.findEnd();
    const position = this.positionOf(follower, lastNo);
    addProcessorTime(Math.min(lastNo - (position ?? lastNo), MAX_REMEMBERED) * REPLAYED_EVENT_MS);
    const gone = new AbortController();
    const first = await this.firstPage(follower, position, lastNo);
    const texts = this.write(follower, { position, lastNo, losses, first }, gone.signal);
    return new Readable({
      // Outside of the request, whose deadline must not apply. A client that does not read is sent nothing more.
      read() {
        runDetached(() => texts.next()).then(
          ({ done, value }) => this.destroyed || this.push(done === true ? null : value),
          (error: Error) => this.destroy(error),
        );
      },
      destroy(error, done) {
        gone.abort();
        done(error);
      },
    }).on('error', (error) => {
      if (!this.outage.noticed(error)) this.logger.error({ err: error }, 'A stream of orders has failed');
    });
  }

  /** @returns undefined for what is no number of the feed, or one whose event was lost */
  private positionOf({ lastEventId }: Follower, lastNo: number): number | undefined {
    if (lastEventId === undefined) return lastNo;
    const position = /^\d{1,15}$/.test(lastEventId) ? Number(lastEventId) : Infinity;
    return position > lastNo || this.tail.wasLost(position) ? undefined : position;
  }

  /** The texts of a stream, each when the client has taken the one before. */
  private async *write(
    { owner, isStillAllowed }: Follower,
    start: Start,
    signal: AbortSignal,
  ): AsyncGenerator<string, undefined> {
    let position = start.position ?? start.lastNo;
    let { losses, first: ready } = start;
    let isComplete = true;
    let heartbeat = Deadline.in(this.heartbeatMs);
    yield `retry: ${RETRY_MS}\nid: ${position}\n\n`;
    if (start.position === undefined) yield resetTo(position);
    while (!this.tail.hasClosed && !signal.aborted) {
      const page = ready ?? (await this.pageAfter(owner, position));
      ready = undefined;
      const isBackfilling = page.backfillOrderId !== null;
      if (isBackfilling || !isComplete || losses !== this.tail.losses || position > page.lastNo) {
        losses = this.tail.losses;
        isComplete = !isBackfilling;
        position = page.lastNo;
        yield resetTo(position);
        // Nothing of what is numbered has just happened, or it has and waits for its number.
        if (isBackfilling) await this.tail.wait(position, () => false, heartbeat.remaining(), signal);
      } else {
        position = page.readUntil;
        if (page.events.length > 0) yield* chunksOf(page.events);
        else if (position === page.lastNo)
          await this.tail.wait(position, (event) => isOwn(owner, event), heartbeat.remaining(), signal);
      }
      if (heartbeat.remaining() > 0) continue;
      if (!(await isStillAllowed())) return;
      heartbeat = Deadline.in(this.heartbeatMs);
      yield `: still here\nid: ${position}\n\n`;
    }
  }

  /** Within the request, so that it is refused where the database does not answer. */
  private async firstPage(
    { owner }: Follower,
    position: number | undefined,
    lastNo: number,
  ): Promise<FeedPage | undefined> {
    if (position === undefined || position === lastNo) return undefined;
    try {
      return await this.pageAfter(owner, position);
    } catch (error) {
      throw error instanceof BulkheadFullError ? overloaded() : error;
    }
  }

  private async pageAfter(owner: Owner, position: number): Promise<FeedPage> {
    return this.tail.findPage(owner, position, PAGE_SIZE) ?? (await this.read(owner, position));
  }

  /** Reads events that are not in memory. Rests for as long as that takes, so that replays leave the processor to requests. */
  private read(owner: Owner, after: number): Promise<FeedPage> {
    return this.reads.run(requestDeadline(READ_TIMEOUT_MS), async () => {
      const startedAt = performance.now();
      const page = await this.feed.findPage(owner, { after, limit: PAGE_SIZE });
      await sleep(performance.now() - startedAt);
      return page;
    });
  }
}

/** The client can't continue from where it was, so it must read the orders again. */
function resetTo(position: number): string {
  return `event: reset\nid: ${position}\ndata: {}\n\n`;
}

function* chunksOf(events: readonly FeedEvent[]): Generator<string> {
  let chunk = '';
  for (const event of events) {
    chunk += textOf(event);
    if (chunk.length < CHUNK_LENGTH) continue;
    yield chunk;
    chunk = '';
  }
  if (chunk !== '') yield chunk;
}

const rendered = new WeakMap<FeedEvent, string>();

/** An event as it is sent, which is the same for all clients. */
function textOf(event: FeedEvent): string {
  const known = rendered.get(event);
  if (known !== undefined) return known;
  const { feedNo, orderId, seq, type, fromStatus, toStatus, actor, occurredAt } = event;
  const data = {
    order_id: orderId,
    version: seq,
    type,
    from: fromStatus,
    to: toStatus,
    actor,
    time: occurredAt,
  };
  const text = `event: change\nid: ${feedNo}\ndata: ${JSON.stringify(data)}\n\n`;
  rendered.set(event, text);
  return text;
}
