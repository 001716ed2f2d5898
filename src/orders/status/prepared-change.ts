import { databaseNow } from '../../platform/database/database-clock.js';
import type { NewTask, TaskKind } from '../../tasks/task-kind.js';
import type { Lease } from '../../tasks/task.repository.js';
import type { Order } from '../order.entity.js';
import type { NewEvent } from '../order.repository.js';
import { isLive, type OrderStatus } from '../order-status.js';
import {
  checkOutCartTask,
  CONFIRM_EXPIRED,
  EXPIRE_HOLD,
  KEEP_STOCK,
  keepStockTask,
  NOBODY_NOTIFIED,
  notificationOf,
  releaseStockTask,
} from '../order.tasks.js';

/** A change of the status of an order, with what is stored along with it. */
export interface NewStatus {
  to: OrderStatus;
  actor: string;
  reason?: string | undefined;
  /** Data of its event. */
  data?: Record<string, unknown>;
  /** Whether the customer is notified. */
  notifies: boolean;
  /** Payments as they are then; absent where they stay. */
  payments?: Order['payments'];
  /** Of an expired order whose stock was reserved again: when the inventory gives it away by itself, or null. */
  reservedAgain?: Pick<Order, 'stockUntil'>;
  /** Of the task that makes the change; where it was lost nothing changes. */
  lease?: Lease;
}

/** Confirmations and expiries have pause points of their own: among all changes of a status a kill would rarely hit one. */
type Step = 'status' | 'expiry' | 'confirmation' | 'late-confirmation';

/** A change with everything that is written along with it. */
export interface PreparedChange {
  step: Step;
  before: Order;
  after: Order;
  event: NewEvent;
  /** The cart that another order may have from now on. */
  freedCart: string | null;
  /** The cart that the order must have for its checkout: another one may have it. */
  wantedCart: string | null;
  /** Kinds of tasks that end. */
  ends: readonly TaskKind[];
  /** Tasks that the new status makes necessary. */
  tasks: readonly NewTask[];
  /** Inserted where the order has the wanted cart, if there is one. */
  checkout: NewTask | undefined;
  reservedAgain: NewStatus['reservedAgain'];
  lease: Lease | undefined;
}

/** To be called in the context of the request or task: its event and its tasks pass the headers on. */
export function prepareChange(before: Order, change: NewStatus): PreparedChange {
  const { to, payments = before.payments, reservedAgain, lease } = change;
  const at = databaseNow();
  const next = { status: to, version: before.version + 1, updatedAt: at, payments };
  const after = { ...before, ...next, ...reservedAgain };
  const endsLife = isLive(before.status) && !isLive(to);
  const checkout = checkoutOf(after);
  return {
    step: stepOf(change),
    before,
    after,
    event: eventOf(before, change, at),
    freedCart: endsLife ? after.cartId : null,
    // That of an expired order was free, so it may have been ordered once more.
    wantedCart: checkout && before.status !== 'reserved' ? after.cartId : null,
    ends: endsOf(before, endsLife),
    tasks: [
      ...(endsLife ? [releaseStockTask(after.id, after.version)] : []),
      ...(to === 'confirmed' && after.stockUntil !== null ? [keepStockTask(after.id, after.version)] : []),
    ],
    checkout,
    reservedAgain,
    lease,
  };
}

function stepOf({ to, reservedAgain }: NewStatus): Step {
  if (to === 'expired') return 'expiry';
  if (to !== 'confirmed') return 'status';
  return reservedAgain ? 'late-confirmation' : 'confirmation';
}

function checkoutOf({ id, version, status, customerId, cartId }: Order): NewTask | undefined {
  if (status !== 'confirmed' || cartId === null || customerId === null) return undefined;
  return checkOutCartTask(id, version, customerId, cartId);
}

function endsOf({ status, stockUntil }: Order, endsLife: boolean): TaskKind[] {
  return [
    ...(status === 'reserved' ? [EXPIRE_HOLD] : []),
    ...(status === 'expired' ? [CONFIRM_EXPIRED] : []),
    // In the lane of the release, which must not wait behind it.
    ...(endsLife && stockUntil !== null ? [KEEP_STOCK] : []),
  ];
}

function eventOf(order: Order, { to, actor, reason, data, notifies }: NewStatus, at: Date): NewEvent {
  const notification = notifies ? notificationOf(order) : undefined;
  const isUnknown = notifies && !notification;
  return {
    orderId: order.id,
    version: order.version + 1,
    from: order.status,
    to,
    type: 'status_changed',
    actor,
    reason,
    data: isUnknown ? { ...data, ...NOBODY_NOTIFIED } : data,
    at,
    notification,
  };
}
