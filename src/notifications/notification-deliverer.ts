import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { canNotify, NOTIFY } from '../orders/order.tasks.js';
import { Notifications } from '../orders/order.ports.js';
import { OrderRepository } from '../orders/order.repository.js';
import type { Deadline } from '../platform/deadline.js';
import { reachPausePoint } from '../pause-points/pause-points.js';
import { Tasks } from '../tasks/tasks.service.js';

/**
 * Notifies customers of changes of their orders: one message for each event, in order, retried until the notification
 * service accepts it.
 */
@Injectable()
export class NotificationDeliverer implements OnModuleInit {
  constructor(
    private readonly tasks: Tasks,
    private readonly orders: OrderRepository,
    private readonly notifications: Notifications,
    private readonly settings: Settings,
  ) {}

  onModuleInit(): void {
    this.tasks.register(NOTIFY, ({ orderId, seq }, deadline) => this.deliver(orderId, seq, deadline), {
      maxConcurrency: this.settings.NOTIFICATION_CONCURRENCY,
    });
  }

  private async deliver(orderId: string, seq: number, deadline: Deadline): Promise<void> {
    const news = await this.orders.findNotification(orderId, seq);
    if (!news) throw new Error(`event ${seq} of order ${orderId} is gone`);
    const { customerName, customerEmail, status, correctedBy } = news;
    // Name and address may have been erased since the task was inserted; then there is no customer to notify.
    if (customerName === null || customerEmail === null) return;
    await reachPausePoint('notification.before-send', orderId);
    const notification = { orderId, customerName, customerEmail, status };
    // A corrected recipient makes another message: under the key of an earlier attempt, whose answer may be lost, it would
    // be refused, or never sent.
    const message = correctedBy === null ? `${seq}` : `${seq}.${correctedBy}`;
    try {
      await this.notifications.send(notification, `${orderId}/${message}/notify`, deadline);
    } catch (error) {
      // Erased during the call: repeating it would fail for ever and become an incident.
      if (await this.hasNobodyToTell(orderId)) return;
      throw error;
    }
    await reachPausePoint('notification.after-send', orderId);
  }

  private async hasNobodyToTell(orderId: string): Promise<boolean> {
    const order = await this.orders.findOrder(orderId);
    return order !== undefined && !canNotify(order);
  }
}
