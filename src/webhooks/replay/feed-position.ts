import { Injectable } from '@nestjs/common';
import { EventFeedRepository } from '../../events/event-feed.repository.js';

/**
 * Finds a place in the feed by a time. Numbers follow the commits of events, so their times ascend but for seconds: a search by
 * halves needs some 20 reads of one event, and no index by time.
 */
@Injectable()
export class FeedPosition {
  constructor(private readonly feed: EventFeedRepository) {}

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
