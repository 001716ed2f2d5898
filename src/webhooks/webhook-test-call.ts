import { randomUUID } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { databaseNow } from '../platform/database/database-clock.js';
import type { Bulkhead } from '../platform/http/bounded-routes.js';
import { requestDeadline } from '../platform/telemetry/request-context.js';
import { type AttemptResult, WebhookClient } from './delivery/webhook-client.js';
import { WebhookSecrets } from './webhook-secrets.js';
import { WebhooksService } from './webhooks.service.js';

/** The type of a test, which is no event of the feed. */
export const TEST_TYPE = 'webhook.test';

/** Each waits for an endpoint, for as long as a request may take; reads must not wait behind them. */
export const TEST_CALLS: Bulkhead = { kind: 'webhook_tests', permits: 8, maxWaiting: 0, admissionMs: 0 };

/** Calls an endpoint once, at once, with a signed test. */
@Injectable()
export class WebhookTestCall {
  private readonly logger = new Logger('Webhooks');

  constructor(
    private readonly webhooks: WebhooksService,
    private readonly secrets: WebhookSecrets,
    private readonly client: WebhookClient,
    private readonly settings: Settings,
  ) {}

  /** @throws {Problem} webhook-not-found */
  async send(endpointId: string, actor: string): Promise<AttemptResult> {
    const endpoint = await this.webhooks.find(endpointId);
    const now = databaseNow();
    const id = `${endpoint.id}/test/${randomUUID()}`;
    const deadline = requestDeadline(this.settings.REQUEST_DEADLINE_MS);
    const result = await this.client.send(
      {
        url: endpoint.url,
        id,
        body: JSON.stringify(testEvent(id, now)),
        secrets: this.secrets.signing(endpoint.secrets, now),
      },
      deadline,
    );
    this.logger.log({ endpointId: endpoint.id, actor, status: result.status }, 'A webhook was tested');
    return result;
  }
}

/** The members of an event, without an order. */
export function testEvent(id: string, now: Date) {
  return {
    feed_no: 0,
    previous_feed_no: null,
    id,
    type: TEST_TYPE,
    time: now.toISOString(),
    order_id: null,
    version: null,
    data: null,
  };
}
