import type { Pool, PoolClient } from 'pg';
import type { DataSource } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import type { Deadline } from '../../platform/deadline.js';
import { BulkheadFullError } from '../../platform/semaphore.js';
import { withDeadline } from '../../platform/telemetry/request-context.js';
import * as statements from './product-catalog.repository.js';

/** SQLSTATEs of `lock_timeout` and `statement_timeout`. */
const WAIT_ENDED = new Set<unknown>(['55P03', '57014']);

/**
 * A connection that serves one caller and holds session-level advisory locks without an open transaction. The locks end
 * with the connection, so a crash frees them.
 *
 * Such locks need a direct connection, or a pooler that keeps sessions; one that pools transactions loses them.
 */
export class LockSession {
  private broken: Error | undefined;

  private constructor(readonly client: PoolClient) {}

  /**
   * Takes a connection from the pool for the duration of some work.
   *
   * @throws {BulkheadFullError} when no connection became free before the deadline
   * @throws what the work throws, and the driver's error when the database can't be used
   */
  static async use<Result>(
    dataSource: DataSource,
    deadline: Deadline,
    work: (session: LockSession) => Promise<Result>,
  ): Promise<Result> {
    const session = new LockSession(await connect(poolOf(dataSource), deadline));
    const { client } = session;
    const remember = (error: Error): void => {
      session.broken = error;
    };
    // Without a listener the loss of the connection during a remote call would end the process.
    client.on('error', remember);
    try {
      return await work(session);
    } finally {
      client.off('error', remember);
      // Given an error, the pool closes the connection instead of reusing it.
      client.release(session.broken);
    }
  }

  /**
   * Does some work under a lock. A statement that succeeds on this session proves that the lock is still held.
   *
   * @throws {BulkheadFullError} when the lock was not free before the deadline; the work was not begun
   * @throws what the work throws, and the driver's error when the database can't be used
   */
  async withLock<Result>(name: string, deadline: Deadline, work: () => Promise<Result>): Promise<Result> {
    if (!(await this.lock(name, deadline))) throw new BulkheadFullError();
    try {
      return await work();
    } finally {
      await this.unlock(name);
    }
  }

  /** @returns false, with the connection as it was before, when the wait has ended without the lock */
  private async lock(name: string, deadline: Deadline): Promise<boolean> {
    try {
      if (await statements.tryLock(this.client, name)) return true;
      const wait = Math.floor(deadline.remaining());
      // A `lock_timeout` of 0 would mean to wait for ever.
      if (wait < 1) return false;
      await statements.setLockTimeout(this.client, wait);
      // The server ends this wait in time, after which the session is still usable.
      const isLocked = await withDeadline(undefined, () => statements.waitForLock(this.client, name)).then(
        () => true,
        (error: { code?: unknown }) => {
          if (WAIT_ENDED.has(error.code)) return false;
          throw error;
        },
      );
      await statements.resetLockTimeout(this.client);
      return isLocked;
    } catch (error) {
      this.breakBy(error);
      throw error;
    }
  }

  /** After a failure the lock ends with the connection. The caller needs the result of the work. */
  private async unlock(name: string): Promise<void> {
    try {
      if (!(await statements.unlock(this.client, name))) throw new Error('an advisory lock was lost');
    } catch (error) {
      this.breakBy(error);
    }
  }

  private breakBy(error: unknown): void {
    this.broken = error instanceof Error ? error : new Error(String(error));
  }
}

/** TypeORM's own sessions can't be discarded when they fail, but those of the pool beneath it can. */
function poolOf(dataSource: DataSource): Pool {
  const { master } = dataSource.driver as PostgresDriver;
  return master as Pool;
}

/** Takes a connection from the pool; waits at most until the caller's deadline. */
async function connect(pool: Pool, deadline: Deadline): Promise<PoolClient> {
  const connecting = pool.connect();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), deadline.remaining());
  });
  const client = await Promise.race([connecting, late]).finally(() => clearTimeout(timer));
  if (client) return client;
  // The connection, or the error, may arrive after the caller's timeout.
  connecting.then(
    (unused) => unused.release(),
    () => undefined,
  );
  throw new BulkheadFullError();
}
