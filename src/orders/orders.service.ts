import { Injectable } from '@nestjs/common';
import { Confirmations } from './holds/confirmations.js';
import type { OrderEvent } from './order-event.entity.js';
import type { Order } from './order.entity.js';
import { isOrderId } from './order-id.js';
import { orderNotFound, transitionNotAllowed, versionConflict } from './order.problems.js';
import { MAX_TOTAL, type OrderList, OrderRepository } from './order.repository.js';
import { allowedTransitions, type OrderStatus, type StatusSetter, transition } from './order-status.js';
import type { Owner } from './ownership.js';
import { StatusChanges } from './status/status-changes.js';
import type { OrderFilter } from './search/order-conditions.js';

/** A caller's wish to change the status of an order. */
export interface StatusChange {
  to: OrderStatus;
  reason?: string | undefined;
  /** Versions that the caller has seen; one of them must be the current one. Undefined skips the check. */
  expectedVersions?: number[] | undefined;
  /** The orders that the caller may change, its role, and its name in the history. */
  owner: Owner;
  by: StatusSetter;
  actor: string;
}

/** Retries after concurrent changes; after more conflicts in a row the caller gets the error. */
const CHANGE_ATTEMPTS = 3;

/** Reading orders and changing their status; placing them is in src/orders/place-order. */
@Injectable()
export class OrdersService {
  constructor(
    private readonly orders: OrderRepository,
    private readonly changes: StatusChanges,
    private readonly confirmations: Confirmations,
  ) {}

  /** @throws {Problem} order-not-found */
  async get(owner: Owner, id: string): Promise<Order> {
    const order = await this.find(owner, id);
    if (!order) throw orderNotFound(id);
    return order;
  }

  async find(owner: Owner, id: string): Promise<Order | undefined> {
    return isOrderId(id) ? this.orders.findOrderOf(owner, id) : undefined;
  }

  /** @param cursor the id of the last order of the page before */
  async list(owner: Owner, filter: OrderFilter, limit: number, cursor?: string): Promise<OrderList> {
    const beforeId = smallerId(filter.beforeId, cursor);
    const page = await this.orders.listOrdersOf(owner, { ...filter, beforeId }, limit);
    const isAll = cursor === undefined && page.nextCursor === null && page.searchedTo === undefined;
    if (isAll) return { ...page, total: page.orders.length, isExactTotal: true };
    // One more shows whether there are more.
    const { count, isExact } = await this.orders.countSomeOrdersOf(owner, filter, MAX_TOTAL + 1);
    return { ...page, total: Math.min(count, MAX_TOTAL), isExactTotal: isExact && count <= MAX_TOTAL };
  }

  /** @throws {Problem} order-not-found */
  async listEvents(owner: Owner, id: string): Promise<OrderEvent[]> {
    // Every order has at least the event of its placement.
    const events = isOrderId(id) ? await this.orders.listEventsOf(owner, id) : [];
    if (events.length === 0) throw orderNotFound(id);
    return events;
  }

  /**
   * Sets the status of an order. Setting the one that it has changes nothing and is no event.
   *
   * @returns the order as it is then
   * @throws {Problem} order-not-found, transition-not-allowed, version-conflict
   */
  async setStatus(id: string, change: StatusChange): Promise<{ order: Order; isChanged: boolean }> {
    const { to, reason, actor } = change;
    for (let attempt = 1; ; attempt += 1) {
      const order = await this.get(change.owner, id);
      if (change.expectedVersions && !change.expectedVersions.includes(order.version)) {
        throw versionConflict(order.version);
      }
      const verdict = transition(order.status, change.to, change.by);
      if (verdict === 'unchanged') return { order, isChanged: false };
      if (verdict === 'refused')
        throw transitionNotAllowed(order.status, change.to, allowedTransitions(order.status, change.by));
      if (isConfirmation(order, change)) return this.confirmations.confirm(id, undefined, change);
      const changed = await this.changes.write(order, { to, reason, actor, notifies: true });
      if (changed) return { order: changed, isChanged: true };
      if (attempt === CHANGE_ATTEMPTS) throw versionConflict(order.version + 1);
    }
  }
}

/** Whether a change confirms an order whose stock is, or was, held for a payment. */
function isConfirmation({ status }: Order, { to }: StatusChange): boolean {
  return to === 'confirmed' && (status === 'reserved' || status === 'expired');
}

/** The smaller of two optional bounds. */
export function smallerId(left: string | undefined, right: string | undefined): string | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return left < right ? left : right;
}
