import type {
  Product,
  ReleaseLine,
  ReleaseOutcome,
  ReservationLine,
  ReserveOutcome,
} from '../orders/order.ports.js';
import { orderIdOf } from '../orders/reservation/reservation-id.js';
import type { Deadline } from '../platform/deadline.js';
import { reachPausePoint } from '../pause-points/pause-points.js';
import type { UpstreamAnswer, UpstreamClient } from '../platform/upstream/upstream-client.js';
import { fieldsOf, readReason, reasonOfFault } from '../platform/upstream/upstream-fields.js';
import { UpstreamFault } from '../platform/upstream/upstream-fault.js';
import { mapBounded } from '../platform/upstream/upstream-parallel.js';
import { isDone, unexpectedStatus } from '../platform/upstream/upstream-retry.js';
import { CALLS_AT_ONCE, NO_SUCH_PRODUCT, readProduct, requireAskedFor } from './inventory-answers.js';
import { CachedInventory } from './cached-inventory.js';

/** Too few units, and no such product: the two refusals that the inventory of system A knows. */
const REFUSALS = new Set([400, 404]);

/**
 * Statuses with which other inventories refuse. They are certain for a call that was sent once. With idempotency an
 * earlier call may have taken effect, so there they leave the outcome unknown.
 */
const OTHER_REFUSALS = new Set([409, 410, 422]);

/**
 * Looks one product up at an inventory with the calls of system A: `GET /inventory/{id}` answers
 * `{product_id, name, quantity, price}`, or 404.
 *
 * @throws {UpstreamFault} when there is no usable answer
 */
export async function findInventoryProduct(
  client: UpstreamClient,
  productId: string,
  deadline: Deadline,
): Promise<Product | null> {
  const answer = await client.request({
    method: 'GET',
    path: ['inventory', productId],
    deadline,
    idempotent: true,
  });
  if (NO_SUCH_PRODUCT.has(answer.status)) return null;
  if (answer.status !== 200) throw unexpectedStatus(client.name, answer.status);
  const fields = fieldsOf(answer.body);
  return requireAskedFor(client.name, productId, readProduct(client.name, fields['product_id'], fields));
}

/** The Inventory Service (system A), which reserves or releases one product a call. */
export class InventoryServiceAdapter extends CachedInventory {
  /** @param rememberMs lifetime of cached products; see `ProductLookup` */
  constructor(
    private readonly client: UpstreamClient,
    /** Whether the service honours `Idempotency-Key`, which makes calls idempotent. */
    override readonly idempotent: boolean,
    rememberMs = 0,
  ) {
    super((id, deadline) => findInventoryProduct(client, id, deadline), rememberMs);
  }

  override reserve(
    reservationId: string,
    lines: readonly ReservationLine[],
    deadline: Deadline,
  ): Promise<ReserveOutcome[]> {
    if (!this.idempotent) return this.reserveOneByOne(reservationId, lines, deadline);
    // Every line is sent even after a refusal: an earlier call for the same order may have reserved it, so that
    // leaving it out would not make it certainly not attempted.
    return mapBounded(lines, CALLS_AT_ONCE, (line) => this.reserveLine(reservationId, line, deadline));
  }

  override release(
    reservationId: string,
    lines: readonly ReleaseLine[],
    deadline: Deadline,
  ): Promise<ReleaseOutcome[]> {
    return mapBounded(lines, CALLS_AT_ONCE, (line) => this.releaseLine(reservationId, line, deadline));
  }

  /** Calls are never retried, so none is sent once the order can no longer complete. */
  private async reserveOneByOne(
    reservationId: string,
    lines: readonly ReservationLine[],
    deadline: Deadline,
  ): Promise<ReserveOutcome[]> {
    const outcomes: ReserveOutcome[] = [];
    let goOn = true;
    for (const line of lines) {
      const outcome: ReserveOutcome = goOn
        ? await this.reserveLine(reservationId, line, deadline)
        : { line: line.line, outcome: 'notAttempted' };
      goOn = outcome.outcome === 'held';
      outcomes.push(outcome);
    }
    return outcomes;
  }

  private async reserveLine(
    reservationId: string,
    { line, productId, quantity }: ReservationLine,
    deadline: Deadline,
  ): Promise<ReserveOutcome> {
    let answer: UpstreamAnswer;
    try {
      await reachPausePoint('inventory.before-reserve', orderIdOf(reservationId));
      answer = await this.put(productId, 'reserve', quantity, `${reservationId}/${line}/reserve`, deadline);
      await reachPausePoint('inventory.after-reserve', orderIdOf(reservationId));
    } catch (error) {
      return this.unanswered(line, error);
    }
    if (this.isRefusal(answer.status)) {
      return {
        line,
        outcome: 'refused',
        reason: readReason(answer, `Product ${productId} can't be reserved`),
      };
    }
    // Other statuses, such as 202 or 401, say nothing about stock.
    if (!isDone(answer.status)) {
      return this.unanswered(line, unexpectedStatus(this.client.name, answer.status));
    }
    // 204 reports success and has no body that could confirm the quantity.
    if (answer.status === 204) return { line, outcome: 'held' };
    const reserved = fieldsOf(answer.body)['reserved_quantity'];
    if (reserved !== quantity) {
      const reason = `${this.client.name}: did not confirm the quantity that was to be reserved`;
      return { line, outcome: 'unknown', reason };
    }
    return { line, outcome: 'held' };
  }

  /** The outcome of a line about which the inventory gave no usable answer. */
  private unanswered(line: number, error: unknown): ReserveOutcome {
    const reason = reasonOfFault(error);
    // Where a call is made once, nothing came before it either. Elsewhere an earlier attempt may have been carried out.
    const isUntouched = !this.idempotent && error instanceof UpstreamFault && error.hadNoEffect;
    return { line, outcome: isUntouched ? 'notAttempted' : 'unknown', reason };
  }

  private async releaseLine(
    reservationId: string,
    line: ReleaseLine,
    deadline: Deadline,
  ): Promise<ReleaseOutcome> {
    if (!line.certainlyHeld) {
      if (!this.idempotent) {
        const reason = `${this.client.name}: can't be asked whether the units were reserved`;
        return { line: line.line, outcome: 'unknown', reason };
      }
      // A retry with the same key returns the outcome of the first call, or makes the call if it never arrived.
      const reserved = await this.reserveLine(reservationId, line, deadline);
      if (reserved.outcome === 'refused') return { line: line.line, outcome: 'released' };
      if (reserved.outcome === 'unknown') return reserved;
    }
    return this.replenish(reservationId, line, deadline);
  }

  private async replenish(
    reservationId: string,
    { line, productId, quantity }: ReleaseLine,
    deadline: Deadline,
  ): Promise<ReleaseOutcome> {
    try {
      await reachPausePoint('inventory.before-release', orderIdOf(reservationId));
      const answer = await this.put(
        productId,
        'replenish',
        quantity,
        `${reservationId}/${line}/release`,
        deadline,
      );
      await reachPausePoint('inventory.after-release', orderIdOf(reservationId));
      if (isDone(answer.status)) return { line, outcome: 'released' };
      return { line, outcome: 'unknown', reason: this.unexpected(answer) };
    } catch (error) {
      return { line, outcome: 'unknown', reason: reasonOfFault(error) };
    }
  }

  private put(
    productId: string,
    action: 'reserve' | 'replenish',
    quantity: number,
    idempotencyKey: string,
    deadline: Deadline,
  ): Promise<UpstreamAnswer> {
    return this.client.request({
      method: 'PUT',
      path: ['inventory', productId, action],
      body: { quantity },
      idempotencyKey,
      deadline,
      idempotent: this.idempotent,
      ownConnection: !this.idempotent,
      mayBeEmpty: action === 'replenish',
    });
  }

  private isRefusal(status: number): boolean {
    return REFUSALS.has(status) || (OTHER_REFUSALS.has(status) && !this.idempotent);
  }

  private unexpected(answer: UpstreamAnswer): string {
    return `${this.client.name}: answered ${answer.status}`;
  }
}
