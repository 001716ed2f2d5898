import { Injectable, Logger } from '@nestjs/common';
import { Problem } from '../../platform/http/problem.js';
import { WebhookDispatcher } from '../dispatch/webhook-dispatcher.js';
import { WebhookEndpointsRepository } from '../endpoints/webhook-endpoints.repository.js';
import { replayInProgress } from '../webhook.problems.js';
import { type WebhookView, WebhooksService } from '../webhooks.service.js';
import { FeedPosition } from './feed-position.js';

/**
 * Added at both ends of a replay by time. Times of events stand in the feed in order but for the duration of a transaction,
 * and a receiver that gets an event twice sees its id.
 */
const MARGIN_MS = 60_000;

/** A number of the feed, or a time (RFC 3339). */
type Position = number | string;

/** Sends events of the feed to an endpoint again. */
@Injectable()
export class WebhookReplays {
  private readonly logger = new Logger('Webhooks');

  constructor(
    private readonly webhooks: WebhooksService,
    private readonly endpoints: WebhookEndpointsRepository,
    private readonly positions: FeedPosition,
    private readonly dispatcher: WebhookDispatcher,
  ) {}

  /** @throws {Problem} webhook-not-found, invalid-request, feed-incomplete, replay-in-progress */
  async start(
    id: string,
    range: { after: Position; until?: Position | undefined },
    actor: string,
  ): Promise<WebhookView> {
    await this.webhooks.find(id);
    const lastNo = await this.positions.endOfComplete();
    const after = await this.numberAt(range.after, -MARGIN_MS, lastNo);
    const until = await this.numberAt(range.until ?? lastNo, MARGIN_MS, lastNo);
    if (after >= lastNo) throw refusal('after', `must be before the end of the feed, which is ${lastNo}`);
    if (until <= after) throw refusal('until', 'must be later than after');
    const endpoint = await this.endpoints.startReplay(id, after, until);
    if (!endpoint) {
      // Deleted at this moment, or else its replay is not finished.
      await this.webhooks.find(id);
      throw replayInProgress(id);
    }
    this.logger.log({ endpointId: id, actor, after, until }, 'A replay of a webhook was started');
    this.dispatcher.wake();
    return this.webhooks.view(endpoint);
  }

  /** Queues no more events of the replay, if there is one. @throws {Problem} webhook-not-found */
  async cancel(id: string, actor: string): Promise<void> {
    await this.webhooks.find(id);
    if (!(await this.endpoints.cancelReplay(id))) return;
    this.logger.log({ endpointId: id, actor }, 'A replay of a webhook was cancelled');
  }

  private async numberAt(position: Position, marginMs: number, lastNo: number): Promise<number> {
    if (typeof position === 'number') return Math.min(position, lastNo);
    return this.positions.lastBefore(new Date(Date.parse(position) + marginMs), lastNo);
  }
}

function refusal(field: string, message: string): Problem {
  return Problem.invalidRequest([{ field, message }]);
}
