import { Injectable } from '@nestjs/common';
import type { Order } from '../orders/order.entity.js';
import { MAX_LINES_OF_PAGE, OrderRepository } from '../orders/order.repository.js';
import type { Owner } from '../orders/ownership.js';
import { Deadline } from '../platform/deadline.js';
import {
  EventFeedRepository,
  type FeedEvent,
  type FeedPage,
  type FeedQuery,
  isOwn,
} from './event-feed.repository.js';
import { feedTypeOf } from './event-type.js';
import { FeedTail } from './feed-tail.js';

/** A page with the orders that its events are about, as they are now. */
export interface PageWithOrders extends FeedPage {
  orders: ReadonlyMap<string, Order>;
}

/** How long a request waits for an event, and what ends the wait early. */
export interface Wait {
  waitMs: number;
  signal: AbortSignal;
}

/** Reads the feed of all events for its consumers. */
@Injectable()
export class EventFeedService {
  constructor(
    private readonly feed: EventFeedRepository,
    private readonly tail: FeedTail,
    private readonly orders: OrderRepository,
  ) {}

  /** The next events; none only where the wait was over before one came, or there is more to be looked through. */
  async read(owner: Owner, query: FeedQuery, { waitMs, signal }: Wait): Promise<FeedPage> {
    const deadline = Deadline.in(waitMs);
    const isWanted = (event: FeedEvent): boolean =>
      isOwn(owner, event) && query.types?.includes(feedTypeOf(event)) !== false;
    for (;;) {
      const page = await this.feed.findPage(owner, query);
      // A consumer that is ahead of the feed, as after a restore, goes back to its end first.
      const isAtEnd = page.readUntil === page.lastNo && query.after <= page.lastNo;
      const isOver = deadline.remaining() <= 0 || signal.aborted || this.tail.hasClosed;
      if (page.events.length > 0 || !isAtEnd || isOver) return page;
      await this.tail.wait(page.lastNo, isWanted, deadline.remaining(), signal);
    }
  }

  /** Adds the order of each event. A page whose orders have many lines is cut, so that neither side builds more of them. */
  async addOrders(page: FeedPage): Promise<PageWithOrders> {
    const lines = await this.feed.countLines(orderIdsOf(page.events));
    let total = 0;
    const end = page.events.findIndex(
      ({ orderId }) => (total += lines.get(orderId) ?? 0) > MAX_LINES_OF_PAGE,
    );
    const events = end === -1 ? page.events : page.events.slice(0, end);
    const readUntil = end === -1 ? page.readUntil : (events.at(-1)?.feedNo ?? page.readUntil);
    const orders = await this.orders.findOrders(orderIdsOf(events));
    return { ...page, events, readUntil, orders: new Map(orders.map((order) => [order.id, order])) };
  }
}

function orderIdsOf(events: readonly FeedEvent[]): string[] {
  return [...new Set(events.map(({ orderId }) => orderId))];
}
