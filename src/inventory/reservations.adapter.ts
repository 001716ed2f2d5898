import type { ReleaseLine, ReleaseOutcome, ReservationLine, ReserveOutcome } from '../orders/order.ports.js';
import type { Deadline } from '../platform/deadline.js';
import { reachPausePoint } from '../platform/pause-points.js';
import {
  BACKGROUND_TIMEOUT_MS,
  type UpstreamAnswer,
  type UpstreamClient,
} from '../platform/upstream/upstream-client.js';
import { fieldsOf, readId, readReason, reasonOfFault } from '../platform/upstream/upstream-fields.js';
import { isDone } from '../platform/upstream/upstream-retry.js';
import { findInventoryProduct } from './inventory-service.adapter.js';
import { LookingInventory } from './looking-inventory.js';

/** The products that a refusal names; empty when it names none. */
function readShortProducts(answer: UpstreamAnswer): Set<string> {
  const { shortages } = fieldsOf(answer.body);
  const ids = Array.isArray(shortages)
    ? shortages.map((shortage: unknown) => readId(fieldsOf(shortage)['product_id']))
    : [];
  return new Set(ids.filter((id) => id !== null));
}

/**
 * An inventory that reserves all lines of an order in one call, all or nothing, under the order's id. A repeated call
 * acts once, and a reservation that was given back can't be made again, so the outcome can always be learned.
 */
export class ReservationsAdapter extends LookingInventory {
  override readonly repeatable = true;

  /** @param rememberMs how long what was looked up is remembered; see `ProductLookup` */
  constructor(
    private readonly client: UpstreamClient,
    rememberMs = 0,
  ) {
    super((id, deadline) => findInventoryProduct(client, id, deadline), rememberMs);
  }

  override async reserve(
    orderId: string,
    lines: readonly ReservationLine[],
    deadline: Deadline,
  ): Promise<ReserveOutcome[]> {
    const quantities = new Map<string, number>();
    for (const { productId, quantity } of lines) {
      quantities.set(productId, (quantities.get(productId) ?? 0) + quantity);
    }
    const items = [...quantities].map(([product_id, quantity]) => ({ product_id, quantity }));
    try {
      await reachPausePoint('inventory.before-reserve', orderId);
      const answer = await this.client.request({
        method: 'POST',
        path: ['reservations'],
        body: { reservation_id: orderId, items },
        idempotencyKey: `${orderId}/reserve`,
        deadline,
        repeatable: true,
        mayBeEmpty: true,
      });
      await reachPausePoint('inventory.after-reserve', orderId);
      return this.outcomesOf(answer, lines);
    } catch (error) {
      const reason = reasonOfFault(error);
      return lines.map(({ line }) => ({ line, outcome: 'unknown', reason }));
    }
  }

  /** Gives back the whole reservation, whichever of its lines are named: it is held as a whole or not at all. */
  override async release(
    orderId: string,
    lines: readonly ReleaseLine[],
    deadline: Deadline,
  ): Promise<ReleaseOutcome[]> {
    if (lines.length === 0) return [];
    let reason: string;
    try {
      await reachPausePoint('inventory.before-release', orderId);
      const answer = await this.client.request({
        method: 'DELETE',
        path: ['reservations', orderId],
        idempotencyKey: `${orderId}/release`,
        deadline,
        timeoutMs: BACKGROUND_TIMEOUT_MS,
        repeatable: true,
        mayBeEmpty: true,
      });
      await reachPausePoint('inventory.after-release', orderId);
      if (isDone(answer.status)) return lines.map(({ line }) => ({ line, outcome: 'released' }));
      reason = `${this.client.name}: answered ${answer.status}`;
    } catch (error) {
      reason = reasonOfFault(error);
    }
    return lines.map(({ line }) => ({ line, outcome: 'unknown', reason }));
  }

  private outcomesOf(answer: UpstreamAnswer, lines: readonly ReservationLine[]): ReserveOutcome[] {
    if (isDone(answer.status)) return lines.map(({ line }) => ({ line, outcome: 'held' }));
    if (answer.status !== 409) {
      const reason = `${this.client.name}: answered ${answer.status}`;
      return lines.map(({ line }) => ({ line, outcome: 'unknown', reason }));
    }
    const reason = readReason(answer, 'The reservation was refused');
    const short = readShortProducts(answer);
    // A refusal that names none of the lines, as for a reservation that was given back, is about all of them.
    const all = !lines.some(({ productId }) => short.has(productId));
    return lines.map(({ line, productId }) =>
      all || short.has(productId) ? { line, outcome: 'refused', reason } : { line, outcome: 'untouched' },
    );
  }
}
