import { Injectable } from '@nestjs/common';
import { Counter } from 'prom-client';
import { Settings } from '../../config/settings.js';
import type { Order } from '../../orders/order.entity.js';
import { OrderRepository } from '../../orders/order.repository.js';
import { isLive } from '../../orders/order-status.js';
import { mapBounded } from '../../platform/upstream/upstream-parallel.js';
import { requestDeadline } from '../../platform/telemetry/request-context.js';
import type { TaskAction, TaskIncidentKind } from './incident-finder.js';
import { parseIncidentId, type Subject, textOf } from './incident.js';
import { type Decision, IncidentSettlement } from './incident-settlement.js';
import { IncidentRepository, type Settled } from './incident.repository.js';
import { IncidentsService, type NamedIncident } from './incidents.service.js';
import { actionNotAllowed, incidentInProgress, incidentNotFound } from '../operations.problems.js';
import { PendingOrders } from './pending-orders.js';

/** An order that changes three times during one decision is in use elsewhere. */
const SETTLE_ATTEMPTS = 3;

/** Decisions written at the same time by one call: quick, and most connections stay free for orders. */
const BULK_CONCURRENCY = 4;

/** Share of the request's time that a bulk call uses: its last statements must end before the deadline too. */
const BULK_TIME_SHARE = 0.5;

const resolutions = new Counter({
  name: 'order_incidents_resolved_total',
  help: 'Incidents that people resolved, by kind and action (retry, release, write_off).',
  labelNames: ['kind', 'action'] as const,
});

/** The incidents of one bulk call, and what is done about each. */
export interface BulkDecision extends Decision {
  action: TaskAction;
  kind: TaskIncidentKind;
  /** As `causeOf` returns it; undefined for every cause. */
  cause: string | undefined;
  limit: number;
}

export interface BulkResult {
  /** Incidents that this call resolved. */
  changed: number;
  /** Incidents of the kind and cause that are open now. */
  remaining: number;
}

/** The result of a decision: the same for every retry. */
export interface Settlement {
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
    private readonly settlement: IncidentSettlement,
    private readonly repository: IncidentRepository,
    private readonly orders: OrderRepository,
    private readonly pending: PendingOrders,
    private readonly settings: Settings,
  ) {}

  /**
   * Resolves an incident. Idempotent: the same decision again returns the same result, without a second effect.
   *
   * @throws {Problem} incident-not-found, action-not-allowed, incident-in-progress
   */
  async settle(id: string, decision: Decision): Promise<Settlement> {
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
      const settledAt = await this.settleOne(order, incident, decision);
      if (settledAt) return answer(id, subject, decision, settledAt);
    }
    throw incidentInProgress(subject.orderId);
  }

  /**
   * Resolves dead tasks of one kind and cause, those of the oldest orders first, each in a transaction of its own. A
   * call that is repeated goes on with those that are left.
   */
  async settleMany({ kind, cause, limit, ...decision }: BulkDecision): Promise<BulkResult> {
    const deadline = requestDeadline(this.settings.REQUEST_DEADLINE_MS);
    const endsAt = deadline.remaining() * (1 - BULK_TIME_SHARE);
    const { incidents } = await this.incidents.findDead(kind, cause, limit);
    const settled = await mapBounded(incidents, BULK_CONCURRENCY, async (incident) => {
      if (deadline.remaining() < endsAt) return undefined;
      const order = await this.orders.findOrder(incident.orderId);
      return order && this.settleOne(order, incident, decision);
    });
    const { total: remaining } = await this.incidents.findDead(kind, cause, 0);
    return { changed: settled.filter((at) => at !== undefined).length, remaining };
  }

  private async settleOne(
    order: Order,
    incident: NamedIncident,
    decision: Decision,
  ): Promise<Date | undefined> {
    const settledAt =
      incident.kind === 'pending_order'
        ? await this.pending.settle(order, incident, decision)
        : await this.settlement.settle(order, incident, decision);
    if (settledAt) resolutions.inc({ kind: incident.kind, action: decision.action });
    return settledAt;
  }

  /** The result for an incident that is not open: it was resolved before, is in progress, or never existed. */
  private async repeat(id: string, subject: Subject, order: Order, decision: Decision): Promise<Settlement> {
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

function answer(id: string, subject: Subject, decision: Decision, settledAt: Date): Settlement {
  const { result } = textOf(subject.kind, decision.action);
  return { incident: id, subject, decision, settledAt, result };
}
