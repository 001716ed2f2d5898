import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Settings } from '../../config/settings.js';
import { IdempotencyRepository } from '../../idempotency/idempotency.repository.js';
import { GroupCommit } from '../../platform/database/batching/group-commit.js';
import { MultiRowStatement } from '../../platform/database/batching/multi-row-statement.js';
import type { Sql } from '../../platform/database/connection.js';
import type { Statement } from '../../platform/database/statement-message.js';
import type { Problem } from '../../platform/http/problem.js';
import { inTransaction, type Write } from '../../platform/database/transaction.js';
import { reachPausePoint } from '../../pause-points/pause-points.js';
import type { NewTask } from '../../tasks/task-kind.js';
import type { LeasableTask } from '../../tasks/task-inserts.js';
import type { Lease } from '../../tasks/task.repository.js';
import { Tasks } from '../../tasks/tasks.service.js';
import { cartClaim, claimsOf, numberClaim } from '../claims/claims-of.js';
import { type Claim, type ClaimConflict, OrderClaimsRepository } from '../claims/order-claims.repository.js';
import type { OrderClaim } from '../claims/order-claim.entity.js';
import type { Order } from '../order.entity.js';
import { type NewEvent, OrderRepository } from '../order.repository.js';
import { cartAlreadyOrdered, numberAlreadyUsed } from '../order.problems.js';
import { isLive, type OrderStatus } from '../order-status.js';
import { checkOutCartTask } from '../order.tasks.js';
import { type Completion, COMPLETIONS, failureOf } from './completion.js';
import { insertItems, insertOrders, newClaimsOf, type NewPlacement } from './new-placement.js';
import type { PricedOrder } from './pricing.js';

/** The end of a placement, and everything that is stored along with it. */
interface CompletedPlacement {
  /** As it was read; it must not have changed since. */
  order: Order;
  /** Of its placement, which must not be lost. */
  lease: Lease;
  completion: Completion;
  event: NewEvent;
  tasks: readonly NewTask[];
}

/** A completion with the leases of its tasks. */
interface PreparedCompletion extends CompletedPlacement {
  tasks: readonly LeasableTask[];
}

/**
 * A number of the sequence may have been given by a client. Each further attempt leaves out twice as many numbers, so
 * that a million that were imported take twenty attempts.
 */
const NUMBER_ATTEMPTS = 20;

/** The cart of an order is checked out when the order is confirmed. */
const NOT_CHECKED_OUT: ReadonlySet<OrderStatus> = new Set(['pending', 'reserved']);

/** Why an order was not stored: its key belongs to another request, or another order has what it claims. */
export type Conflict = 'key_taken' | ClaimConflict;

/** Divides by zero where an order is not as it was read, so that nothing of the transaction happens. */
const COMPLETE_ORDERS = new MultiRowStatement(
  '(?::uuid, ?::integer, ?::text, ?::text, ?::timestamptz, ?::timestamptz, ?::timestamptz)',
  (rows) =>
    `UPDATE orders o SET status = s.status, failure = s.failure, updated_at = s.completed_at,
       expires_at = s.expires_at, stock_until = s.stock_until,
       version = o.version + 1 / (o.version = s.version AND o.status = 'pending')::integer
     FROM (VALUES ${rows}) AS s (id, version, status, failure, completed_at, expires_at, stock_until)
     WHERE o.id = s.id`,
);

/**
 * The transactions of a placement, with every statement that they make of an order and its lines. Concurrent placements share
 * a commit, unless group commit is off. The promises hold for each, because its promise resolves only after the commit.
 */
@Injectable()
export class PlaceOrderRepository {
  private readonly inserts: GroupCommit<NewPlacement, Conflict>;
  private readonly completions: GroupCommit<PreparedCompletion, 'changed'>;

  constructor(
    private readonly dataSource: DataSource,
    private readonly orders: OrderRepository,
    private readonly keys: IdempotencyRepository,
    private readonly claims: OrderClaimsRepository,
    private readonly tasks: Tasks,
    private readonly settings: Settings,
  ) {
    const size = settings.PLACEMENT_BATCH_SIZE;
    this.inserts = new GroupCommit(dataSource, size, async (placements) => this.insertWrites(placements));
    this.completions = new GroupCommit(dataSource, size, async (items) => this.completionWrites(items));
  }

  /**
   * Transaction 1: stores the order with its event and its task, and what it claims: its key, reference, cart and number.
   * The order gets a number from the database if it has none.
   */
  async insertPending(placement: NewPlacement): Promise<'written' | Conflict> {
    for (let attempt = 1; ; attempt += 1) {
      const verdict = await this.inserts.add(placement);
      const isUnlucky = verdict === 'number_taken' && placement.order.number === null;
      if (!isUnlucky || attempt === NUMBER_ATTEMPTS) return verdict;
      await this.claims.skipNumbers(2 ** attempt);
    }
  }

  /** The order that has what is claimed; undefined where none has. */
  async findHolder(claim: Claim): Promise<Pick<OrderClaim, 'orderId' | 'requestHash'> | undefined> {
    return this.claims.find(claim);
  }

  /**
   * Why an order was not stored, as its client gets it. A cart that its service still reports as active is checked out
   * once more.
   */
  async problemOf(conflict: 'cart_taken' | 'number_taken', { cartId, number }: Order): Promise<Problem> {
    if (conflict === 'number_taken') {
      if (number === null) throw new Error('clients have taken too many of the next numbers of the sequence');
      return numberAlreadyUsed(number, (await this.claims.find(numberClaim(number)))?.orderId);
    }
    const holder = cartId === null ? undefined : await this.claims.find(cartClaim(cartId));
    if (holder) await this.repeatCartCheckout(holder.orderId);
    return cartAlreadyOrdered(holder?.orderId);
  }

  /**
   * Transaction 2: completes the placement, with its event and tasks.
   *
   * @returns `changed` if the order has changed since it was read, or its lease was lost
   */
  async complete(placement: CompletedPlacement): Promise<'written' | 'changed'> {
    // Tasks of an order begin with the end of its placement: their lanes are empty.
    const prepared = this.tasks.prepareFirst(placement.tasks);
    let verdict: 'written' | 'changed' | undefined;
    try {
      verdict = await this.completions.add({ ...placement, tasks: prepared.tasks });
      return verdict;
    } finally {
      if (verdict === 'written') {
        prepared.start();
        this.orders.announceCommit();
      } else prepared.abandon();
    }
  }

  /**
   * Prices an order that was stored without prices.
   *
   * @returns false when the lease was lost to another process
   */
  async savePrices(lease: Lease, { totalAmount, lines }: PricedOrder): Promise<boolean> {
    const { orderId } = lease;
    return inTransaction(this.dataSource, async (transaction) => {
      if (!(await this.tasks.lock(transaction, lease))) return false;
      if (!(await this.setTotal(transaction, orderId, totalAmount))) return false;
      await this.setPrices(transaction, orderId, lines);
      await reachPausePoint('placement.inside-price', orderId);
      return true;
    });
  }

  /**
   * Repeats the checkout of an order's cart that the cart service still reports as active. Pending and reserved orders are
   * skipped, because their confirmation checks out the cart. Orders that are not live are skipped too: their customer
   * may order the cart again.
   */
  async repeatCartCheckout(orderId: string): Promise<void> {
    const order = await this.orders.findOrder(orderId);
    if (!order || NOT_CHECKED_OUT.has(order.status) || !isLive(order.status)) return;
    if (order.cartId === null || order.customerId === null) return;
    await this.tasks.insertUnlessOpen(
      checkOutCartTask(order.id, order.version, order.customerId, order.cartId),
    );
  }

  private insertWrites(placements: readonly NewPlacement[]): Write<Conflict>[] {
    const orders = placements.map(({ order }) => order);
    const keyClaims = placements.flatMap(({ order, claim }) =>
      claim ? [{ ...claim, orderId: order.id }] : [],
    );
    const unnumbered = orders.filter(({ number }) => number === null).map(({ id }) => id);
    return [
      ...this.keys.claimForOrders(keyClaims),
      ...this.claims.inserts(placements.flatMap(newClaimsOf)),
      ...insertOrders(orders, this.settings.ORDER_NUMBER_PREFIX ?? ''),
      ...this.claims.numberInserts(unnumbered),
      ...insertItems(orders),
      ...this.tasks.insertFirst(placements.map(({ task }) => task)),
      ...this.orders.eventInserts(placements.map(({ event }) => event)),
    ];
  }

  private completionWrites(placements: readonly PreparedCompletion[]): Write<'changed'>[] {
    const endTasks = this.tasks.complete(placements.map(({ lease }) => lease));
    return [
      ...endTasks.map((statement) => ({ ...statement, refusal: 'changed' as const })),
      ...completeOrders(placements),
      ...placements.flatMap((placement) => this.releaseWrites(placement)),
      ...this.orders.eventInserts(placements.map(({ event }) => event)),
      ...this.tasks.insertFirst(placements.flatMap(({ tasks }) => tasks)),
    ];
  }

  /** Lines are stored as held from the start, so that an order that is confirmed needs nothing of this. */
  private releaseWrites({ order, completion: { released, inDoubt, to } }: CompletedPlacement): Statement[] {
    const { orders } = this;
    const { id } = order;
    return [
      ...(released.length > 0 ? [orders.reservationUpdate(id, released, ['held'], 'released')] : []),
      ...(inDoubt.length > 0 ? [orders.reservationUpdate(id, inDoubt, ['held'], 'in_doubt')] : []),
      ...(COMPLETIONS[to].givesBack ? this.claims.free(id, claimsOf(order)) : []),
    ];
  }

  /** @returns false when the order is already priced, or no longer pending */
  private async setTotal(sql: Sql, orderId: string, total: string | null): Promise<boolean> {
    const [, affected] = await sql.query<[unknown, number]>(
      `UPDATE orders SET total_amount = $2, to_price = NULL
       WHERE id = $1 AND status = 'pending' AND to_price IS NOT NULL`,
      [orderId, total],
    );
    return affected === 1;
  }

  /** Sets names and prices of all lines, which are given in the order of their numbers. */
  private async setPrices(sql: Sql, orderId: string, lines: PricedOrder['lines']): Promise<void> {
    await sql.query(
      `UPDATE order_items i SET product_name = l.name, price = l.price
       FROM unnest($2::text[], $3::numeric[]) WITH ORDINALITY AS l (name, price, line)
       WHERE i.order_id = $1 AND i.id = l.line`,
      [orderId, lines.map((line) => line.productName), lines.map((line) => line.price)],
    );
  }
}

function completeOrders(placements: readonly CompletedPlacement[]): Write<'changed'>[] {
  const rows = placements.map(({ order, completion, event }) => [
    order.id,
    order.version,
    completion.to,
    failureOf(completion),
    event.at,
    completion.hold?.expiresAt ?? null,
    completion.stockUntil ?? null,
  ]);
  return COMPLETE_ORDERS.of(rows).map((statement) => ({ ...statement, refusal: 'changed' }));
}
