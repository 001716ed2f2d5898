import { setTimeout as sleep } from 'node:timers/promises';
import type { PoolClient } from 'pg';
import { QueryFailedError, type DataSource } from 'typeorm';
import { traced } from '../telemetry/tracer.js';
import { connect, preparedOn, type Sql } from './connection.js';

/** `40001`: serialization failure; `40P01`: deadlock. PostgreSQL has rolled back, so all may be run again. */
const RETRYABLE_SQLSTATES = new Set(['40001', '40P01']);

/**
 * SQLSTATEs, or their two-digit classes, that say the database is out of reach or short of something for now:
 * connection exceptions, a transaction that was rolled back however often it was tried, insufficient resources,
 * shutdown or start-up, a statement that was cut off.
 */
const UNAVAILABLE_SQLSTATES = ['08', '40', '53', '57', '25P03', '55P03'];

/** Error codes of sockets that never were, or no longer are, connected to a database. */
const UNAVAILABLE_SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
]);

/** What the driver says, without a code, of a connection that was lost or could not be had in time. */
const UNAVAILABLE_MESSAGES =
  /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|Client was closed)/;

/** What every statement is answered after one of its transaction has failed. */
const IN_FAILED_TRANSACTION = '25P02';

/** Three tries: a deadlock that comes back twice is a fault to be seen, not to be hidden. */
const ATTEMPTS = 3;

/** Upper bound of the random wait before the next try, so that the same two don't meet again. */
const RETRY_WAIT_MS = 25;

/** What the driver said, beneath what a layer above has made of it; the job queue reports objects that are no errors. */
function causeOf(error: unknown): { code?: unknown; message?: unknown } {
  const cause: unknown = error instanceof QueryFailedError ? error.driverError : error;
  return typeof cause === 'object' && cause !== null ? cause : {};
}

/** The SQLSTATE or socket error code of a database fault, whatever the layer that reports it. */
export function databaseErrorCode(error: unknown): string | undefined {
  const { code } = causeOf(error);
  return typeof code === 'string' ? code : undefined;
}

/** Whether the database could not be reached or gave up, as opposed to having refused a wrong statement. */
export function isDatabaseUnavailable(error: unknown): boolean {
  const code = databaseErrorCode(error);
  if (code !== undefined) {
    return (
      UNAVAILABLE_SOCKET_CODES.has(code) || UNAVAILABLE_SQLSTATES.some((prefix) => code.startsWith(prefix))
    );
  }
  const { message } = causeOf(error);
  return typeof message === 'string' && UNAVAILABLE_MESSAGES.test(message);
}

/** Whether the transaction was rolled back for something that has nothing to do with what it did. */
function mayBeRunAgain(error: unknown): boolean {
  return RETRYABLE_SQLSTATES.has(databaseErrorCode(error) ?? '');
}

/** Undoes everything that a transaction has done, and gives back what it came to. */
export class Undo<T> extends Error {
  constructor(readonly result: T) {
    super('undone');
    this.name = 'Undo';
  }
}

/**
 * Runs `work` in a transaction, again from its start after a deadlock or serialization failure. `work` must do nothing
 * but run statements on what it is given: no remote call is ever made while a transaction is open.
 */
export async function inTransaction<T>(
  dataSource: DataSource,
  work: (transaction: Sql) => Promise<T>,
): Promise<T> {
  const span = {
    name: 'transaction',
    kind: 'client',
    attributes: { 'db.system.name': 'postgresql' },
  } as const;
  return repeatedly(async () => traced(span, () => transact(dataSource, 'BEGIN', work)));
}

/** Does something again after a deadlock or serialization failure. */
export async function repeatedly<T>(transaction: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transaction();
    } catch (error) {
      if (attempt === ATTEMPTS || !mayBeRunAgain(error)) throw error;
      await sleep(Math.random() * RETRY_WAIT_MS);
    }
  }
}

/** Runs `work` in a transaction, once. @param begin the statement that begins it */
export async function transact<T>(
  dataSource: DataSource,
  begin: string,
  work: (transaction: Sql) => Promise<T>,
): Promise<T> {
  const client = await connect(dataSource);
  const faults: unknown[] = [];
  let lost: Error | undefined;
  try {
    // Waited for, as all others count on it: without it each would be committed on its own.
    await client.query(begin);
    const result = await work(preparedOn(client, (fault) => faults.push(fault)));
    await commit(client);
    return result;
  } catch (error) {
    lost = await rollBack(client);
    // Of statements that are sent together, those after the one that failed fail for nothing but that.
    throw databaseErrorCode(error) === IN_FAILED_TRANSACTION ? (faults[0] ?? error) : error;
  } finally {
    client.release(lost);
  }
}

async function commit(client: PoolClient): Promise<void> {
  const { command } = await client.query('COMMIT');
  // The answer to a COMMIT of which a statement has failed.
  if (command !== 'COMMIT') throw new Error(`the transaction ended with ${command}`);
}

/** @returns why the connection is not to be used again, if so */
async function rollBack(client: PoolClient): Promise<Error | undefined> {
  try {
    await client.query('ROLLBACK');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
