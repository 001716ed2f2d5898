import { Injectable } from '@nestjs/common';
import { NIL as NIL_ID } from 'uuid';
import { Settings } from '../../config/settings.js';
import { smallestIdAt } from '../../orders/dto/list-orders.dto.js';
import { reservationIdOf } from '../../orders/reservation/reservation-id.js';
import { RELEASE_STOCK } from '../../orders/order.tasks.js';
import { Inventory, StockJournal } from '../../orders/order.ports.js';
import { type Tally, TaskReportsRepository } from '../task-reports.repository.js';
import { DeadTasks, type IncidentGroup } from './dead-tasks.js';
import { causeOf } from './incident-cause.js';
import { type DoubtEvent, type DoubtfulLine, IncidentRepository } from './incident.repository.js';
import { compareSubjects, type Incident, type IncidentAction, type IncidentKind } from './incident.js';
import { databaseNow } from '../../platform/database/database-clock.js';

/** Lines in doubt that are looked at in one go. Most of them are no incidents while an inventory is down. */
const BATCH_SIZE = 500;

/**
 * After the recovery window an order is compensated. That may have to wait for the end of the last lease, and for the
 * pause after that attempt; twice the longer of both is more than any order in progress needs.
 */
const PATIENCE_MS = 20_000;

/** Movements that need a person: far more than people can handle. */
const MAX_STUCK = 10_000;

/** Finds incidents. They are not stored, but derived from the orders, the tasks and the journal. */
@Injectable()
export class IncidentFinder {
  constructor(
    private readonly repository: IncidentRepository,
    private readonly tasks: TaskReportsRepository,
    private readonly dead: DeadTasks,
    private readonly inventory: Inventory,
    private readonly journal: StockJournal,
    private readonly settings: Settings,
  ) {}

  /**
   * @param endpointId only those of this endpoint of webhooks, for `webhook_failed`
   * @returns incidents of one kind about the order and those behind it, by order and number
   */
  async find(
    kind: IncidentKind,
    fromOrderId: string,
    limit: number,
    endpointId?: string,
  ): Promise<Incident[]> {
    if (kind === 'reservation') return this.findReservations(fromOrderId, limit);
    if (kind === 'pending_order') return this.findPendingOrders(fromOrderId, limit);
    return this.dead.find({ kind, ...(endpointId !== undefined && { endpointId }) }, limit, fromOrderId);
  }

  /** All incidents by kind, endpoint and cause, the most frequent cause first. */
  async findGroups(): Promise<IncidentGroup[]> {
    const others = (['reservation', 'pending_order'] as const).map((kind) =>
      this.find(kind, NIL_ID, MAX_STUCK),
    );
    const single: IncidentGroup[] = (await Promise.all(others))
      .flat()
      .map(({ kind, reason, since }) => ({ kind, cause: causeOf(reason), count: 1, oldest: since }));
    const groups = new Map<string, IncidentGroup>();
    for (const one of [...(await this.dead.findGroups()), ...single]) {
      const key = `${one.kind} ${one.endpointId ?? ''} ${one.cause}`;
      const known = groups.get(key) ?? { ...one, count: 0 };
      const oldest = one.oldest < known.oldest ? one.oldest : known.oldest;
      groups.set(key, { ...known, count: known.count + one.count, oldest });
    }
    return [...groups.values()].toSorted((one, other) => other.count - one.count);
  }

  async tally(kind: IncidentKind): Promise<Tally> {
    if (kind === 'pending_order') return this.repository.countOverdue(this.overdueBefore());
    if (kind !== 'reservation') return this.dead.count({ kind });
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

  /** Lines that no task can resolve, according to the journal, whether or not one is still trying. */
  private async findStuck(fromOrderId: string): Promise<Incident[]> {
    const stuck = await this.journal.findStuck(fromOrderId, MAX_STUCK);
    if (stuck.length === 0) return [];
    const orderIds = [...new Set(stuck.map(({ orderId }) => orderId))];
    const lines = await this.repository.findUnreleasedLines(orderIds);
    // Reversed: of several movements of a line the first counts.
    const causes = new Map(stuck.toReversed().map((one) => [`${one.reservationId}/${one.line}`, one]));
    return lines.flatMap((line) => {
      // A movement of an earlier generation was resolved with its lines: it says nothing about the units held now.
      const reservationId = reservationIdOf({ id: line.orderId, stockGeneration: line.stockGeneration });
      const cause = causes.get(`${reservationId}/${line.line}`);
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

  /** Selects the lines in doubt that no task will resolve. */
  private async judge(lines: readonly DoubtfulLine[]): Promise<Incident[]> {
    if (lines.length === 0) return [];
    const orderIds = [...new Set(lines.map(({ orderId }) => orderId))];
    const open = await this.tasks.findOrdersWithOpen(RELEASE_STOCK.lane, orderIds);
    // Read after that: a task that dies in between is in one of the two results at least.
    const dead = await this.tasks.findOrdersWithDead(RELEASE_STOCK.name, orderIds);
    const events = await this.repository.findDoubtEvents(orderIds);
    const { idempotent } = this.inventory;
    return lines.flatMap((line) => {
      // While a task is running, a line may be in doubt for the duration of the call.
      if (open.has(line.orderId)) return [];
      // Idempotent calls are left to the dead task, which is an incident of its own.
      if (idempotent && dead.has(line.orderId)) return [];
      return [
        toReservationIncident(line, doubtAbout(line, events), [
          idempotent ? 'retry' : 'release',
          'write_off',
        ]),
      ];
    });
  }

  private async findPendingOrders(fromOrderId: string, limit: number): Promise<Incident[]> {
    const orders = await this.repository.findOverdue(fromOrderId, this.overdueBefore(), limit);
    const windowMs = this.settings.RECOVERY_WINDOW_MS;
    return orders.map(({ orderId, placedAt, attempts }) => ({
      kind: 'pending_order',
      orderId,
      number: 0,
      reason: `still pending although the recovery window of ${windowMs} ms is over: recovery does not run, or fails`,
      since: new Date(placedAt.getTime() + windowMs),
      actions: ['retry', 'release'],
      ...(attempts !== null && { attempts }),
    }));
  }

  /** The smallest id of an order that was placed just now or later than could be overdue. */
  private overdueBefore(): string {
    const { RECOVERY_WINDOW_MS, REQUEST_DEADLINE_MS, RECOVERY_INTERVAL_MS } = this.settings;
    const ageMs = RECOVERY_WINDOW_MS + 2 * REQUEST_DEADLINE_MS + RECOVERY_INTERVAL_MS + PATIENCE_MS;
    return smallestIdAt(new Date(databaseNow().getTime() - ageMs).toISOString());
  }
}

/** Where the process ended in the middle of a call, no event could be written. */
const CAUSE_UNKNOWN = 'the outcome of the call that releases the units is unknown';

function nameOf({ orderId, number }: Incident): string {
  return `${orderId}/${number}`;
}

function doubtAbout(line: DoubtfulLine, events: readonly DoubtEvent[]): { reason: string; since: Date } {
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
