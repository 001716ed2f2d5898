import { Injectable } from '@nestjs/common';
import type { Owner } from '../orders/ownership.js';
import { EventFeedRepository, type FeedEvent, type FeedPage, isOwn } from './event-feed.repository.js';

/** Events that stay in memory, at least; twice as many at most. Each has a few hundred bytes. */
export const MAX_REMEMBERED = 2_000;

/** Events that one look at the feed reads. */
const PAGE_SIZE = 1_000;

/** The looks go on for so long after the last reader, so that one that reconnects finds its events in memory. */
export const LINGER_MS = 5_000;

interface Waiter {
  after: number;
  isWanted: (event: FeedEvent) => boolean;
  resolve: () => void;
}

/**
 * The newest events of the feed. One small statement per look reads them for all requests that wait and all streams of this
 * instance, so a reader at the end of the feed holds no connection and costs the database nothing.
 */
@Injectable()
export class FeedTail {
  private readonly waiters = new Set<Waiter>();
  /** All events after `start` up to `end`, in their order. */
  private events: FeedEvent[] = [];
  private start = 0;
  private end = 0;
  private backfillOrderId: string | null = null;
  private isClosed = false;
  private wantedUntil = 0;
  private readonly lost: { after: number; until: number }[] = [];

  constructor(private readonly feed: EventFeedRepository) {}

  /** Whether requests do not wait any more. */
  get hasClosed(): boolean {
    return this.isClosed;
  }

  /** How often events were found lost, as after a failover to a standby that lacked them. */
  get losses(): number {
    return this.lost.length;
  }

  /** Whether the event with this number was lost, and another one has the number or will get it. */
  wasLost(feedNo: number): boolean {
    return this.lost.some(({ after, until }) => feedNo > after && feedNo <= until);
  }

  /** The next events that the owner may see; undefined where memory does not reach back so far. */
  findPage(owner: Owner, after: number, limit: number): FeedPage | undefined {
    const { end, backfillOrderId } = this;
    if (!this.isInUse || after < this.start || after > end) return undefined;
    const from = this.events.findLastIndex(({ feedNo }) => feedNo <= after) + 1;
    const own = this.events.slice(from).filter((event) => isOwn(owner, event));
    const events = own.slice(0, limit);
    const readUntil = own.length > limit ? (events.at(-1)?.feedNo ?? end) : end;
    return { events, readUntil, lastNo: end, backfillOrderId };
  }

  /**
   * Waits for a wanted event.
   *
   * @param after the last number that the caller has read
   * @param signal ends the wait early
   * @returns when there may be such an event, the time is over or the service stops
   */
  async wait(
    after: number,
    isWanted: (event: FeedEvent) => boolean,
    milliseconds: number,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.isClosed || signal.aborted) return;
    if (!this.isInUse && after > this.end) this.restart(after);
    // Also for a wait that ends at once: the next look finds out whether the events in memory were lost.
    this.wantedUntil = performance.now() + LINGER_MS;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const waiter = { after, isWanted, resolve: () => resolve(undefined) };
    // Events may have come since the caller has read, and some of them may have left memory already.
    if (after < this.start || this.events.some((event) => isNews(event, waiter))) return;
    const timer = setTimeout(waiter.resolve, milliseconds);
    signal.addEventListener('abort', waiter.resolve);
    this.waiters.add(waiter);
    await promise;
    this.waiters.delete(waiter);
    this.wantedUntil = performance.now() + LINGER_MS;
    clearTimeout(timer);
    signal.removeEventListener('abort', waiter.resolve);
  }

  /** Looks for new events, if there are readers. */
  async advance(): Promise<void> {
    if (!this.isInUse) return;
    const { end } = this;
    const last = this.events.at(-1);
    // The last event is read again, to see whether the database still has it.
    const page = await this.feed.findPage(null, {
      after: last ? last.feedNo - 1 : end,
      limit: PAGE_SIZE,
    });
    // A reader that has read further has begun the memory again.
    if (this.end !== end) return;
    if (page.lastNo < end || (last && isReplaced(last, page.events))) return this.forgetLost(page.lastNo);
    this.backfillOrderId = page.backfillOrderId;
    const news = page.events.filter(({ feedNo }) => feedNo > end);
    this.end = Math.max(end, page.readUntil);
    this.events.push(...news);
    const surplus = this.events.length - MAX_REMEMBERED;
    // In batches, as each time costs a copy of those that stay.
    if (surplus > MAX_REMEMBERED) this.start = this.events.splice(0, surplus).at(-1)?.feedNo ?? this.start;
    for (const waiter of this.waiters) if (news.some((event) => isNews(event, waiter))) waiter.resolve();
  }

  /** Wakes all readers, so that they do not delay the shutdown. */
  close(): void {
    this.isClosed = true;
    this.wakeAll();
  }

  /** Whether requests or streams read it. */
  get isInUse(): boolean {
    return this.waiters.size > 0 || performance.now() < this.wantedUntil;
  }

  /** The database does not have the last event any more. */
  private async forgetLost(lastNo: number): Promise<void> {
    const { events, end } = this;
    const page = await this.feed.findPage(null, { after: this.start, limit: events.length + 1 });
    const firstLost = events.findIndex(
      (event) => event.feedNo > page.lastNo || isReplaced(event, page.events),
    );
    // Where even the first one is lost, others may be that are not in memory.
    this.lost.push({ after: events[firstLost - 1]?.feedNo ?? 0, until: end });
    this.restart(lastNo);
    this.wakeAll();
  }

  private restart(feedNo: number): void {
    this.events = [];
    this.start = feedNo;
    this.end = feedNo;
  }

  private wakeAll(): void {
    for (const { resolve } of this.waiters) resolve();
  }
}

function isNews(event: FeedEvent, { after, isWanted }: Waiter): boolean {
  return event.feedNo > after && isWanted(event);
}

/** Whether another event has the number. An event that was deleted with its order has no successor. */
function isReplaced(event: FeedEvent, events: readonly FeedEvent[]): boolean {
  const found = events.find(({ feedNo }) => feedNo === event.feedNo);
  if (!found) return false;
  const { orderId, seq, occurredAt } = found;
  return orderId !== event.orderId || seq !== event.seq || +occurredAt !== +event.occurredAt;
}
