import { Pool, type PoolClient } from 'pg';
import { StatementTimeOver, statementTimeMs } from './statement-time.js';

type ConnectCallback = (
  error: Error | undefined,
  client: PoolClient | undefined,
  release: (error?: Error | boolean) => void,
) => void;

/** A pool whose callers wait at most until their deadline. */
export class LimitedPool extends Pool {
  override connect(): Promise<PoolClient>;
  override connect(callback: ConnectCallback): void;
  override connect(callback?: ConnectCallback): Promise<PoolClient> | void {
    const limitMs = statementTimeMs();
    // The pool's own limit is the shorter one for most requests, so that they need no second timer.
    if (limitMs === undefined || limitMs >= (this.options.connectionTimeoutMillis ?? Infinity)) {
      return callback ? super.connect(callback) : super.connect();
    }
    if (callback) return this.connectWithin(limitMs, callback);
    return new Promise((resolve, reject) => {
      this.connectWithin(limitMs, (error, client) => (client ? resolve(client) : reject(error)));
    });
  }

  private connectWithin(milliseconds: number, callback: ConnectCallback): void {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      callback(new StatementTimeOver(), undefined, () => undefined);
    }, milliseconds);
    if (milliseconds <= 0) return;
    super.connect((error, client, release) => {
      clearTimeout(timer);
      // The pool gives neither a client nor `release` when its own time is over.
      if (isLate) client?.release();
      else callback(error, client, release);
    });
  }
}
