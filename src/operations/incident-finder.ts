import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { smallestIdAt } from '../orders/dto/list-orders.dto.js';
import { CART_CHECKOUTS_QUEUE, NOTIFICATIONS_QUEUE, STOCK_RELEASES_QUEUE } from '../orders/order.jobs.js';
import { Inventory, StockJournal } from '../orders/order.ports.js';
import { type DeadJob, JobRepository, type Tally } from '../platform/jobs/job.repository.js';
import type { Queue } from '../platform/jobs/job-queue.js';
import { type DoubtEvent, type DoubtfulLine, IncidentRepository } from './incident.repository.js';
import { compareSubjects, type Incident, type IncidentAction, type IncidentKind } from './incident.js';
import { databaseNow } from '../platform/database/database-clock.js';

/** Lines in doubt that are looked at in one go. Most of them are no incidents while an inventory is down. */
const BATCH_SIZE = 500;

/**
 * After the recovery window the sweep takes an order back. It may have to wait for the lease of whoever tried last,
 * and for the pause after that try; twice the longest of both is more than any order that somebody looks after needs.
 */
const PATIENCE_MS = 20_000;

/** Movements that a person has to look at, each by itself: far more than anybody ever will. */
const MAX_STUCK = 10_000;

/** The queues whose dead jobs are incidents. */
export const JOB_INCIDENTS = {
  notification: NOTIFICATIONS_QUEUE,
  stock_release: STOCK_RELEASES_QUEUE,
  cart_checkout: CART_CHECKOUTS_QUEUE,
} as const satisfies Partial<Record<IncidentKind, Queue<object>>>;

export type JobIncidentKind = keyof typeof JOB_INCIDENTS;

export function isJobIncident(kind: IncidentKind): kind is JobIncidentKind {
  return kind in JOB_INCIDENTS;
}

/** Finds what waits for a person. Nothing is stored about it: it is read off the orders, the jobs and the journal. */
@Injectable()
export class IncidentFinder {
  constructor(
    private readonly repository: IncidentRepository,
    private readonly jobs: JobRepository,
    private readonly inventory: Inventory,
    private readonly journal: StockJournal,
    private readonly settings: Settings,
  ) {}

  /** @returns incidents of one kind about the order and those behind it, by order and number */
  async find(kind: IncidentKind, fromOrderId: string, limit: number): Promise<Incident[]> {
    if (kind === 'reservation') return this.findReservations(fromOrderId, limit);
    if (kind === 'pending_order') return this.findPendingOrders(fromOrderId, limit);
    const dead = await this.jobs.findDead(JOB_INCIDENTS[kind].name, fromOrderId, limit);
    return dead.map((job) => toJobIncident(kind, job));
  }

  async tally(kind: IncidentKind): Promise<Tally> {
    if (kind === 'pending_order') return this.repository.countOverdue(this.overdueBefore());
    if (kind !== 'reservation') return this.jobs.countDead(JOB_INCIDENTS[kind].name);
    const incidents = await this.findReservations(NIL_ID, Number.POSITIVE_INFINITY);
    const oldest = incidents.map(({ since }) => since).toSorted((one, other) => +one - +other)[0];
    return { count: incidents.length, oldest: oldest ?? null };
  }

  private async findReservations(fromOrderId: string, limit: number): Promise<Incident[]> {
    const stuck = await this.findStuck(fromOrderId);
    const isStuck = new Set(stuck.map(nameOf));
    const doubtful = await this.findDoubtful(fromOrderId, limit + stuck.length);
    return [...stuck, ...doubtful.filter((incident) => !isStuck.has(nameOf(incident)))]
      .toSorted(compareSubjects)
      .slice(0, limit);
  }

  /** Lines of which our own journal says that no job can settle them, whether or not one is still trying. */
  private async findStuck(fromOrderId: string): Promise<Incident[]> {
    const stuck = await this.journal.findStuck(fromOrderId, MAX_STUCK);
    if (stuck.length === 0) return [];
    const orderIds = [...new Set(stuck.map(({ orderId }) => orderId))];
    const lines = await this.repository.findUnreleasedLines(orderIds);
    return lines.flatMap((line) => {
      const cause = stuck.find((one) => one.orderId === line.orderId && one.line === line.line);
      return cause ? [toReservationIncident(line, cause, ['release', 'write_off'])] : [];
    });
  }

  private async findDoubtful(fromOrderId: string, limit: number): Promise<Incident[]> {
    const found: Incident[] = [];
    let from = { orderId: fromOrderId, line: 0 };
    for (;;) {
      const lines = await this.repository.findDoubtfulLines(from, BATCH_SIZE);
      found.push(...(await this.judge(lines)));
      const last = lines.at(-1);
      if (!last || lines.length < BATCH_SIZE || found.length >= limit) return found;
      from = { orderId: last.orderId, line: last.line + 1 };
    }
  }

  /** Picks those lines in doubt that no job will settle any more. */
  private async judge(lines: readonly DoubtfulLine[]): Promise<Incident[]> {
    if (lines.length === 0) return [];
    const orderIds = [...new Set(lines.map(({ orderId }) => orderId))];
    const open = await this.jobs.findOpenKeys(STOCK_RELEASES_QUEUE.name, orderIds);
    // Asked after that: a job that dies meanwhile is seen in one of the two answers at least.
    const dead = await this.jobs.findDeadByKey(STOCK_RELEASES_QUEUE.name, orderIds);
    const events = await this.repository.findDoubtEvents(orderIds);
    const { repeatable } = this.inventory;
    return lines.flatMap((line) => {
      // While a job is at it, the line may be in doubt for no longer than the call takes.
      if (open.has(line.orderId)) return [];
      // Calls that may be repeated are left to the job that ran out of attempts, which is an incident of its own.
      if (repeatable && dead.has(line.orderId)) return [];
      return [
        toReservationIncident(line, causeOf(line, events), [repeatable ? 'retry' : 'release', 'write_off']),
      ];
    });
  }

  private async findPendingOrders(fromOrderId: string, limit: number): Promise<Incident[]> {
    const orders = await this.repository.findOverdue(fromOrderId, this.overdueBefore(), limit);
    const windowMs = this.settings.RECOVERY_WINDOW_MS;
    return orders.map(({ orderId, placedAt }) => ({
      kind: 'pending_order',
      orderId,
      number: 0,
      reason: `still pending although the recovery window of ${windowMs} ms is over: recovery does not run, or fails`,
      since: new Date(placedAt.getTime() + windowMs),
      actions: ['retry', 'release'],
    }));
  }

  /** The smallest id of an order that was placed just now or later than could be overdue. */
  private overdueBefore(): string {
    const { RECOVERY_WINDOW_MS, REQUEST_DEADLINE_MS, RECOVERY_INTERVAL_MS } = this.settings;
    const ageMs = RECOVERY_WINDOW_MS + 2 * REQUEST_DEADLINE_MS + RECOVERY_INTERVAL_MS + PATIENCE_MS;
    return smallestIdAt(new Date(databaseNow().getTime() - ageMs).toISOString());
  }
}

/** Smaller than every id of an order. */
export const NIL_ID = '00000000-0000-0000-0000-000000000000';

/** Where the process ended in the middle of a call, no event could be written. */
const CAUSE_UNKNOWN = 'it is not known what became of the call that was to give the units back';

function nameOf({ orderId, number }: Incident): string {
  return `${orderId}/${number}`;
}

function causeOf(line: DoubtfulLine, events: readonly DoubtEvent[]): { reason: string; since: Date } {
  const event = events.findLast((one) => one.orderId === line.orderId && one.lines.includes(line.line));
  return { reason: event?.reason ?? CAUSE_UNKNOWN, since: event?.occurredAt ?? line.changedAt };
}

function toReservationIncident(
  { orderId, line, productId, quantity }: DoubtfulLine,
  { reason, since }: { reason: string; since: Date },
  actions: IncidentAction[],
): Incident {
  return { kind: 'reservation', orderId, number: line, reason, since, actions, productId, quantity };
}

function toJobIncident(kind: JobIncidentKind, job: DeadJob): Incident {
  const { seq } = job.payload;
  return {
    kind,
    orderId: job.key,
    number: kind === 'notification' && typeof seq === 'number' ? seq : 0,
    reason: job.reason ?? 'the last attempt left no reason',
    since: job.failedAt,
    actions: ['retry', 'write_off'],
  };
}
