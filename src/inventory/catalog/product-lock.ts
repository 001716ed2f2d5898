import type { DataSource } from 'typeorm';
import type { Deadline } from '../../platform/deadline.js';
import { Semaphore, BulkheadFullError } from '../../platform/semaphore.js';
import { LockSession } from './lock-session.js';

/**
 * The share of the connection pool for critical sections, one third: they keep a connection during remote calls, and
 * the orders themselves need the rest.
 */
const POOL_SHARE = 3;

/** Other callers held the lock until the deadline. Nothing was done. */
export class ProductBusy extends Error {
  constructor(productId: string) {
    super(`product ${productId} was being changed for other orders all the time`);
    this.name = 'ProductBusy';
  }
}

/** One critical section per product over all instances: a lock of the database, on a connection of its own. */
export class ProductLock {
  private readonly connections: Semaphore;
  /**
   * At most one caller of this instance waits in the database for a product; the others wait here, without a
   * connection.
   */
  private readonly products = new Map<string, Semaphore>();

  constructor(
    private readonly dataSource: DataSource,
    poolSize: number,
  ) {
    this.connections = new Semaphore(Math.max(1, Math.floor(poolSize / POOL_SHARE)));
  }

  /**
   * Does the work while no other caller, on any instance, is in the critical section of this product.
   *
   * @param work is given the connection that holds the lock
   * @throws {ProductBusy} when the lock could not be had before the deadline; the work was not begun
   * @throws what the work throws, and the driver's error when the database can't be used
   */
  async hold<Result>(
    productId: string,
    deadline: Deadline,
    work: (session: LockSession) => Promise<Result>,
  ): Promise<Result> {
    try {
      return await this.ofProduct(productId, (product) =>
        product.run(deadline, () =>
          this.connections.run(deadline, () =>
            LockSession.use(this.dataSource, deadline, (session) =>
              session.withLock(productId, deadline, () => work(session)),
            ),
          ),
        ),
      );
    } catch (error) {
      throw error instanceof BulkheadFullError ? new ProductBusy(productId) : error;
    }
  }

  /** Keeps the semaphore of a product as long as it has callers. */
  private async ofProduct<Result>(
    productId: string,
    action: (product: Semaphore) => Promise<Result>,
  ): Promise<Result> {
    const gate = this.products.get(productId) ?? new Semaphore(1);
    this.products.set(productId, gate);
    try {
      return await action(gate);
    } finally {
      if (gate.isIdle) this.products.delete(productId);
    }
  }
}
