import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { OrderRepository } from '../../orders/order.repository.js';
import { requestDeadline } from '../../platform/telemetry/request-context.js';
import { mapBounded } from '../../platform/upstream/upstream-parallel.js';
import { DeadTasks, type TaskAction, type TaskIncidentKind } from './dead-tasks.js';
import { type Decision, endedPayment, IncidentResolution } from './incident-resolution.js';
import { IncidentsService } from './incidents.service.js';

/** Incidents resolved by one call, so that its response comes within seconds. */
export const MAX_BULK_INCIDENTS = 500;

/** Decisions written at the same time by one call: quick, and most connections stay free for orders. */
const CONCURRENCY = 4;

/** Share of the request's time that a call uses: its last statements must end before the deadline too. */
const TIME_SHARE = 0.5;

/** The incidents of one call, and what is done about each. */
export interface BulkDecision extends Decision {
  action: TaskAction;
  kind: TaskIncidentKind;
  /** Of this endpoint of webhooks; undefined for all. */
  endpointId?: string | undefined;
  /** As `causeOf` returns it; undefined for every cause. */
  cause?: string | undefined;
  limit?: number | undefined;
}

export interface BulkResult {
  /** Incidents that this call resolved. */
  changed: number;
  /** Incidents of the kind, endpoint and cause that are open now. */
  remaining: number;
}

/** Decisions of people about many dead tasks. */
@Injectable()
export class BulkIncidents {
  constructor(
    private readonly dead: DeadTasks,
    private readonly incidents: IncidentsService,
    private readonly settlement: IncidentResolution,
    private readonly orders: OrderRepository,
    private readonly settings: Settings,
  ) {}

  /**
   * Resolves dead tasks of one kind and cause, those of the oldest orders first, each in a transaction of its own. A
   * call that is repeated goes on with those that are left.
   */
  async settle({
    kind,
    endpointId,
    cause,
    limit = MAX_BULK_INCIDENTS,
    ...decision
  }: BulkDecision): Promise<BulkResult> {
    const dead = { kind, ...(endpointId !== undefined && { endpointId }) };
    const deadline = requestDeadline(this.settings.REQUEST_DEADLINE_MS);
    const reserveMs = deadline.remaining() * (1 - TIME_SHARE);
    const reasons = cause === undefined ? undefined : await this.dead.findReasons(dead, cause);
    const incidents = await this.incidents.findDead(dead, reasons, limit);
    // One after another of the same order: each decision raises its version.
    const byOrder = [...Map.groupBy(incidents, ({ orderId }) => orderId)];
    let changed = 0;
    await mapBounded(byOrder, CONCURRENCY, async ([orderId, ofOrder]) => {
      for (const incident of ofOrder) {
        if (deadline.remaining() < reserveMs) return;
        const order = await this.orders.findOrder(orderId);
        // A person decides about an order whose payment was refunded.
        if (!order || endedPayment(order, incident, decision)) continue;
        if (await this.settlement.settle(order, incident, decision)) changed += 1;
      }
    });
    // Read again: resolved reasons make room for others of the cause, because only so many are looked at.
    const left = cause === undefined ? undefined : await this.dead.findReasons(dead, cause);
    return { changed, remaining: (await this.dead.count(dead, left)).count };
  }
}
