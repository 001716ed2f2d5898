import { QueryFailedError } from 'typeorm';
import { StatementTimeOver } from './statement-time.js';

/**
 * SQLSTATEs, or their classes, after which a session must not be used again although the server may keep it open: a
 * connection exception, a server that is read-only (25006, after a failover), a refused login, a missing database, a
 * server that stops or starts, an internal error. https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const USELESS_SESSION_SQLSTATES = ['08', '25006', '25P03', '28', '3D000', '57P', '58', 'F0', 'XX'];

/**
 * SQLSTATEs of an unavailable or exhausted database: a useless session, a transaction rolled back on every attempt,
 * insufficient resources (53300: too many connections), a cancelled statement. A login is also refused with 55000 (the database accepts no connections) and 42501 (the role lost the
 * privilege to connect).
 */
const UNAVAILABLE_SQLSTATES = [
  '08',
  '25006',
  '25P03',
  '28',
  '3D000',
  '40',
  '42501',
  '53',
  '55000',
  '55P03',
  '57',
  '58',
];

/** A statement was cancelled, by `statement_timeout` or by a cancel request, and its transaction rolled back. */
export const STATEMENT_CANCELLED = '57014';

/** A lock was not granted within `lock_timeout`. */
export const LOCK_NOT_AVAILABLE = '55P03';

/** The pool's message when every connection is in use for too long. */
const POOL_EXHAUSTED = 'timeout exceeded when trying to connect';

/** Error codes of sockets that never were, or no longer are, connected to a database. */
const UNAVAILABLE_SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
]);

/** Messages of the driver, without a code, about a connection that was lost or could not be had in time. */
const UNAVAILABLE_MESSAGES =
  /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|Client was closed)/;

/** The driver's error beneath that of TypeORM. */
function causeOf(error: unknown): { code?: unknown; message?: unknown } {
  const cause: unknown = error instanceof QueryFailedError ? error.driverError : error;
  return typeof cause === 'object' && cause !== null ? cause : {};
}

/** The SQLSTATE or socket error code of a database fault, reported by any layer. */
export function databaseErrorCode(error: unknown): string | undefined {
  const { code } = causeOf(error);
  return typeof code === 'string' ? code : undefined;
}

/** Whether the database could not be reached or gave up, as opposed to having refused a wrong statement. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (error instanceof StatementTimeOver) return true;
  const code = databaseErrorCode(error);
  if (code !== undefined) {
    return (
      UNAVAILABLE_SOCKET_CODES.has(code) || UNAVAILABLE_SQLSTATES.some((prefix) => code.startsWith(prefix))
    );
  }
  const { message } = causeOf(error);
  return typeof message === 'string' && UNAVAILABLE_MESSAGES.test(message);
}

/** Whether a statement was ended because it took too long, or never begun. Its transaction has changed nothing. */
export function isCutOff(error: unknown): boolean {
  const code = databaseErrorCode(error);
  return code === STATEMENT_CANCELLED || code === LOCK_NOT_AVAILABLE || error instanceof StatementTimeOver;
}

/** Whether the database is busy or locked, rather than out of reach. Nothing was changed. */
export function isDatabaseBusy(error: unknown): boolean {
  return isCutOff(error) || causeOf(error).message === POOL_EXHAUSTED;
}

/** A fault of the database, for callers of the API. */
export function describeUnavailability(error: unknown): string {
  return isDatabaseBusy(error)
    ? 'The database was busy or locked: it did not finish within the time of the request'
    : 'The database does not answer';
}

/** Whether an error with this SQLSTATE leaves a session that must be closed. */
export function isSessionUseless(code: string | undefined): boolean {
  return code !== undefined && USELESS_SESSION_SQLSTATES.some((prefix) => code.startsWith(prefix));
}
