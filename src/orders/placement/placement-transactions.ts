import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Settings } from '../../config/settings.js';
import { GroupCommit } from '../../platform/database/batching/group-commit.js';
import type { Statement } from '../../platform/database/statement-message.js';
import type { Write } from '../../platform/database/transaction.js';
import type { NewTask } from '../../tasks/task-kind.js';
import type { FirstTask, Lease } from '../../tasks/task.repository.js';
import { Tasks } from '../../tasks/tasks.service.js';
import type { Order } from '../order.entity.js';
import { isLive } from '../order-status.js';
import { checkOutCartTask } from '../order.tasks.js';
import { type NewEvent, OrderRepository } from '../order.repository.js';
import { IdempotencyRepository, type KeyClaim } from './idempotency.repository.js';
import { PlacementRepository } from './placement.repository.js';
import { type Settlement, SETTLEMENTS } from './settlement.js';

/**
 * The lease outlasts the deadline of the request by this much, so that the request ends before recovery takes over.
 */
export const LEASE_MARGIN_MS = 1_000;

/** A new order, and everything that is stored along with it. */
export interface Acceptance {
  order: Order;
  /** Completes the placement; this process holds its lease. */
  task: FirstTask;
  claim: KeyClaim | undefined;
  event: NewEvent;
}

/** The end of a placement, and everything that is stored along with it. */
export interface Ending {
  /** As it was read; it must not have changed since. */
  order: Order;
  /** Of its placement, which must not be lost. */
  lease: Lease;
  settlement: Settlement;
  failure: string | null;
  event: NewEvent;
  tasks: readonly NewTask[];
}

/** A completion with the leases of its tasks. */
interface PreparedEnding extends Ending {
  tasks: readonly FirstTask[];
}

/** Why an order was not stored: its key belongs to another request, or its cart to another order. */
export type AcceptanceRefusal = 'key_taken' | 'cart_taken';

/**
 * The two transactions of a placement. Concurrent placements share a commit, unless group commit is off. The promises
 * hold for each, because its promise resolves only after the commit.
 */
@Injectable()
export class PlacementTransactions {
  /** Lease duration of a placement. */
  readonly leaseMs: number;
  private readonly acceptances: GroupCommit<Acceptance, AcceptanceRefusal>;
  private readonly endings: GroupCommit<PreparedEnding, 'changed'>;

  constructor(
    dataSource: DataSource,
    private readonly orders: OrderRepository,
    private readonly placements: PlacementRepository,
    private readonly keys: IdempotencyRepository,
    private readonly tasks: Tasks,
    settings: Settings,
  ) {
    this.leaseMs = settings.REQUEST_DEADLINE_MS + LEASE_MARGIN_MS;
    const size = settings.PLACEMENT_BATCH_SIZE;
    this.acceptances = new GroupCommit(dataSource, size, async (items) => this.acceptanceWrites(items));
    this.endings = new GroupCommit(dataSource, size, async (items) => this.endingWrites(items));
  }

  /** Transaction 1: the order is stored, with the claims on its key and its cart. */
  async accept(acceptance: Acceptance): Promise<'written' | AcceptanceRefusal> {
    return this.acceptances.add(acceptance);
  }

  /**
   * Transaction 2: completes the placement, with its event and tasks.
   *
   * @returns `changed` if the order has changed since it was read
   */
  async settle(ending: Ending): Promise<'written' | 'changed'> {
    // Tasks of an order begin with the end of its placement: their lanes are empty.
    const prepared = this.tasks.prepareFirst(ending.tasks);
    let verdict: 'written' | 'changed' | undefined;
    try {
      verdict = await this.endings.add({ ...ending, tasks: prepared.tasks });
      return verdict;
    } finally {
      if (verdict === 'written') prepared.start();
      else prepared.abandon();
    }
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

  private acceptanceWrites(acceptances: readonly Acceptance[]): Write<AcceptanceRefusal>[] {
    const orders = acceptances.map(({ order }) => order);
    const keyClaims = acceptances.flatMap(({ order, claim }) =>
      claim ? [{ ...claim, orderId: order.id }] : [],
    );
    const cartClaims = orders.flatMap(({ id, cartId }) => (cartId === null ? [] : [{ cartId, orderId: id }]));
    return [
      ...this.keys.claimForOrders(keyClaims),
      ...this.keys.claimCarts(cartClaims),
      ...this.placements.insertOrders(orders),
      ...this.tasks.insertFirst(acceptances.map(({ task }) => task)),
      ...this.orders.eventInserts(acceptances.map(({ event }) => event)),
    ];
  }

  private endingWrites(endings: readonly PreparedEnding[]): Write<'changed'>[] {
    const placements = endings.map(({ order, settlement, failure, event }) => ({
      order,
      to: settlement.to,
      failure,
      at: event.at,
    }));
    const completions = this.tasks.complete(endings.map(({ lease }) => lease));
    return [
      ...completions.map((statement) => ({ ...statement, refusal: 'changed' as const })),
      ...this.placements.settlePlacements(placements),
      ...endings.flatMap((ending) => this.releaseWrites(ending)),
      ...this.orders.eventInserts(endings.map(({ event }) => event)),
      ...this.tasks.insertFirst(endings.flatMap(({ tasks }) => tasks)),
    ];
  }

  /** Lines are stored as held from the start, so that an order that is confirmed needs nothing of this. */
  private releaseWrites({
    order: { id, cartId },
    settlement: { released, inDoubt, to },
  }: Ending): Statement[] {
    const { orders, keys } = this;
    return [
      ...(released.length > 0 ? [orders.reservationUpdate(id, released, ['held'], 'released')] : []),
      ...(inDoubt.length > 0 ? [orders.reservationUpdate(id, inDoubt, ['held'], 'in_doubt')] : []),
      ...(SETTLEMENTS[to].givesBack && cartId !== null ? [keys.freeCart(cartId, id)] : []),
    ];
  }
}
