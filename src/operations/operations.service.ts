import { Injectable } from '@nestjs/common';
import type { Order } from '../orders/order.entity.js';
import { OrderRepository } from '../orders/order.repository.js';
import { isLive } from '../orders/order-status.js';
import { mapBounded } from '../platform/upstream/upstream-parallel.js';
import { parseIncidentId, type Subject, textOf } from './incident.js';
import { type Decision, IncidentSettlement } from './incident-settlement.js';
import { IncidentRepository, type Settled } from './incident.repository.js';
import { IncidentsService } from './incidents.service.js';
import { actionNotAllowed, incidentInProgress, incidentNotFound } from './operations.problems.js';
import { PendingOrders } from './pending-orders.js';

/** An order that changes three times while one decision is written down is being worked on by somebody else. */
const SETTLE_ATTEMPTS = 3;

/** One call redrives this many messages at most, so that its answer comes within seconds. */
const REDRIVE_AT_ONCE = 500;

/** Decisions written at the same time by one call: quick, and most connections stay free for orders. */
const REDRIVE_CONCURRENCY = 4;

/** What became of a decision: the same for whoever asks again. */
export interface Settlement {
  incident: string;
  subject: Subject;
  decision: Decision;
  settledAt: Date;
  result: string;
}

/** What people may do about incidents. */
@Injectable()
export class OperationsService {
  constructor(
    private readonly incidents: IncidentsService,
    private readonly settlement: IncidentSettlement,
    private readonly repository: IncidentRepository,
    private readonly orders: OrderRepository,
    private readonly pending: PendingOrders,
  ) {}

  /**
   * Settles an incident. Asked for the same again it answers the same, and nothing happens a second time.
   *
   * @throws {Problem} incident-not-found, action-not-allowed, incident-in-progress
   */
  async settle(id: string, decision: Decision): Promise<Settlement> {
    const subject = parseIncidentId(id);
    if (!subject) throw incidentNotFound(id);
    for (let attempt = 1; attempt <= SETTLE_ATTEMPTS; attempt += 1) {
      // Read first: whatever is settled after this raises the order's version, and the decision is not written.
      const order = await this.orders.findOrder(subject.orderId);
      if (!order) throw incidentNotFound(id);
      const incident = await this.incidents.find(subject);
      if (incident?.id !== id) return this.repeat(id, subject, order, decision);
      if (!incident.actions.includes(decision.action)) {
        throw actionNotAllowed(decision.action, incident.actions);
      }
      const settledAt =
        incident.kind === 'pending_order'
          ? await this.pending.settle(order, incident, decision)
          : await this.settlement.settle(order, incident, decision);
      if (settledAt) return answer(id, subject, decision, settledAt);
    }
    throw incidentInProgress(subject.orderId);
  }

  /**
   * Has dead notifications sent again, those of the oldest orders first.
   *
   * @returns how many, and whether there may be more
   */
  async redriveNotifications(decision: Omit<Decision, 'action'>): Promise<{ count: number; more: boolean }> {
    const { incidents, nextCursor } = await this.incidents.list('notification', REDRIVE_AT_ONCE);
    const settled = await mapBounded(incidents, REDRIVE_CONCURRENCY, async (incident) => {
      const order = await this.orders.findOrder(incident.orderId);
      return order && this.settlement.settle(order, incident, { ...decision, action: 'retry' });
    });
    return { count: settled.filter((at) => at !== undefined).length, more: nextCursor !== null };
  }

  /** Answers for an incident that is not there: it was settled before, is settling itself, or never was. */
  private async repeat(id: string, subject: Subject, order: Order, decision: Decision): Promise<Settlement> {
    const settled = (await this.repository.findSettled([order.id])).find(({ incident }) => incident === id);
    if (!settled) throw isUnderWay(order, subject) ? incidentInProgress(order.id) : incidentNotFound(id);
    if (settled.action !== decision.action) throw actionNotAllowed(decision.action, [], settled.action);
    return answer(id, subject, decisionOf(settled), settled.occurredAt);
  }
}

/** Whether what the id is about is being settled by a job, or by the placement, at this moment. */
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

function answer(id: string, subject: Subject, decision: Decision, settledAt: Date): Settlement {
  const { result } = textOf(subject.kind, decision.action);
  return { incident: id, subject, decision, settledAt, result };
}
