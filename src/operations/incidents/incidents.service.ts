import { Injectable } from '@nestjs/common';
import { NIL as NIL_ID } from 'uuid';
import { CONFIRM_EXPIRED } from '../../orders/order.tasks.js';
import { MAX_LINES } from '../../orders/pricing/placement-request.js';
import {
  compareSubjects,
  type Incident,
  INCIDENT_KIND_NAMES,
  incidentId,
  type IncidentKind,
} from './incident.js';
import type { Subject } from './incident.js';
import { type DeadKind, DeadTasks, type Reasons } from './dead-tasks.js';
import { IncidentFinder } from './incident-finder.js';
import { TaskReportsRepository } from '../task-reports.repository.js';
import { IncidentRepository, type Settled } from './incident.repository.js';

/** An incident under the id that it has now. */
export interface NamedIncident extends Incident {
  id: string;
}

/** Which incidents are listed; absent for all. */
export interface IncidentFilter {
  kind?: IncidentKind | undefined;
  /** Of this endpoint of webhooks. The kind is `webhook_failed` then. */
  endpointId?: string | undefined;
}

/** One page of the list. */
export interface IncidentPage {
  incidents: NamedIncident[];
  /** Where the next page begins; null on the last one. */
  nextCursor: string | null;
}

/** The most incidents of one kind that one order can have: one for each of its lines. There are fewer endpoints. */
const MAX_OF_ONE_ORDER = MAX_LINES;

/** Lists incidents, those of the oldest orders first. */
@Injectable()
export class IncidentsService {
  constructor(
    private readonly finder: IncidentFinder,
    private readonly dead: DeadTasks,
    private readonly repository: IncidentRepository,
    private readonly tasks: TaskReportsRepository,
  ) {}

  /** @param after the subject of the last incident of the previous page */
  async list(filter: IncidentFilter, limit: number, after?: Subject): Promise<IncidentPage> {
    const from = after?.orderId ?? NIL_ID;
    // Incidents of the cursor's order are found again, and one more shows whether another page exists.
    const most = limit + 1 + MAX_OF_ONE_ORDER;
    const found = await this.findEach(filter, from, most);
    const behind = found.filter((incident) => !after || compareSubjects(incident, after) > 0);
    const sorted = behind.toSorted(compareSubjects);
    const incidents = await this.name(sorted.slice(0, limit));
    return { incidents, nextCursor: sorted.length > limit ? (incidents.at(-1)?.id ?? null) : null };
  }

  /** @returns all incidents of one order */
  async listOfOrder(orderId: string, filter: IncidentFilter): Promise<IncidentPage> {
    const found = await this.findEach(filter, orderId, MAX_OF_ONE_ORDER);
    const own = found.filter((incident) => incident.orderId === orderId);
    return { incidents: await this.name(own.toSorted(compareSubjects)), nextCursor: null };
  }

  /** @returns incidents of dead tasks for these reasons, those of the oldest orders first */
  async findDead(dead: DeadKind, reasons: Reasons, limit: number): Promise<NamedIncident[]> {
    return this.name(await this.dead.find(dead, limit, NIL_ID, reasons));
  }

  /** @returns the current incident, of any round; undefined when none is open */
  async find(subject: Subject): Promise<NamedIncident | undefined> {
    const found = await this.finder.find(subject.kind, subject.orderId, MAX_OF_ONE_ORDER);
    const incident = found.find((one) => compareSubjects(one, subject) === 0);
    return incident && (await this.name([incident]))[0];
  }

  private async findEach(
    { kind, endpointId }: IncidentFilter,
    fromOrderId: string,
    limit: number,
  ): Promise<Incident[]> {
    const kinds = kind ? [kind] : INCIDENT_KIND_NAMES;
    const found = kinds.map((one) => this.finder.find(one, fromOrderId, limit, endpointId));
    return (await Promise.all(found)).flat();
  }

  /** Orders whose late payment waits until their stock is released: the incident of the release is the only one then. */
  private async findAwaited(incidents: readonly Incident[]): Promise<Set<string>> {
    const orderIds = new Set(incidents.filter(isAboutRelease).map(({ orderId }) => orderId));
    if (orderIds.size === 0) return new Set();
    return this.tasks.findOrdersWithOpen(CONFIRM_EXPIRED.lane, [...orderIds]);
  }

  private async name(incidents: readonly Incident[]): Promise<NamedIncident[]> {
    if (incidents.length === 0) return [];
    const settled = await this.repository.findSettled([...new Set(incidents.map(({ orderId }) => orderId))]);
    const paid = await this.findAwaited(incidents);
    return incidents.map((incident) => ({
      ...incident,
      ...(isAboutRelease(incident) && paid.has(incident.orderId) && { paymentWaits: true as const }),
      id: incidentId(incident, roundOf(incident, settled)),
    }));
  }
}

/** Whether stock of an order that is not live waits for its release. */
function isAboutRelease({ kind }: Incident): boolean {
  return kind === 'stock_release' || kind === 'reservation';
}

/** A resolved incident that came back is in the next round. */
function roundOf(subject: Subject, settled: readonly Settled[]): number {
  const ids = new Set(settled.map(({ incident }) => incident));
  let round = 1;
  while (ids.has(incidentId(subject, round))) round += 1;
  return round;
}
