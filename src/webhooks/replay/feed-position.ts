import { Injectable } from '@nestjs/common';
import { EventFeedRepository } from '../../events/event-feed.repository.js';
import { timeOfOrderId } from '../../orders/order-id.js';
import { feedIncomplete } from '../webhook.problems.js';

/**
 * Finds places in the feed. Numbers follow the commits of events, so their times ascend but for seconds: a search by
 * halves for a time needs some 20 reads of one event, and no index by time.
 */
@Injectable()
export class FeedPosition {
  constructor(private readonly feed: EventFeedRepository) {}

  /**
   * The last number of the feed. Until the events from before the feed have their numbers, the next numbers are those of old events.
   *
   * @throws {Problem} feed-incomplete
   */
  async endOfComplete(): Promise<number> {
    const { lastNo, backfillOrderId } = await this.feed.findEnd();
    if (backfillOrderId !== null) throw feedIncomplete(lastNo, timeOfOrderId(backfillOrderId));
    return lastNo;
  }

  /** The number of the last event that happened before a time, among those up to `lastNo`; 0 if there is none. */
  async lastBefore(time: Date, lastNo: number): Promise<number> {
    let before = 0;
    let end = lastNo + 1;
    while (end - before > 1) {
      const middle = before + Math.floor((end - before) / 2);
      // Numbers of deleted events are missing.
      const event = await this.feed.findEventFrom(middle);
      if (!event || event.feedNo >= end || event.occurredAt >= time) end = middle;
      else before = event.feedNo;
    }
    return before;
  }
}
