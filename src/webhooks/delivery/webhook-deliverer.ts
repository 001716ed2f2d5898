import { Injectable, Logger } from '@nestjs/common';
import { Counter } from 'prom-client';
import type { Order } from '../../orders/order.entity.js';
import { OrderRepository } from '../../orders/order.repository.js';
import { reachPausePoint } from '../../pause-points/pause-points.js';
import { databaseNow } from '../../platform/database/database-clock.js';
import type { Deadline } from '../../platform/deadline.js';
import { AttemptError, AttemptNotMade, type TaskInput } from '../../tasks/task-kind.js';
import type { DeliveryState } from '../webhook-delivery.entity.js';
import { WebhookSecrets } from '../webhook-secrets.js';
import type { WebhookPayload } from '../webhook-task.js';
import { DeliveryRecords } from './delivery-records.js';
import { type DeliveredEvent, DeliveryRepository } from './delivery.repository.js';
import { MAX_RETRY_AFTER_MS } from './delivery-policy.js';
import type { Endpoint } from './endpoint.js';
import { webhookBody } from './webhook-body.js';
import { type AttemptResult, type WebhookCall, WebhookClient } from './webhook-client.js';

/** By this status an endpoint asks for no more calls (Standard Webhooks 1.0). */
const GONE = 410;

const attemptsMade = new Counter({
  name: 'webhook_attempts_total',
  help: 'Attempts to deliver events to webhook endpoints by outcome: delivered, retrying (repeated later), failed (the last attempt, which makes an incident).',
  labelNames: ['outcome'] as const,
});

type Delivery = TaskInput<WebhookPayload>;

/** Delivers events to endpoints: one attempt at one event. */
@Injectable()
export class WebhookDeliverer {
  private readonly logger = new Logger('Webhooks');

  constructor(
    private readonly repository: DeliveryRepository,
    private readonly orders: OrderRepository,
    private readonly secrets: WebhookSecrets,
    private readonly client: WebhookClient,
    private readonly records: DeliveryRecords,
  ) {}

  /** @throws {AttemptError | AttemptNotMade} when the endpoint has not accepted the event, or was not called */
  async deliver(endpoint: Endpoint, delivery: Delivery, deadline: Deadline): Promise<void> {
    const { orderId } = delivery;
    const { configuration } = endpoint;
    const [event, order] = await Promise.all([
      this.repository.findEvent(orderId, delivery.seq),
      this.orders.findOrder(orderId),
    ]);
    // They were deleted.
    if (!event || !order) return;
    const call = this.callFor(endpoint, event, delivery.payload.previousFeedNo, order);
    await reachPausePoint('webhook.before-send', orderId);
    const result = await endpoint.attempt(orderId, () => this.client.send(call, deadline));
    if (!result) throw new AttemptNotMade();
    await reachPausePoint('webhook.after-send', orderId);
    const { status, error, retryAfterMs = 0 } = result;
    const isGone = status === GONE && (await this.disable(endpoint, configuration));
    await this.record(configuration.id, delivery, order.version, result, isGone);
    if (error !== null) throw new AttemptError(error, Math.min(retryAfterMs, MAX_RETRY_AFTER_MS), isGone);
  }

  private callFor(
    { configuration }: Endpoint,
    event: DeliveredEvent,
    previousFeedNo: number | null,
    order: Order,
  ): WebhookCall {
    return {
      url: configuration.url,
      id: `${event.orderId}/${event.seq}`,
      body: webhookBody(event, previousFeedNo, order),
      secrets: this.secrets.signing(configuration.secrets, databaseNow()),
    };
  }

  /**
   * Stops the deliveries to an endpoint that asked for it. The event stays as a dead task, so that an operator sees it.
   *
   * @returns false where the endpoint was disabled before, or its URL was changed: then the event is tried again
   */
  private async disable(endpoint: Endpoint, called: Endpoint['configuration']): Promise<boolean> {
    const isDisabled = await this.repository.disableAsGone(called, databaseNow());
    if (isDisabled) {
      endpoint.disable();
      this.logger.warn({ endpointId: called.id }, 'A webhook endpoint answered 410 and is disabled');
    }
    return isDisabled;
  }

  private async record(
    endpointId: string,
    { orderId, seq, payload, attempts, maxAttempts }: Delivery,
    orderVersion: number,
    { status, durationMs, answer, error }: AttemptResult,
    isGone: boolean,
  ): Promise<void> {
    const failed: DeliveryState = isGone || attempts >= maxAttempts ? 'failed' : 'retrying';
    const state: DeliveryState = error === null ? 'delivered' : failed;
    attemptsMade.inc({ outcome: state });
    await this.records.add({
      orderId,
      endpointId,
      seq,
      feedNo: String(payload.feedNo),
      state,
      attempts,
      status,
      durationMs,
      answer,
      error,
      attemptedAt: databaseNow(),
      orderVersion,
    });
  }
}
