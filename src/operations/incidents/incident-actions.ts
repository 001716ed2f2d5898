import { Injectable } from '@nestjs/common';
import type { Order } from '../../orders/order.entity.js';
import { OrderRepository } from '../../orders/order.repository.js';
import { isLive } from '../../orders/order-status.js';
import { parseIncidentId, type Subject, textOf } from './incident.js';
import { type Decision, endedPayment, IncidentResolution } from './incident-resolution.js';
import { IncidentRepository, type Settled } from './incident.repository.js';
import { IncidentsService } from './incidents.service.js';
import {
  actionNotAllowed,
  incidentInProgress,
  incidentNotFound,
  paymentEnded,
} from '../operations.problems.js';
import { PendingOrders } from './pending-orders.js';

/** An order that changes three times during one decision is in use elsewhere. */
const SETTLE_ATTEMPTS = 3;

/** The result of a decision: the same for every retry. */
export interface Resolution {
  incident: string;
  subject: Subject;
  decision: Decision;
  settledAt: Date;
  result: string;
}

/** Decisions of people about incidents. */
@Injectable()
export class IncidentActions {
  constructor(
    private readonly incidents: IncidentsService,
    private readonly settlement: IncidentResolution,
    private readonly repository: IncidentRepository,
    private readonly orders: OrderRepository,
    private readonly pending: PendingOrders,
  ) {}

  /**
   * Resolves an incident. Idempotent: the same decision again returns the same result, without a second effect.
   *
   * @throws {Problem} incident-not-found, action-not-allowed, incident-in-progress, payment-ended
   */
  async settle(id: string, decision: Decision): Promise<Resolution> {
    const subject = parseIncidentId(id);
    if (!subject) throw incidentNotFound(id);
    for (let attempt = 1; attempt <= SETTLE_ATTEMPTS; attempt += 1) {
      // Read first: a later change raises the order's version, and the decision is then not written.
      const order = await this.orders.findOrder(subject.orderId);
      if (!order) throw incidentNotFound(id);
      const incident = await this.incidents.find(subject);
      if (incident?.id !== id) return this.repeat(id, subject, order, decision);
      if (!incident.actions.includes(decision.action)) {
        throw actionNotAllowed(decision.action, incident.actions);
      }
      const ended = endedPayment(order, incident, decision);
      if (ended) throw paymentEnded(ended.reference);
      const settledAt =
        incident.kind === 'pending_order'
          ? await this.pending.settle(order, incident, decision)
          : await this.settlement.settle(order, incident, decision);
      if (settledAt) return answer(id, subject, decision, settledAt);
    }
    throw incidentInProgress(subject.orderId);
  }

  /** The result for an incident that is not open: it was resolved before, is in progress, or never existed. */
  private async repeat(id: string, subject: Subject, order: Order, decision: Decision): Promise<Resolution> {
    const settled = (await this.repository.findSettled([order.id])).find(({ incident }) => incident === id);
    if (!settled) throw isUnderWay(order, subject) ? incidentInProgress(order.id) : incidentNotFound(id);
    if (settled.action !== decision.action) throw actionNotAllowed(decision.action, [], settled.action);
    return answer(id, subject, decisionOf(settled), settled.occurredAt);
  }
}

/** Whether a task or the placement works on the subject of the id at this moment. */
function isUnderWay(order: Order, { kind, number }: Subject): boolean {
  if (kind === 'pending_order') return order.status === 'pending';
  return (
    kind === 'reservation' &&
    !isLive(order.status) &&
    order.items.some((item) => item.id === number && item.reservation !== 'released')
  );
}

function decisionOf({ action, reason, actor }: Settled): Decision {
  return { action, reason: reason ?? undefined, actor };
}

function answer(id: string, subject: Subject, decision: Decision, settledAt: Date): Resolution {
  const { result } = textOf(subject.kind, decision.action);
  return { incident: id, subject, decision, settledAt, result };
}
