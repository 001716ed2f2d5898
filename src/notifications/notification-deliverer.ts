import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { canNotify, NOTIFICATIONS_QUEUE } from '../orders/order.jobs.js';
import { Notifications } from '../orders/order.ports.js';
import { OrderRepository } from '../orders/order.repository.js';
import type { Deadline } from '../platform/deadline.js';
import { JobQueue } from '../platform/jobs/job-queue.js';
import { reachPausePoint } from '../platform/pause-points.js';

/**
 * Tells customers what became of their orders: one message for each event, in the order of the events, repeated until
 * the notification service has taken it.
 */
@Injectable()
export class NotificationDeliverer implements OnModuleInit {
  constructor(
    private readonly jobs: JobQueue,
    private readonly orders: OrderRepository,
    private readonly notifications: Notifications,
    private readonly settings: Settings,
  ) {}

  onModuleInit(): void {
    this.jobs.handle(
      NOTIFICATIONS_QUEUE,
      ({ orderId, seq }, deadline) => this.deliver(orderId, seq, deadline),
      this.settings.NOTIFICATION_CONCURRENCY,
    );
  }

  private async deliver(orderId: string, seq: number, deadline: Deadline): Promise<void> {
    const news = await this.orders.findNews(orderId, seq);
    if (!news) throw new Error(`event ${seq} of order ${orderId} is gone`);
    const { customerName, customerEmail, status } = news;
    // Name and address may have been erased since the job was sent; then there is nobody to tell any more.
    if (customerName === null || customerEmail === null) return;
    await reachPausePoint('notification.before-send', orderId);
    const notification = { orderId, customerName, customerEmail, status };
    try {
      await this.notifications.send(notification, `${orderId}/${seq}/notify`, deadline);
    } catch (error) {
      // Erased meanwhile: a failure would be repeated for nobody, or even wait for a person.
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
