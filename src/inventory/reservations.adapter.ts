import { randomUUID } from 'node:crypto';
import type {
  HeldReservation,
  KeepOutcome,
  ReleaseLine,
  ReleaseOutcome,
  ReservationBook,
  ReservationLine,
  ReserveOutcome,
} from '../orders/order.ports.js';
import { orderIdOf } from '../orders/reservation/reservation-id.js';
import { databaseNow } from '../platform/database/database-clock.js';
import type { Deadline } from '../platform/deadline.js';
import { reachPausePoint } from '../pause-points/pause-points.js';
import type { UpstreamAnswer, UpstreamClient } from '../platform/upstream/upstream-client.js';
import { fieldsOf, readId, readReason, reasonOfFault } from '../platform/upstream/upstream-fields.js';
import { UpstreamFault } from '../platform/upstream/upstream-fault.js';
import { isDone, unexpectedStatus } from '../platform/upstream/upstream-retry.js';
import { findInventoryProduct } from './inventory-service.adapter.js';
import { CachedInventory } from './cached-inventory.js';

/** The products that a refusal names; empty when it names none. */
function readShortProducts(answer: UpstreamAnswer): Set<string> {
  const { shortages } = fieldsOf(answer.body);
  const ids = Array.isArray(shortages)
    ? shortages.map((shortage: unknown) => readId(fieldsOf(shortage)['product_id']))
    : [];
  return new Set(ids.filter((id) => id !== null));
}

/** A page of a list: a thousand reservations of a few dozen lines. */
const MAX_LIST_BYTES = 8 * 1024 * 1024;

/** A list takes longer than a call for one order, for which UPSTREAM_TIMEOUT_MS is made. */
const LIST_TIMEOUT_MS = 20_000;

/** Answers of an inventory without a list: no such path, or only POST there. 501 is a fault and is reported as one. */
const NO_LIST = new Set([404, 405]);

/** @throws {UpstreamFault} unless it is a list of reservations with ids that ascend from `after` */
function readHeld(service: string, body: unknown, after: string): HeldReservation[] {
  const { reservations } = fieldsOf(body);
  const invalid = (what: string) => new UpstreamFault(service, 'invalid', `answered with ${what}`);
  if (!Array.isArray(reservations)) throw invalid('something else than a list of reservations');
  let last = after;
  return reservations.map((entry: unknown) => {
    const fields = fieldsOf(entry);
    const id = readId(fields['reservation_id']);
    if (id === null || !Array.isArray(fields['items'])) throw invalid('a reservation without an id or items');
    if (id <= last) throw invalid('reservations that are not in ascending order of their ids');
    last = id;
    return { id, items: fields['items'].map((item: unknown) => readItem(item, invalid)) };
  });
}

function readItem(item: unknown, invalid: (what: string) => UpstreamFault): HeldReservation['items'][number] {
  const { product_id: id, quantity } = fieldsOf(item);
  const productId = readId(id);
  if (productId === null || typeof quantity !== 'number' || !Number.isSafeInteger(quantity)) {
    throw invalid('an item without a product or a quantity');
  }
  return { productId, quantity };
}

/**
 * Refusals of an inventory that does not hold a reservation any more. One without JSON, as of a proxy, is a fault instead, and
 * so leaves the outcome unknown.
 */
const GONE = new Set([404, 409, 410]);

/** ISO 8601 with a zone, as in `2026-11-28T00:10:00.000Z`. */
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;

/**
 * Reads `expires_at` of a reservation that is held.
 *
 * @returns null where the inventory keeps the units until they are released
 * @throws {UpstreamFault} unless it is null or a time to come
 */
function readEnd(service: string, value: unknown): Date | null {
  if (value === null) return null;
  const end = typeof value === 'string' && TIME.test(value) ? new Date(value) : undefined;
  if (!end || Number.isNaN(end.getTime())) {
    throw new UpstreamFault(service, 'invalid', 'answered with an expires_at that is not a time');
  }
  if (end <= databaseNow()) {
    throw new UpstreamFault(service, 'invalid', 'answered with an expires_at in the past');
  }
  return end;
}

/**
 * An inventory that reserves all lines of an order in one atomic call under the order's id. The call is idempotent,
 * and a released reservation can't be made again, so the outcome can always be learned.
 */
export class ReservationsAdapter extends CachedInventory {
  override readonly idempotent = true;

  override readonly reservations: ReservationBook = {
    list: (after, limit, deadline) => this.list(after, limit, deadline),
    release: (id, deadline) => this.cancel(id, deadline),
  };

  /** @param rememberMs lifetime of cached products; see `ProductLookup` */
  constructor(
    private readonly client: UpstreamClient,
    rememberMs = 0,
  ) {
    super((id, deadline) => findInventoryProduct(client, id, deadline), rememberMs);
  }

  override async reserve(
    reservationId: string,
    lines: readonly ReservationLine[],
    deadline: Deadline,
    until?: Date,
  ): Promise<ReserveOutcome[]> {
    const quantities = new Map<string, number>();
    for (const { productId, quantity } of lines) {
      quantities.set(productId, (quantities.get(productId) ?? 0) + quantity);
    }
    const items = [...quantities].map(([product_id, quantity]) => ({ product_id, quantity }));
    try {
      await reachPausePoint('inventory.before-reserve', orderIdOf(reservationId));
      const answer = await this.client.request({
        method: 'POST',
        path: ['reservations'],
        body: { reservation_id: reservationId, items, ...(until && { expires_at: until.toISOString() }) },
        idempotencyKey: `${reservationId}/reserve`,
        deadline,
        idempotent: true,
        mayBeEmpty: true,
      });
      await reachPausePoint('inventory.after-reserve', orderIdOf(reservationId));
      return this.outcomesOf(answer, lines);
    } catch (error) {
      const reason = reasonOfFault(error);
      return lines.map(({ line }) => ({ line, outcome: 'unknown', reason }));
    }
  }

  /**
   * `PATCH` never shortens a reservation, so calls that arrive late or twice do no harm. Its key is new for each call: a refusal
   * that the inventory stored under it must not be the answer after people have corrected the stock.
   */
  override async keep(reservationId: string, until: Date | null, deadline: Deadline): Promise<KeepOutcome> {
    try {
      const answer = await this.client.request({
        method: 'PATCH',
        path: ['reservations', reservationId],
        body: { expires_at: until?.toISOString() ?? null },
        idempotencyKey: `${reservationId}/keep/${randomUUID()}`,
        deadline,
        idempotent: true,
      });
      if (answer.status === 200) {
        return { outcome: 'kept', until: readEnd(this.client.name, fieldsOf(answer.body)['expires_at']) };
      }
      if (!GONE.has(answer.status)) throw unexpectedStatus(this.client.name, answer.status);
      const reason = `${this.client.name}: ${readReason(answer, `answered ${answer.status}`)}`;
      return { outcome: 'gone', reason };
    } catch (error) {
      return { outcome: 'unknown', reason: reasonOfFault(error) };
    }
  }

  /** Releases the whole reservation, whichever of its lines are named: it is held as a whole or not at all. */
  override async release(
    reservationId: string,
    lines: readonly ReleaseLine[],
    deadline: Deadline,
  ): Promise<ReleaseOutcome[]> {
    if (lines.length === 0) return [];
    const reason = await this.cancel(reservationId, deadline);
    if (reason === undefined) return lines.map(({ line }) => ({ line, outcome: 'released' }));
    return lines.map(({ line }) => ({ line, outcome: 'unknown', reason }));
  }

  /** @returns why it is unknown whether it was done; undefined after success */
  private async cancel(reservationId: string, deadline: Deadline): Promise<string | undefined> {
    try {
      await reachPausePoint('inventory.before-release', orderIdOf(reservationId));
      const answer = await this.client.request({
        method: 'DELETE',
        path: ['reservations', reservationId],
        idempotencyKey: `${reservationId}/release`,
        deadline,
        idempotent: true,
        mayBeEmpty: true,
      });
      await reachPausePoint('inventory.after-release', orderIdOf(reservationId));
      return isDone(answer.status) ? undefined : `${this.client.name}: answered ${answer.status}`;
    } catch (error) {
      return reasonOfFault(error);
    }
  }

  private async list(after: string, limit: number, deadline: Deadline): Promise<HeldReservation[] | null> {
    const answer = await this.client.request({
      method: 'GET',
      path: ['reservations'],
      query: { after, limit: String(limit) },
      deadline,
      timeoutMs: LIST_TIMEOUT_MS,
      idempotent: true,
      maxBytes: MAX_LIST_BYTES,
    });
    if (NO_LIST.has(answer.status)) return null;
    if (answer.status !== 200) throw unexpectedStatus(this.client.name, answer.status);
    return readHeld(this.client.name, answer.body, after);
  }

  private outcomesOf(answer: UpstreamAnswer, lines: readonly ReservationLine[]): ReserveOutcome[] {
    if (isDone(answer.status)) {
      const until = readEnd(this.client.name, fieldsOf(answer.body)['expires_at'] ?? null);
      return lines.map(({ line }) => ({ line, outcome: 'held', ...(until && { until }) }));
    }
    if (answer.status !== 409) {
      const reason = `${this.client.name}: answered ${answer.status}`;
      return lines.map(({ line }) => ({ line, outcome: 'unknown', reason }));
    }
    const reason = readReason(answer, 'The reservation was refused');
    const short = readShortProducts(answer);
    // A refusal that names no line, as for a released reservation, applies to all of them.
    const all = !lines.some(({ productId }) => short.has(productId));
    return lines.map(({ line, productId }) =>
      all || short.has(productId) ? { line, outcome: 'refused', reason } : { line, outcome: 'notAttempted' },
    );
  }
}
