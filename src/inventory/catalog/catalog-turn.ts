import type { DataSource } from 'typeorm';
import { Semaphore, type InTurn } from '../../platform/semaphore.js';
import { LockSession } from './lock-session.js';

/** Name of the lock. It begins with a control character, which no product id has, so it differs from the locks of products. */
const TURN = '\u0001catalog';

/**
 * Serialises calls to the catalog over all instances. The catalog of system B shares one database cursor between its
 * threads, so parallel calls get each other's rows or a 404 for an existing product. A turn lasts for one call: an
 * order that waits for its next call or for an outcome does not block the others.
 */
export class CatalogTurn {
  /** One caller of this instance waits in the database for its turn or has it. */
  private readonly calls = new Semaphore(1);
  /** A look-up takes its connection before it waits for its turn, so that no turn waits for the connection pool. */
  private readonly lookUps = new Semaphore(1);

  constructor(private readonly dataSource: DataSource) {}

  /** For look-ups, which have no connection of their own. Together they use one. */
  readonly alone: InTurn = (deadline, call) =>
    this.lookUps.run(deadline, () =>
      LockSession.use(this.dataSource, deadline, (session) => this.on(session)(deadline, call)),
    );

  /** For calls within the critical section of a product, whose connection holds the turn as well. */
  on(session: LockSession): InTurn {
    return (deadline, call) => this.calls.run(deadline, () => session.withLock(TURN, deadline, call));
  }
}
