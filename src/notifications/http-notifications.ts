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
   * `POST /notify` with `{order_id, customer_name, customer_email, status}`. 200 with JSON is a success; so is any
   * 2xx without a body. No retry here, except when the call certainly did not arrive: the task retries with backoff,
   * and a second layer of retries would multiply the load on a failing service.
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
      idempotent: false,
      // The status decides. If an empty 202 counted as a fault, every retry would send the message again.
      mayBeEmpty: true,
    });
    // Even a refusal is a fault: the customer was not notified, and only a person can find out why.
    if (status >= 300) throw unexpectedStatus(this.client.name, status);
  }
}
