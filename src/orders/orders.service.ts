import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { runAll } from '../platform/database/connection.js';
import { inTransaction } from '../platform/database/transaction.js';
import { Tasks } from '../tasks/tasks.service.js';
import { reachPausePoint } from '../pause-points/pause-points.js';
import { cartClaim } from './claims/claims-of.js';
import { OrderClaimsRepository } from './claims/order-claims.repository.js';
import type { OrderEvent } from './order-event.entity.js';
import type { Order } from './order.entity.js';
import { KEEP_STOCK, NOBODY_NOTIFIED, notificationOf, releaseStockTask } from './order.tasks.js';
import { countStatusChange } from './order.metrics.js';
import { orderNotFound, transitionNotAllowed, versionConflict } from './order.problems.js';
import { MAX_TOTAL, type OrderList, OrderRepository } from './order.repository.js';
import {
  allowedTransitions,
  isLive,
  type OrderStatus,
  type StatusSetter,
  transition,
} from './order-status.js';
import type { Owner } from './ownership.js';
import type { OrderFilter } from './search/order-conditions.js';
import { databaseNow } from '../platform/database/database-clock.js';

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
    private readonly dataSource: DataSource,
    private readonly orders: OrderRepository,
    private readonly claims: OrderClaimsRepository,
    private readonly tasks: Tasks,
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
    for (let attempt = 1; ; attempt += 1) {
      const order = await this.get(change.owner, id);
      if (change.expectedVersions && !change.expectedVersions.includes(order.version)) {
        throw versionConflict(order.version);
      }
      const verdict = transition(order.status, change.to, change.by);
      if (verdict === 'unchanged') return { order, isChanged: false };
      if (verdict === 'refused')
        throw transitionNotAllowed(order.status, change.to, allowedTransitions(order.status, change.by));
      const changed = await this.write(order, change);
      if (changed) return { order: changed, isChanged: true };
      if (attempt === CHANGE_ATTEMPTS) throw versionConflict(order.version + 1);
    }
  }

  /** @returns the changed order, or undefined when a concurrent change was first */
  private async write(order: Order, { to, reason, actor }: StatusChange): Promise<Order | undefined> {
    const at = databaseNow();
    const notification = notificationOf(order);
    const data = notification ? undefined : NOBODY_NOTIFIED;
    const version = order.version + 1;
    await reachPausePoint('status.before-change', order.id);
    const isChanged = await inTransaction(this.dataSource, async (transaction) => {
      if (!(await this.orders.updateStatus(transaction, order, to, at))) return false;
      const event = { type: 'status_changed', actor, reason, data, at, notification } as const;
      await this.orders.insertEvent(transaction, order.id, version, event, order.status, to);
      if (!isLive(to) && order.cartId !== null) {
        await runAll(transaction, this.claims.free(order.id, [cartClaim(order.cartId)]));
      }
      if (!isLive(to)) {
        // In the lane of the release, which must not wait for it.
        await this.tasks.remove(transaction, order.id, KEEP_STOCK);
        await this.tasks.insert(transaction, [releaseStockTask(order.id, version)]);
      }
      await reachPausePoint('status.inside-change', order.id);
      return true;
    });
    await reachPausePoint('status.after-change', order.id);
    if (!isChanged) return undefined;
    if (notification) this.orders.announceCommit();
    countStatusChange(order.status, to);
    return { ...order, status: to, version, updatedAt: at };
  }
}

/** The form of an order's id. */
export const ORDER_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text has the form of an order's id; nothing else is looked for in the database. */
export function isOrderId(text: string): boolean {
  return ORDER_ID.test(text);
}

/** The smaller of two optional bounds. */
export function smallerId(left: string | undefined, right: string | undefined): string | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return left < right ? left : right;
}
