import { Injectable } from '@nestjs/common';
import { OrderRepository } from '../../orders/order.repository.js';
import { v5 as uuidOf } from 'uuid';
import { orderNotFound } from '../../orders/order.problems.js';
import { isOrderId } from '../../orders/order-id.js';
import { databaseNow } from '../../platform/database/database-clock.js';
import { type TaskReport, TaskReportsRepository, type WebhookReport } from '../task-reports.repository.js';
import { Tasks } from '../../tasks/tasks.service.js';
import {
  numberOfTask,
  SINGLE_TASK_INCIDENTS,
  type SingleTaskIncidentKind,
  type TaskIncidentKind,
} from '../incidents/dead-tasks.js';
import { compareSubjects, type Subject } from '../incidents/incident.js';
import { IncidentsService } from '../incidents/incidents.service.js';
import { deliveryNotFound, deliveryNotWaiting } from '../operations.problems.js';

/** No order has nearly as many: a notification for each change of its status, and one task or two besides. */
const MAX_DELIVERIES = 200;

/** Events of an order that a hundred endpoints get: more than a person reads. */
const MAX_WEBHOOKS = 500;

/** Tasks that bring something to another service or a person. The others are steps of the order itself. */
const SINGLE_KINDS = [
  'notification',
  'stock_release',
  'cart_checkout',
] as const satisfies SingleTaskIncidentKind[];

const TASK_NAMES = SINGLE_KINDS.map((kind) => SINGLE_TASK_INCIDENTS[kind].name);

export const DELIVERY_KINDS = [...SINGLE_KINDS, 'webhook'] as const;

export type DeliveryKind = (typeof DELIVERY_KINDS)[number];

/** A delivery to another service about an order. */
export interface DeliveryReport extends Omit<TaskReport, 'kind'> {
  kind: DeliveryKind;
  /** Of its task, while it has one. */
  taskId: string | null;
  /** The receiver, of a webhook. */
  endpointId?: string;
  /** Of one that needs a person. */
  incidentId?: string | undefined;
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
    const tasks = await this.reports.findByOrder(order.id, TASK_NAMES, MAX_DELIVERIES);
    const webhooks = await this.reports.findWebhooks(order.id, MAX_WEBHOOKS);
    const deliveries = [...tasks.map(ofTask), ...webhooks.map((report) => ofWebhook(order.id, report))];
    return this.withIncidents(
      order.id,
      deliveries.toSorted((one, other) => one.createdAt.getTime() - other.createdAt.getTime()),
    );
  }

  /**
   * Makes a delivery that waits for its next attempt due.
   *
   * @throws {Problem} order-not-found, delivery-not-found, delivery-not-waiting
   */
  async hurry(orderId: string, deliveryId: string): Promise<DeliveryReport> {
    const delivery = (await this.list(orderId)).find(({ id }) => id === deliveryId.toLowerCase());
    if (!delivery) throw deliveryNotFound(deliveryId);
    const { taskId } = delivery;
    if (taskId === null || !(await this.tasks.hurry(orderId, taskId))) throw deliveryNotWaiting();
    return { ...delivery, nextAttemptAt: databaseNow() };
  }

  private async withIncidents(
    orderId: string,
    deliveries: readonly DeliveryReport[],
  ): Promise<DeliveryReport[]> {
    const failed = deliveries.filter(({ standing }) => standing === 'failed');
    const kinds = [...new Set(failed.map(({ kind }) => incidentKindOf(kind)))];
    const pages = await Promise.all(kinds.map((kind) => this.incidents.listOfOrder(orderId, { kind })));
    const incidents = pages.flatMap((page) => page.incidents);
    return deliveries.map((delivery) => {
      if (delivery.standing !== 'failed') return delivery;
      const subject = subjectOf(orderId, delivery);
      return { ...delivery, incidentId: incidents.find((one) => compareSubjects(one, subject) === 0)?.id };
    });
  }
}

function ofTask(report: TaskReport): DeliveryReport {
  const kind = SINGLE_KINDS.find((name) => SINGLE_TASK_INCIDENTS[name].name === report.kind);
  if (!kind) throw new Error(`tasks of kind ${report.kind} are no deliveries`);
  return { ...report, kind, taskId: report.id };
}

/** Its id stays the same when its task is finished, and when it is sent again. */
function ofWebhook(orderId: string, report: WebhookReport): DeliveryReport {
  return { ...report, kind: 'webhook', id: uuidOf(`${report.endpointId}/${report.seq}`, orderId) };
}

function incidentKindOf(kind: DeliveryKind): TaskIncidentKind {
  return kind === 'webhook' ? 'webhook_failed' : kind;
}

function subjectOf(orderId: string, { kind: delivered, endpointId, seq }: DeliveryReport): Subject {
  const kind = incidentKindOf(delivered);
  return { kind, orderId, ...(endpointId && { endpointId }), number: numberOfTask(kind, seq) };
}
