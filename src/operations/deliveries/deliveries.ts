import { Injectable } from '@nestjs/common';
import { OrderRepository } from '../../orders/order.repository.js';
import { orderNotFound } from '../../orders/order.problems.js';
import { isOrderId } from '../../orders/orders.service.js';
import { databaseNow } from '../../platform/database/database-clock.js';
import { type TaskReport, TaskReportsRepository } from '../task-reports.repository.js';
import { Tasks } from '../../tasks/tasks.service.js';
import {
  numberOfTask,
  TASK_INCIDENTS,
  TASK_KINDS,
  type TaskIncidentKind,
} from '../incidents/incident-finder.js';
import { IncidentsService } from '../incidents/incidents.service.js';
import { deliveryNotFound, deliveryNotWaiting } from '../operations.problems.js';

/** No order has nearly as many: a notification for each change of its status, and one task or two besides. */
const MAX_DELIVERIES = 200;

const TASK_NAMES = TASK_KINDS.map((kind) => TASK_INCIDENTS[kind].name);

/** A delivery to another service about an order. */
export interface DeliveryReport extends Omit<TaskReport, 'kind'> {
  kind: TaskIncidentKind;
  /** Of one that needs a person. */
  incidentId: string | undefined;
}

/** Deliveries of an order and their state. */
@Injectable()
export class Deliveries {
  constructor(
    private readonly orders: OrderRepository,
    private readonly reports: TaskReportsRepository,
    private readonly tasks: Tasks,
    private readonly incidents: IncidentsService,
  ) {}

  /** @throws {Problem} order-not-found */
  async list(orderId: string): Promise<DeliveryReport[]> {
    const order = isOrderId(orderId) ? await this.orders.findOrder(orderId) : undefined;
    if (!order) throw orderNotFound(orderId);
    const deliveries: DeliveryReport[] = [];
    for (const report of await this.reports.findByOrder(order.id, TASK_NAMES, MAX_DELIVERIES))
      deliveries.push(await this.toDelivery(order.id, report));
    return deliveries;
  }

  /**
   * Makes a delivery that waits for its next attempt due.
   *
   * @throws {Problem} order-not-found, delivery-not-found, delivery-not-waiting
   */
  async hurry(orderId: string, deliveryId: string): Promise<DeliveryReport> {
    const delivery = (await this.list(orderId)).find(({ id }) => id === deliveryId.toLowerCase());
    if (!delivery) throw deliveryNotFound(deliveryId);
    if (!(await this.tasks.hurry(orderId, delivery.id))) throw deliveryNotWaiting();
    return { ...delivery, nextAttemptAt: databaseNow() };
  }

  private async toDelivery(orderId: string, report: TaskReport): Promise<DeliveryReport> {
    const kind = TASK_KINDS.find((name) => TASK_INCIDENTS[name].name === report.kind);
    if (!kind) throw new Error(`tasks of kind ${report.kind} are no deliveries`);
    if (report.standing !== 'failed') return { ...report, kind, incidentId: undefined };
    const incident = await this.incidents.find({ kind, orderId, number: numberOfTask(kind, report.seq) });
    return { ...report, kind, incidentId: incident?.id };
  }
}
