import { Socket } from 'node:net';
import { Client, type ClientConfig } from 'pg';
import { ignoreDriverVariables } from '../../../config/driver-variables.js';
import { CANCEL_MS, sendCancelRequest } from './cancel-request.js';
import { isSessionUseless, STATEMENT_CANCELLED } from './database-errors.js';
import { pinSession } from './session-settings.js';
import { StatementTimeOver, statementTimeMs } from './statement-time.js';

// Here, because every connection of every command is made by this file's class.
ignoreDriverVariables();

/** TCP keepalive. The default of most systems is two hours. */
const KEEPALIVE_MS = 10_000;

/** Added to `statement_timeout`, so that a server that answers always ends a statement before the client does. */
export const SILENCE_MARGIN_MS = 2_000;

/**
 * The function of PostgreSQL that warns when a cancelled or timed-out COMMIT has not been confirmed by a synchronous
 * standby. The COMMIT still reports success, although the loss of this server would lose it.
 */
const UNCONFIRMED_COMMIT = 'SyncRepWaitForLSN';

type ConnectCallback = (error: Error | null | undefined, client?: Client) => void;

/**
 * A connection to PostgreSQL. It adds to the driver's:
 *
 * - A listener for errors at any time. Pools listen while a connection is idle, and statements while they run; in between,
 *   an error without a listener would end the process.
 * - Pinned session settings (session-settings.ts).
 * - A limit on silence. A network that drops packets without a reset leaves a statement waiting for ever. The
 *   connection is destroyed when a statement waits and no byte has moved for longer than `statement_timeout`.
 * - The deadline of the request or job that a statement is part of. The statement is cancelled then, so that it neither
 *   takes effect later nor keeps a session of the server busy. The connection is not used again, because a cancel
 *   request that arrives late would hit its next statement.
 * - Failure of a COMMIT that PostgreSQL reports as done although no synchronous standby has confirmed it.
 * - No further use after an error that makes the session useless, such as 25006 on a server that became a standby.
 */
export class ResilientClient extends Client {
  private isGathering = false;
  /** Earliest deadline of the statements in progress, by the monotonic clock. */
  private limitAt = Infinity;
  private limitTimer: NodeJS.Timeout | undefined;
  private isInterrupted = false;
  private readonly config: ClientConfig;

  constructor(config?: string | ClientConfig) {
    const given = typeof config === 'string' ? { connectionString: config } : { ...config };
    super({ ...given, keepAlive: true, keepAliveInitialDelayMillis: KEEPALIVE_MS });
    this.config = given;
    this.on('error', () => undefined);
    this.connection.on('errorMessage', ({ code }: { code?: string }) => {
      if (isSessionUseless(code)) this.discard();
      // The other statements on this connection are reads, sent behind the cancelled one.
      else if (this.isInterrupted && code === STATEMENT_CANCELLED) this.discard(new StatementTimeOver());
    });
    this.connection.on('notice', ({ routine }: { routine?: string }) => {
      if (routine === UNCONFIRMED_COMMIT) this.failCommit();
    });
    this.on('drain', () => this.endLimit());
    this.once('end', () => clearTimeout(this.limitTimer));
  }

  override connect(): Promise<Client>;
  override connect(callback: ConnectCallback): void;
  override connect(callback?: ConnectCallback): Promise<Client> | void {
    const connecting = this.open();
    if (!callback) return connecting;
    connecting.then(
      () => process.nextTick(callback, null, this),
      (error: unknown) => process.nextTick(callback, error),
    );
  }

  override query = this.withLimit(super.query.bind(this));

  /** Corks the socket for one tick: each write costs as much as a statement. */
  gather(): void {
    if (this.isGathering) return;
    this.isGathering = true;
    const { stream } = this.connection;
    stream.cork();
    process.nextTick(() => {
      this.isGathering = false;
      stream.uncork();
    });
  }

  private async open(): Promise<Client> {
    await super.connect();
    this.limitSilence();
    try {
      const parameters = Reflect.get(this, 'connectionParameters') as { options?: string };
      await this.query(pinSession(this.config, parameters.options));
    } catch (error) {
      this.connection.stream.destroy();
      throw error;
    }
    return this;
  }

  /** Not where statements have no limit, as in migrations: TCP keepalive finds a dead peer there. */
  private limitSilence(): void {
    const statementMs = this.config.statement_timeout || 0;
    const { stream } = this.connection;
    if (statementMs === 0 || !(stream instanceof Socket)) return;
    stream.setTimeout(statementMs + SILENCE_MARGIN_MS, () => {
      if (!this.isWaiting()) return;
      const message = 'Connection terminated: the database was silent for too long';
      stream.destroy(Object.assign(new Error(message), { code: 'ETIMEDOUT' }));
    });
  }

  /** Whether a statement waits for the server. The driver has no public name for it. */
  private hasStatements(): boolean {
    const queues = ['_sentQueryQueue', '_queryQueue'].map((name) => Reflect.get(this, name) as unknown[]);
    return Reflect.get(this, '_activeQuery') !== null || queues.some((queue) => queue.length > 0);
  }

  /** Whether a statement, or the end of the connection, waits for the server. */
  private isWaiting(): boolean {
    return this.hasStatements() || Reflect.get(this, '_ending') === true;
  }

  /** Makes the outcome of a COMMIT unknown: its success, which the server sends next, must not be believed. */
  private failCommit(): void {
    const message = 'Connection terminated: no synchronous standby has confirmed the commit';
    const fail = Reflect.get(this, '_handleErrorEvent') as (error: Error) => void;
    fail.call(this, Object.assign(new Error(message), { code: 'ETIMEDOUT' }));
    this.discard();
  }

  /** The driver's `query`, which has many signatures. */
  private withLimit<Query extends (...statement: never[]) => unknown>(query: Query): Query {
    return ((...statement: never[]) => {
      this.limitTime();
      return query(...statement);
    }) as Query;
  }

  private limitTime(): void {
    const limitMs = statementTimeMs();
    if (limitMs === undefined || performance.now() + limitMs >= this.limitAt) return;
    this.limitAt = performance.now() + limitMs;
    clearTimeout(this.limitTimer);
    this.limitTimer = setTimeout(() => this.interrupt(), limitMs);
  }

  /** All statements are done. */
  private endLimit(): void {
    if (this.limitAt === Infinity) return;
    this.limitAt = Infinity;
    clearTimeout(this.limitTimer);
    if (this.isInterrupted) this.discard();
  }

  private interrupt(): void {
    // The driver refuses statements on a connection that has ended, and reports no end of them.
    if (!this.hasStatements()) return this.endLimit();
    this.isInterrupted = true;
    sendCancelRequest(this, this.config);
    const message = 'Connection terminated: the database did not answer a cancel request';
    const error = Object.assign(new Error(message), { code: 'ETIMEDOUT' });
    this.limitTimer = setTimeout(() => this.connection.stream.destroy(error), CANCEL_MS);
  }

  /**
   * Makes the pool remove the connection, and fails its pending statements once the error has been delivered.
   *
   * @param error the error of the pending statements; by default that the connection has ended
   */
  private discard(error?: Error): void {
    Reflect.set(this, '_queryable', false);
    clearTimeout(this.limitTimer);
    setImmediate(() => this.connection.stream.destroy(this.isWaiting() ? error : undefined));
  }
}
