import { Injectable } from '@nestjs/common';
import { OrderRepository } from '../../orders/order.repository.js';
import { DeliveryArchiveRepository } from '../../orders/retention/delivery-archive.repository.js';
import type { CompletedDelivery } from '../../orders/retention/delivery.entity.js';
import { orderNotFound } from '../../orders/order.problems.js';
import { isOrderId } from '../../orders/orders.service.js';
import { type JobReport, JobReportsRepository } from '../../platform/jobs/job-reports.repository.js';
import { JOB_INCIDENTS, type JobIncidentKind } from '../incident-finder.js';
import { IncidentsService } from '../incidents.service.js';
import { deliveryNotFound, deliveryNotWaiting } from '../operations.problems.js';
import { databaseNow } from '../../platform/database/database-clock.js';

/** No order has nearly as many: a message for each change of its status, and one job or two besides. */
const MAX_DELIVERIES = 200;

const KINDS = Object.keys(JOB_INCIDENTS) as JobIncidentKind[];

/** What the service has to tell another one about an order. */
export interface Delivery extends JobReport {
  kind: JobIncidentKind;
  /** Of one that only a person can settle. */
  incidentId: string | undefined;
}

/** What leaves the service about an order, and whether it has arrived. */
@Injectable()
export class Deliveries {
  constructor(
    private readonly orders: OrderRepository,
    private readonly jobs: JobReportsRepository,
    private readonly archive: DeliveryArchiveRepository,
    private readonly incidents: IncidentsService,
  ) {}

  /** @throws {Problem} order-not-found */
  async list(orderId: string): Promise<Delivery[]> {
    const order = isOrderId(orderId) ? await this.orders.findOrder(orderId) : undefined;
    if (!order) throw orderNotFound(orderId);
    const queues = KINDS.map((kind) => JOB_INCIDENTS[kind].name);
    const jobs = await this.jobs.findByKey(queues, order.id, MAX_DELIVERIES);
    // Read after the jobs: a job that is archived in between is then found twice rather than not at all.
    const archived = await this.archive.findByOrder(order.id, MAX_DELIVERIES);
    const archivedIds = new Set(archived.map(({ id }) => id));
    const reports = [...archived.map(toReport), ...jobs.filter(({ id }) => !archivedIds.has(id))].toSorted(
      (one, other) => one.createdAt.getTime() - other.createdAt.getTime(),
    );
    const deliveries: Delivery[] = [];
    for (const report of reports) deliveries.push(await this.toDelivery(order.id, report));
    return deliveries;
  }

  /**
   * Has a delivery that waits to be repeated tried at once.
   *
   * @throws {Problem} order-not-found, delivery-not-found, delivery-not-waiting
   */
  async hurry(orderId: string, deliveryId: string): Promise<Delivery> {
    const delivery = (await this.list(orderId)).find(({ id }) => id === deliveryId.toLowerCase());
    if (!delivery) throw deliveryNotFound(deliveryId);
    if (!(await this.jobs.hurry(delivery.queue, delivery.id))) throw deliveryNotWaiting();
    return { ...delivery, nextAttemptAt: databaseNow() };
  }

  private async toDelivery(orderId: string, report: JobReport): Promise<Delivery> {
    const kind = KINDS.find((name) => JOB_INCIDENTS[name].name === report.queue);
    if (!kind) throw new Error(`there are no deliveries in ${report.queue}`);
    if (report.standing !== 'failed') return { ...report, kind, incidentId: undefined };
    const incident = await this.incidents.find({ kind, orderId, number: numberOf(kind, report) });
    return { ...report, kind, incidentId: incident?.id };
  }
}

function toReport({ id, queue, eventSeq, attempts, createdAt, completedAt }: CompletedDelivery): JobReport {
  return {
    id,
    queue,
    payload: { seq: eventSeq },
    standing: 'done',
    attempts,
    lastError: null,
    createdAt,
    completedAt,
    nextAttemptAt: null,
  };
}

/** Which event a message is about; 0 of all else, which is about the order. */
export function numberOf(kind: JobIncidentKind, { payload }: Pick<JobReport, 'payload'>): number {
  return kind === 'notification' && typeof payload['seq'] === 'number' ? payload['seq'] : 0;
}
