import { Injectable, Logger } from '@nestjs/common';
import { isDatabaseUnavailable } from './session/database-errors.js';

/**
 * Tells once that the database is away, and once that it is back, whatever number of tries fails in between: background
 * work looks at the database several times a second.
 */
@Injectable()
export class DatabaseOutage {
  private readonly logger = new Logger(DatabaseOutage.name);
  private since: number | undefined;

  /**
   * To be called with every error of background work.
   *
   * @returns false when the error is another one, which is for the caller to tell
   */
  noticed(error: unknown): boolean {
    if (!isDatabaseUnavailable(error)) return false;
    if (this.since === undefined) {
      this.since = performance.now();
      this.logger.error({ err: error }, 'The database does not answer; background work waits for it');
    }
    return true;
  }

  /** To be called whenever a look at the database has succeeded. */
  isOver(): void {
    if (this.since === undefined) return;
    const seconds = Math.round((performance.now() - this.since) / 1_000);
    this.since = undefined;
    this.logger.log(`The database answers again, after ${seconds} s`);
  }
}
