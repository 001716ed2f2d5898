import { Injectable } from '@nestjs/common';
import { NIL as NIL_ID } from 'uuid';
import { smallestIdAt } from '../../orders/dto/list-orders.dto.js';
import { orderIdOf, reservationIdOf } from '../../orders/reservation/reservation-id.js';
import { type HeldReservation, Inventory, type ReservationBook } from '../../orders/order.ports.js';
import { databaseNow } from '../../platform/database/database-clock.js';
import { Deadline } from '../../platform/deadline.js';
import { DriftReport } from '../drift/drift-report.js';
import type { Findings, LostStatus, MissingOrder, ReservationFinding } from './findings.js';
import { isReservationId, type KnownOrders } from './known-orders.js';
import { ReconcileRepository, type StoredOrder } from './reconcile.repository.js';

/** Reservations and orders compared at a time. */
const PAGE_SIZE = 1_000;

/** No client waits for a list, so a slow inventory gets more time than for an order. */
const LIST_DEADLINE_MS = 60_000;

const RELEASE_DEADLINE_MS = 10_000;

export interface ReconcileRequest {
  /** Only orders placed at this time or later. */
  since?: string;
  /** Orders that are known outside the database. */
  known?: KnownOrders;
  /** Release the reservations of orders that do not exist. */
  apply: boolean;
  /** Receives the progress. */
  onProgress: (progress: string) => void;
}

/** The request is invalid. The message is for its author. */
export class ReconcileRefused extends Error {}

/** Findings about reservations, and how many orders of the database were among those compared. */
interface Compared {
  findings: ReservationFinding[];
  reservations: number;
  otherReservations: number;
  storedOrders: number;
}

/** Compares the orders with the inventory's reservations and with what is known outside, after commits were lost. */
@Injectable()
export class Reconciliation {
  constructor(
    private readonly repository: ReconcileRepository,
    private readonly inventory: Inventory,
    private readonly drift: DriftReport,
  ) {}

  /**
   * @throws {ReconcileRefused} when it would not be safe
   * @throws {UpstreamFault} when the inventory gives no usable answer
   */
  async run({ since, known, apply, onProgress }: ReconcileRequest): Promise<Findings> {
    if (await this.repository.isStandby()) {
      throw new ReconcileRefused('DATABASE_URL leads to a standby. It must lead to the primary');
    }
    const { reservations: book } = this.inventory;
    if (apply && !book) {
      throw new ReconcileRefused(
        '--apply needs an inventory with reservations (INVENTORY_API=reservations). This one can only be corrected by hand',
      );
    }
    const from = since === undefined ? NIL_ID : smallestIdAt(since);
    const outside = await this.compareKnown(known, from, onProgress);
    const listed = book ? await this.compareReservations(book, from, onProgress) : null;
    const findings = listed?.findings ?? (book && known ? outside.missing.map(unlisted) : []);
    const proposed = this.propose(findings, known && new Set(outside.missing.map(({ orderId }) => orderId)));
    if (book && apply && proposed.length > 0) {
      const storedOrders = outside.storedOrders + (listed?.storedOrders ?? 0);
      if (storedOrders === 0) throw new ReconcileRefused(WRONG_DATABASE);
      await release(book, proposed, onProgress);
    }
    return {
      missing: outside.missing,
      statuses: outside.statuses,
      reservations: findings,
      reservationSource: listed ? 'list' : book && known ? 'known_orders' : 'none',
      stock: book ? null : await this.drift.run({ ...(since !== undefined && { since }), rebase: false }),
      compared: {
        knownOrders: outside.missing.length + outside.storedOrders,
        reservations: listed?.reservations ?? 0,
        otherReservations: listed?.otherReservations ?? 0,
      },
    };
  }

  private async compareKnown(
    known: KnownOrders | undefined,
    from: string,
    onProgress: (text: string) => void,
  ) {
    const missing: MissingOrder[] = [];
    const statuses: LostStatus[] = [];
    let storedOrders = 0;
    const entries = [...(known?.orders ?? [])].filter(([id]) => id >= from);
    for (let start = 0; start < entries.length; start += PAGE_SIZE) {
      const page = entries.slice(start, start + PAGE_SIZE);
      const ids = page.map(([id]) => id);
      const stored = await this.repository.findOrders(ids);
      const reached = await this.repository.findStatuses(ids);
      for (const [orderId, order] of page) {
        const status = stored.get(orderId)?.status;
        if (status === undefined) {
          const items = [...order.items].map(([productId, quantity]) => ({ productId, quantity }));
          missing.push({ orderId, statuses: [...order.statuses], items });
          continue;
        }
        storedOrders += 1;
        const reported = [...order.statuses].filter((one) => !reached.get(orderId)?.includes(one));
        if (reported.length > 0) statuses.push({ orderId, status, reported });
      }
      onProgress(`${start + page.length} of ${entries.length} known orders compared`);
    }
    return { missing, statuses, storedOrders };
  }

  /** @returns null if the inventory has no list of reservations */
  private async compareReservations(
    book: ReservationBook,
    from: string,
    onProgress: (text: string) => void,
  ): Promise<Compared | null> {
    // An order is stored before its stock is reserved, so an order that is read after the list is not missing. Orders
    // that change from now on may be read in another state than their reservations.
    const startedAt = databaseNow();
    const end = smallestIdAt(startedAt.toISOString());
    const compared: Compared = { findings: [], reservations: 0, otherReservations: 0, storedOrders: 0 };
    const held = new Set<string>();
    let listedTo = from;
    let comparedTo = from;
    for (let isMore = true; isMore;) {
      const page = await book.list(listedTo, PAGE_SIZE, Deadline.in(LIST_DEADLINE_MS));
      if (page === null) return null;
      isMore = page.length === PAGE_SIZE;
      listedTo = page.at(-1)?.id ?? listedTo;
      const ours = page.filter(({ id }) => isReservationId(id));
      const orderIds = [...new Set(ours.map(({ id }) => orderIdOf(id)))];
      const stored = await this.repository.findOrders(orderIds);
      for (const reservation of ours) {
        const finding = judge(reservation, stored.get(orderIdOf(reservation.id)), startedAt);
        if (finding) compared.findings.push(finding);
        held.add(reservation.id);
      }
      // The next page may have another generation of the last order, which therefore waits for that page.
      const upTo = isMore ? (orderIds.at(-2) ?? comparedTo) : end;
      compared.findings.push(
        ...(await this.findNotHeld(comparedTo, upTo < end ? upTo : end, startedAt, held)),
      );
      for (const id of held) if (orderIdOf(id) <= upTo) held.delete(id);
      comparedTo = upTo;
      compared.reservations += ours.length;
      compared.otherReservations += page.length - ours.length;
      compared.storedOrders += stored.size;
      onProgress(`${compared.reservations} reservations compared, ${compared.findings.length} findings`);
    }
    return compared;
  }

  private async findNotHeld(after: string, upTo: string, startedAt: Date, held: ReadonlySet<string>) {
    const findings: ReservationFinding[] = [];
    let last = after;
    for (let isMore = true; isMore;) {
      const orders = await this.repository.findLiveOrders(last, upTo, startedAt, PAGE_SIZE);
      for (const order of orders) {
        const reservationId = reservationIdOf(order);
        if (held.has(reservationId)) continue;
        const { id: orderId, status } = order;
        findings.push({ orderId, reservationId, verdict: 'not_held', status, items: null, release: null });
      }
      isMore = orders.length === PAGE_SIZE;
      last = orders.at(-1)?.id ?? last;
    }
    return findings;
  }

  /**
   * Chooses the reservations to release: those without an order and, with a file of known orders, only those in it,
   * because another order service may use the same inventory.
   */
  private propose(
    findings: ReservationFinding[],
    known: ReadonlySet<string> | undefined,
  ): ReservationFinding[] {
    const proposed = findings.filter(
      ({ orderId, verdict }) => verdict === 'no_order' && (!known || known.has(orderId)),
    );
    for (const finding of proposed) finding.release = { outcome: 'proposed' };
    return proposed;
  }
}

const WRONG_DATABASE =
  'None of the orders that were compared is in the database. If DATABASE_URL is right, begin with an earlier --since, so ' +
  'that orders from before the failover are among them';

/** A reservation of a missing order, at an inventory without a list: it may hold stock or not. */
function unlisted({ orderId }: MissingOrder): ReservationFinding {
  return {
    orderId,
    reservationId: orderId,
    verdict: 'no_order',
    status: null,
    items: null,
    release: null,
  };
}

function judge(
  { id: reservationId, items }: HeldReservation,
  order: StoredOrder | undefined,
  startedAt: Date,
): ReservationFinding | undefined {
  const finding = { orderId: orderIdOf(reservationId), reservationId, items, release: null };
  if (!order) return { ...finding, verdict: 'no_order', status: null };
  if (order.updatedAt >= startedAt) return undefined;
  const { status } = order;
  if (order.isReleased) return { ...finding, verdict: 'order_ended', status };
  return reservationIdOf(order) === reservationId
    ? undefined
    : { ...finding, verdict: 'other_generation', status };
}

async function release(
  book: ReservationBook,
  proposed: readonly ReservationFinding[],
  onProgress: (text: string) => void,
): Promise<void> {
  for (const [index, finding] of proposed.entries()) {
    const reason = await book.release(finding.reservationId, Deadline.in(RELEASE_DEADLINE_MS));
    finding.release = reason === undefined ? { outcome: 'released' } : { outcome: 'unknown', reason };
    onProgress(`${index + 1} of ${proposed.length} reservations released`);
  }
}
