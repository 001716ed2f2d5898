import type { DataSource } from 'typeorm';
import type { Deadline } from '../platform/deadline.js';
import { UpstreamFault } from '../platform/upstream/upstream-fault.js';
import { LockFailure, ProductBusy, ProductLock } from './product-lock.js';

/** Name of the lock among those of products, none of which has a control character. */
const TURN = '\u0001catalog';

/** One session per instance waits for its turn or has it: there is one turn. */
const SESSIONS = 1;

/**
 * Lets one order at a time call the catalog, over all instances. The catalog of system B shares one database cursor
 * between its threads, so that parallel calls get each other's rows or a 404 for a product that exists.
 */
export class CatalogTurn {
  private readonly lock: ProductLock | undefined;

  /** @param isExclusive false for a catalog that answers parallel calls correctly: then nothing waits */
  constructor(
    private readonly upstream: string,
    dataSource: DataSource,
    isExclusive: boolean,
  ) {
    this.lock = isExclusive ? new ProductLock(dataSource, SESSIONS) : undefined;
  }

  /**
   * Makes calls to the catalog while no other order makes any.
   *
   * @throws {UpstreamFault} of kind `not_sent` when the deadline passes before the turn comes
   * @throws what the calls throw, and the driver's error when the database can't be used
   */
  async hold<Result>(deadline: Deadline, calls: () => Promise<Result>): Promise<Result> {
    if (!this.lock) return calls();
    try {
      return await this.lock.hold(TURN, deadline, calls);
    } catch (error) {
      if (error instanceof LockFailure) throw error.cause;
      if (!(error instanceof ProductBusy)) throw error;
      throw new UpstreamFault(this.upstream, 'not_sent', 'calls for other orders took all of the time');
    }
  }
}
