import { Injectable, Logger } from '@nestjs/common';
import { isDatabaseUnavailable } from './session/database-errors.js';

/**
 * Logs once when the database becomes unavailable and once when it is back. Background work polls the database
 * several times a second; each failure would be a line otherwise.
 */
@Injectable()
export class DatabaseOutage {
  private readonly logger = new Logger(DatabaseOutage.name);
  private since: number | undefined;

  /**
   * Call it with every error of background work.
   *
   * @returns false when the error is not an outage, and the caller has to log it
   */
  noticed(error: unknown): boolean {
    if (!isDatabaseUnavailable(error)) return false;
    if (this.since === undefined) {
      this.since = performance.now();
      this.logger.error({ err: error }, 'The database does not answer; background work waits for it');
    }
    return true;
  }

  /** Call it after each successful access to the database. */
  isOver(): void {
    if (this.since === undefined) return;
    const seconds = Math.round((performance.now() - this.since) / 1_000);
    this.since = undefined;
    this.logger.log(`The database answers again, after ${seconds} s`);
  }
}
