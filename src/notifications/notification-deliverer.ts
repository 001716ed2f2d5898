import { Injectable, type OnModuleInit } from '@nestjs/common';
import { NOTIFICATIONS_QUEUE } from '../orders/order.jobs.js';
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
  ) {}

  onModuleInit(): void {
    this.jobs.handle(NOTIFICATIONS_QUEUE, ({ orderId, seq }, deadline) =>
      this.deliver(orderId, seq, deadline),
    );
  }

  private async deliver(orderId: string, seq: number, deadline: Deadline): Promise<void> {
    const [order, event] = await Promise.all([
      this.orders.findOrder(orderId),
      this.orders.findEvent(orderId, seq),
    ]);
    if (!order || !event) throw new Error(`event ${seq} of order ${orderId} is gone`);
    // Name and address may have been taken out since the job was sent; then there is nobody to tell any more.
    if (order.customerName === null || order.customerEmail === null) return;
    await reachPausePoint('notification.before-send', orderId);
    await this.notifications.send(
      {
        orderId,
        customerName: order.customerName,
        customerEmail: order.customerEmail,
        status: event.toStatus ?? order.status,
      },
      `${orderId}/${seq}/notify`,
      deadline,
    );
    await reachPausePoint('notification.after-send', orderId);
  }
}
