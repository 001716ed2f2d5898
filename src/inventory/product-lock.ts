import type { Pool, PoolClient } from 'pg';
import type { DataSource } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import type { Deadline } from '../platform/deadline.js';
import { Gate, NoRoom } from '../platform/gate.js';
import { withDeadline } from '../platform/telemetry/work.js';
import * as statements from './product-catalog.repository.js';

/**
 * The share of the connection pool that critical sections may hold, one third: they keep a connection during remote
 * calls, and the orders themselves need the others meanwhile.
 */
const POOL_SHARE = 3;

/** What PostgreSQL reports when `lock_timeout` ends a wait, and when `statement_timeout` does. */
const WAIT_ENDED = new Set<unknown>(['55P03', '57014']);

/** Others changed the product until the deadline. Nothing was done. */
export class ProductBusy extends Error {
  constructor(productId: string) {
    super(`product ${productId} was being changed for other orders all the time`);
    this.name = 'ProductBusy';
  }
}

/** The lock could not be taken for another reason than that others have it. */
export class LockFailure extends Error {}

/**
 * One critical section per product over all instances: a session-level advisory lock, on a connection that does
 * nothing else meanwhile and has no transaction open. The lock ends with its connection, so a crash frees it.
 *
 * Such locks need a direct connection, or a pooler that keeps sessions; one that pools transactions loses them.
 */
export class ProductLock {
  private readonly connections: Gate;
  /** At most one caller of this instance waits in the database for a product: the others wait here, at no cost. */
  private readonly products = new Map<string, Gate>();

  constructor(
    private readonly dataSource: DataSource,
    poolSize: number,
  ) {
    this.connections = new Gate(Math.max(1, Math.floor(poolSize / POOL_SHARE)));
  }

  /**
   * Does the work while nobody else, on any instance, is in the critical section of this product.
   *
   * @param work is given the connection that holds the lock: a statement that succeeds on it proves that it still does
   * @throws {ProductBusy} when the lock could not be had before the deadline; the work was not begun
   * @throws what the work throws, and the driver's error when the database can't be used
   */
  async hold<Result>(
    productId: string,
    deadline: Deadline,
    work: (session: PoolClient) => Promise<Result>,
  ): Promise<Result> {
    const leaves: (() => void)[] = [];
    try {
      leaves.push(await this.enterProduct(productId, deadline));
      leaves.push(await this.connections.enter(deadline));
      return await this.withSession(productId, deadline, work);
    } catch (error) {
      throw error instanceof NoRoom ? new ProductBusy(productId) : error;
    } finally {
      for (const leave of leaves.toReversed()) leave();
    }
  }

  /** TypeORM's own sessions can't be discarded when they fail, but those of the pool beneath it can. */
  private pool(): Pool {
    const { master } = this.dataSource.driver as PostgresDriver;
    return master as Pool;
  }

  private async enterProduct(productId: string, deadline: Deadline): Promise<() => void> {
    const gate = this.products.get(productId) ?? new Gate(1);
    this.products.set(productId, gate);
    const leave = await gate.enter(deadline);
    return () => {
      leave();
      if (gate.isIdle) this.products.delete(productId);
    };
  }

  private async withSession<Result>(
    productId: string,
    deadline: Deadline,
    work: (session: PoolClient) => Promise<Result>,
  ): Promise<Result> {
    const session = await connect(this.pool(), productId, deadline);
    let broken: Error | undefined;
    const remember = (error: Error): void => {
      broken = error;
    };
    // Without a listener the loss of the connection during a remote call would end the process.
    session.on('error', remember);
    try {
      await lock(session, productId, deadline);
      try {
        return await work(session);
      } finally {
        // The lock is gone with the connection then, and what the work returned or threw is what matters.
        await unlock(session, productId).catch(remember);
      }
    } catch (error) {
      if (error instanceof LockFailure) broken = error;
      throw error;
    } finally {
      session.off('error', remember);
      // Given an error, the pool closes the connection in place of using it again.
      session.release(broken);
    }
  }
}

/** Takes a connection from the pool, but waits no longer than the caller does. */
async function connect(pool: Pool, productId: string, deadline: Deadline): Promise<PoolClient> {
  const connecting = pool.connect();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), deadline.remaining());
  });
  const session = await Promise.race([connecting, late]).finally(() => clearTimeout(timer));
  if (session) return session;
  // Whether it comes or fails later, nobody waits for it any more.
  connecting.then(
    (unused) => unused.release(),
    () => undefined,
  );
  throw new ProductBusy(productId);
}

/** @throws {ProductBusy} with the connection as it was before, or {LockFailure} */
async function lock(session: PoolClient, productId: string, deadline: Deadline): Promise<void> {
  try {
    if (await statements.tryLock(session, productId)) return;
    const wait = Math.floor(deadline.remaining());
    // A `lock_timeout` of 0 would mean to wait for ever.
    if (wait < 1) throw new ProductBusy(productId);
    await statements.setLockTimeout(session, wait);
    // The server ends this wait in time, after which the session is still usable.
    const locked = await withDeadline(undefined, () => statements.waitForLock(session, productId)).then(
      () => true,
      (error: { code?: unknown }) => {
        if (WAIT_ENDED.has(error.code)) return false;
        throw error;
      },
    );
    await statements.resetLockTimeout(session);
    if (!locked) throw new ProductBusy(productId);
  } catch (error) {
    if (error instanceof ProductBusy) throw error;
    throw new LockFailure('the lock on a product could not be taken', { cause: error });
  }
}

/** @throws when the lock was not held any more, or the connection is gone: it must not be used again */
async function unlock(session: PoolClient, productId: string): Promise<void> {
  if (!(await statements.unlock(session, productId))) {
    throw new Error('an advisory lock was not held any more when it was to be given back');
  }
}
