import { HttpService } from '@nestjs/axios';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Notifications } from '../orders/order.ports.js';
import type { Notification } from '../orders/order.ports.js';
import type { Deadline } from '../platform/deadline.js';
import { BACKGROUND_TIMEOUT_MS, UpstreamClient } from '../platform/upstream/upstream-client.js';
import { unexpectedStatus } from '../platform/upstream/upstream-retry.js';

/** The Notification Service (system A). */
@Injectable()
export class HttpNotifications extends Notifications {
  private readonly client: UpstreamClient;

  constructor(http: HttpService, settings: Settings) {
    super();
    this.client = new UpstreamClient(http, {
      name: 'notification service',
      baseUrl: settings.NOTIFICATION_SERVICE_URL,
      timeoutMs: BACKGROUND_TIMEOUT_MS,
    });
  }

  /**
   * `POST /notify` with `{order_id, customer_name, customer_email, status}` answers 200 with JSON. Any 2xx without a body
   * is a success too.
   *
   * Sent once, and again only if it certainly did not arrive: whoever calls this repeats it with growing pauses for
   * as long as it takes, and repetitions here as well would multiply the load on a service in trouble.
   */
  override async send(notification: Notification, idempotencyKey: string, deadline: Deadline): Promise<void> {
    const { status } = await this.client.request({
      method: 'POST',
      path: ['notify'],
      body: {
        order_id: notification.orderId,
        customer_name: notification.customerName,
        customer_email: notification.customerEmail,
        status: notification.status,
      },
      idempotencyKey,
      deadline,
      repeatable: false,
      // The status says all. An empty 202 that counted as a fault would send the customer a message with every repetition.
      mayBeEmpty: true,
    });
    // Even a refusal is a fault: the customer has not been told, and only a person can find out why.
    if (status >= 300) throw unexpectedStatus(this.client.name, status);
  }
}
