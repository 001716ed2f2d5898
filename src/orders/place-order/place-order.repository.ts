import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Settings } from '../../config/settings.js';
import { IdempotencyRepository, type KeyClaim } from '../../idempotency/idempotency.repository.js';
import { GroupCommit } from '../../platform/database/batching/group-commit.js';
import { MultiRowStatement } from '../../platform/database/batching/multi-row-statement.js';
import { databaseNow } from '../../platform/database/database-clock.js';
import type { Sql } from '../../platform/database/connection.js';
import type { Statement } from '../../platform/database/statement-message.js';
import { inTransaction, type Write } from '../../platform/database/transaction.js';
import { reachPausePoint } from '../../pause-points/pause-points.js';
import type { NewTask } from '../../tasks/task-kind.js';
import type { LeasableTask } from '../../tasks/task-inserts.js';
import type { Lease } from '../../tasks/task.repository.js';
import { Tasks } from '../../tasks/tasks.service.js';
import { storedEmailKey } from '../addresses/email-address.js';
import type { Order } from '../order.entity.js';
import { type NewEvent, OrderRepository } from '../order.repository.js';
import { isLive } from '../order-status.js';
import { checkOutCartTask } from '../order.tasks.js';
import { type Completion, COMPLETIONS, failureOf } from './completion.js';
import type { PricedOrder } from './pricing.js';

/** A new order, and everything that is stored along with it. */
interface NewPlacement {
  order: Order;
  /** Completes the placement; this process holds its lease. */
  task: LeasableTask;
  claim: KeyClaim | undefined;
  event: NewEvent;
}

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

/** Why an order was not stored: its key belongs to another request, or its cart to another order. */
type Conflict = 'key_taken' | 'cart_taken';

/** Divides by zero when another order has the cart. */
const CLAIM_CARTS = new MultiRowStatement(
  '(?, ?, ?)',
  (rows) =>
    `INSERT INTO cart_claims (cart_id, order_id, claimed_at) VALUES ${rows}
     ON CONFLICT (cart_id) DO UPDATE SET order_id = excluded.order_id
     WHERE 1 / (cart_claims.order_id = excluded.order_id)::integer = 1`,
);

const INSERT_ORDERS = new MultiRowStatement(
  '(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  (rows) =>
    `INSERT INTO orders (id, customer_id, customer_name, customer_email, customer_email_key, status, currency,
       total_amount, version, cart_id, placed_at, updated_at, to_price) VALUES ${rows}`,
);

const INSERT_ITEMS = new MultiRowStatement(
  '(?, ?, ?, ?, ?, ?, ?)',
  (rows) =>
    `INSERT INTO order_items (order_id, id, product_id, product_name, quantity, price, reservation) VALUES ${rows}`,
);

/** Divides by zero where an order is not as it was read, so that nothing of the transaction happens. */
const COMPLETE_ORDERS = new MultiRowStatement(
  '(?::uuid, ?::integer, ?::text, ?::text, ?::timestamptz)',
  (rows) =>
    `UPDATE orders o SET status = s.status, failure = s.failure, updated_at = s.completed_at,
       version = o.version + 1 / (o.version = s.version AND o.status = 'pending')::integer
     FROM (VALUES ${rows}) AS s (id, version, status, failure, completed_at) WHERE o.id = s.id`,
);

/**
 * The transactions of a placement, with every statement on orders, their lines and their carts. Concurrent placements share
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
    private readonly tasks: Tasks,
    settings: Settings,
  ) {
    const size = settings.PLACEMENT_BATCH_SIZE;
    this.inserts = new GroupCommit(dataSource, size, async (placements) => this.insertWrites(placements));
    this.completions = new GroupCommit(dataSource, size, async (items) => this.completionWrites(items));
  }

  /** Transaction 1: stores the order with its event and its task, and the claims on its key and its cart. */
  async insertPending(placement: NewPlacement): Promise<'written' | Conflict> {
    return this.inserts.add(placement);
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

  /** The live order of a cart. */
  async findCartOrder(cartId: string | null): Promise<string | undefined> {
    const rows = await this.dataSource.query<{ orderId: string }[]>(
      `SELECT order_id AS "orderId" FROM cart_claims WHERE cart_id = $1`,
      [cartId],
    );
    return rows[0]?.orderId;
  }

  /** Releases a cart for another order, because its order is not live. */
  freeCart(cartId: string, orderId: string): Statement {
    return {
      text: `DELETE FROM cart_claims WHERE cart_id = $1 AND order_id = $2`,
      values: [cartId, orderId],
    };
  }

  /**
   * Repeats the checkout of an order's cart that the cart service still reports as active. Pending orders are
   * skipped, because their completion checks out the cart. Orders that are not live are skipped too: their customer
   * may order the cart again.
   */
  async repeatCartCheckout(orderId: string): Promise<void> {
    const order = await this.orders.findOrder(orderId);
    if (!order || order.status === 'pending' || !isLive(order.status)) return;
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
    return [
      ...this.keys.claimForOrders(keyClaims),
      ...claimCarts(orders),
      ...insertOrders(orders),
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
  private releaseWrites({
    order: { id, cartId },
    completion: { released, inDoubt, to },
  }: CompletedPlacement): Statement[] {
    const { orders } = this;
    return [
      ...(released.length > 0 ? [orders.reservationUpdate(id, released, ['held'], 'released')] : []),
      ...(inDoubt.length > 0 ? [orders.reservationUpdate(id, inDoubt, ['held'], 'in_doubt')] : []),
      ...(COMPLETIONS[to].givesBack && cartId !== null ? [this.freeCart(cartId, id)] : []),
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

/** Sorted, so that concurrent transactions can't deadlock on the same carts. */
function claimCarts(orders: readonly Order[]): Write<'cart_taken'>[] {
  const claims = orders.flatMap(({ id, cartId }) => (cartId === null ? [] : [{ id, cartId }]));
  const rows = claims
    .toSorted((left, right) => (left.cartId < right.cartId ? -1 : 1))
    .map(({ id, cartId }) => [cartId, id, databaseNow()]);
  return CLAIM_CARTS.of(rows).map((statement) => ({ ...statement, refusal: 'cart_taken' }));
}

function insertOrders(orders: readonly Order[]): Statement[] {
  const rows = orders.map((order) => [
    order.id,
    order.customerId,
    order.customerName,
    order.customerEmail,
    storedEmailKey(order.customerEmail),
    order.status,
    order.currency,
    order.totalAmount,
    order.version,
    order.cartId,
    order.placedAt,
    order.updatedAt,
    order.toPrice,
  ]);
  return INSERT_ORDERS.of(rows);
}

function insertItems(orders: readonly Order[]): Statement[] {
  const rows = orders
    .flatMap((order) => order.items)
    .map(({ orderId, id, productId, productName, quantity, price, reservation }) => [
      orderId,
      id,
      productId,
      productName,
      quantity,
      price,
      reservation,
    ]);
  return INSERT_ITEMS.of(rows);
}

function completeOrders(placements: readonly CompletedPlacement[]): Write<'changed'>[] {
  const rows = placements.map(({ order, completion, event }) => [
    order.id,
    order.version,
    completion.to,
    failureOf(completion),
    event.at,
  ]);
  return COMPLETE_ORDERS.of(rows).map((statement) => ({ ...statement, refusal: 'changed' }));
}
