import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Settings } from '../../config/settings.js';
import { reachPausePoint } from '../../pause-points/pause-points.js';
import { databaseNow } from '../../platform/database/database-clock.js';
import { inTransaction } from '../../platform/database/transaction.js';
import type { Deadline } from '../../platform/deadline.js';
import { Problem, RETRY_AFTER } from '../../platform/http/problem.js';
import { requestDeadline } from '../../platform/telemetry/request-context.js';
import type { Order } from '../order.entity.js';
import { isOrderId } from '../order-id.js';
import { Inventory } from '../order.ports.js';
import { orderNotFound, versionConflict } from '../order.problems.js';
import { OrderRepository } from '../order.repository.js';
import type { Owner } from '../ownership.js';
import { endWithin, holdEnd, withMargin } from '../reservation/hold-end.js';
import { HoldsRepository } from '../reservation/holds.repository.js';
import { reservationIdOf } from '../reservation/reservation-id.js';
import { notReserved, stockNotKept } from './hold.problems.js';

/** Retries after concurrent changes; after more conflicts in a row the caller gets the error. */
const ATTEMPTS = 10;

/** Upper bound of the random wait before the next try: the same two don't meet again. */
const RETRY_WAIT_MS = 10;

/** The end of a hold, and how long the inventory keeps the units. */
type Ends = Pick<Order, 'expiresAt' | 'stockUntil'>;

/** Lets a hold end later. It never ends earlier than before: a repeated request changes little or nothing. */
@Injectable()
export class HoldExtension {
  constructor(
    private readonly dataSource: DataSource,
    private readonly orders: OrderRepository,
    private readonly holds: HoldsRepository,
    private readonly inventory: Inventory,
    private readonly settings: Settings,
  ) {}

  /**
   * @param holdSeconds from now
   * @throws {Problem} order-not-found, not-reserved, stock-not-kept, upstream-unavailable, version-conflict
   */
  async extend(id: string, holdSeconds: number, owner: Owner, actor: string): Promise<Order> {
    const deadline = requestDeadline(this.settings.REQUEST_DEADLINE_MS);
    for (let attempt = 1; ; attempt += 1) {
      const order = isOrderId(id) ? await this.orders.findOrderOf(owner, id) : undefined;
      if (!order) throw orderNotFound(id);
      if (order.status !== 'reserved' || order.expiresAt === null) throw notReserved(order.status);
      const ends = await this.endsOf(order, holdEnd(holdSeconds, databaseNow()), deadline);
      if (ends.expiresAt === null || ends.expiresAt <= order.expiresAt) return order;
      const extended = await this.write(order, ends, actor);
      if (extended) return extended;
      if (attempt === ATTEMPTS) throw versionConflict(order.version + 1);
      await sleep(Math.random() * RETRY_WAIT_MS * attempt);
    }
  }

  /** An inventory that keeps units for a time has to keep them for longer first. More than is needed does no harm. */
  private async endsOf(order: Order, wanted: Date, deadline: Deadline): Promise<Ends> {
    if (order.stockUntil === null) return { expiresAt: wanted, stockUntil: null };
    const kept = await this.inventory.keep(reservationIdOf(order), withMargin(wanted), deadline);
    if (kept.outcome === 'gone') throw stockNotKept();
    if (kept.outcome === 'unknown') throw unanswered();
    return { expiresAt: endWithin(kept.until, wanted), stockUntil: kept.until };
  }

  /** @returns undefined when a concurrent change was first */
  private async write(order: Order, ends: Ends, actor: string): Promise<Order | undefined> {
    const at = databaseNow();
    const extended = { ...order, ...ends, version: order.version + 1, updatedAt: at };
    const data = { expires_at: ends.expiresAt?.toISOString() };
    await reachPausePoint('status.before-change', order.id);
    const isExtended = await inTransaction(this.dataSource, async (transaction) => {
      if (!(await this.holds.extend(transaction, order, extended))) return false;
      const event = { type: 'hold_extended', actor, data, at } as const;
      await this.orders.insertEvent(transaction, order.id, extended.version, event, null, null);
      return true;
    });
    return isExtended ? extended : undefined;
  }
}

/** The hold stays as it was. */
function unanswered(): Problem {
  return Problem.http('upstream-unavailable', 'The inventory service does not answer', {}, RETRY_AFTER);
}
