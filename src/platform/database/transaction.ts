import { setTimeout as sleep } from 'node:timers/promises';
import {
  QueryFailedError,
  QueryRunnerAlreadyReleasedError,
  QueryRunnerProviderAlreadyReleasedError,
  type DataSource,
  type EntityManager,
} from 'typeorm';
import { traced } from '../telemetry/tracer.js';

/** What statements need: the data source for a single statement, or the manager of a transaction. */
export type Sql = Pick<EntityManager, 'query'>;

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
  // TypeORM gives the connection of a transaction up as soon as it is lost, and then tells of that only.
  if (error instanceof QueryRunnerAlreadyReleasedError) return true;
  if (error instanceof QueryRunnerProviderAlreadyReleasedError) return true;
  const code = databaseErrorCode(error);
  if (code !== undefined) {
    return (
      UNAVAILABLE_SOCKET_CODES.has(code) || UNAVAILABLE_SQLSTATES.some((prefix) => code.startsWith(prefix))
    );
  }
  const { message } = causeOf(error);
  return typeof message === 'string' && UNAVAILABLE_MESSAGES.test(message);
}

/**
 * Runs `work` in a transaction, again from its start after a deadlock or serialization failure. `work` must do nothing
 * but run statements on the manager it is given: no remote call is ever made while a transaction is open.
 */
export async function inTransaction<T>(
  dataSource: DataSource,
  work: (transaction: EntityManager) => Promise<T>,
): Promise<T> {
  const span = {
    name: 'transaction',
    kind: 'client',
    attributes: { 'db.system.name': 'postgresql' },
  } as const;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await traced(span, () => dataSource.transaction(work));
    } catch (error) {
      if (attempt === ATTEMPTS || !RETRYABLE_SQLSTATES.has(databaseErrorCode(error) ?? '')) throw error;
      await sleep(Math.random() * RETRY_WAIT_MS);
    }
  }
}
