import { Injectable } from '@nestjs/common';
import { EventFeedRepository, type TailEvent } from './event-feed.repository.js';

/** Events that one look at the feed reads; after more of them every waiting request reads its page. */
const PAGE_SIZE = 1_000;

interface Waiter {
  isWanted: (event: TailEvent) => boolean;
  resolve: () => void;
}

/**
 * Wakes requests that wait for an event. One small statement per look reads the new events for all of them, so a request
 * that waits holds no connection, and one whose events do not come costs nothing.
 */
@Injectable()
export class FeedTail {
  private readonly waiters = new Set<Waiter>();
  /** The events up to it were compared with all waiters. */
  private position = 0;
  private isClosed = false;

  constructor(private readonly repository: EventFeedRepository) {}

  /**
   * Waits for a wanted event.
   *
   * @param after the last number of the feed when the caller looked
   * @param signal ends the wait early
   * @returns when there may be such an event, the time is over or the service stops
   */
  async wait(
    after: number,
    isWanted: (event: TailEvent) => boolean,
    milliseconds: number,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.isClosed || signal.aborted) return;
    // Goes back where events came after the caller looked, or where a failover has lost the last ones.
    this.position = this.waiters.size === 0 ? after : Math.min(this.position, after);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const waiter = { isWanted, resolve: () => resolve(undefined) };
    const timer = setTimeout(waiter.resolve, milliseconds);
    signal.addEventListener('abort', waiter.resolve);
    this.waiters.add(waiter);
    await promise;
    this.waiters.delete(waiter);
    clearTimeout(timer);
    signal.removeEventListener('abort', waiter.resolve);
  }

  /** Whether requests do not wait any more. */
  get hasClosed(): boolean {
    return this.isClosed;
  }

  /** Looks for new events, if a request waits for one. */
  async advance(): Promise<void> {
    if (this.waiters.size === 0) return;
    const events = await this.repository.findTail(this.position, PAGE_SIZE);
    this.position = Math.max(this.position, events.at(-1)?.feedNo ?? 0);
    const isAll = events.length < PAGE_SIZE;
    for (const { isWanted, resolve } of this.waiters) if (!isAll || events.some(isWanted)) resolve();
  }

  /** Wakes all requests, so that they do not delay the shutdown. */
  close(): void {
    this.isClosed = true;
    for (const { resolve } of this.waiters) resolve();
  }
}
