import { Client, type ClientConfig } from 'pg';
import { ignoreDriverVariables } from '../../config/driver-variables.js';

// Here, because every connection of every command is made by this file's class.
ignoreDriverVariables();

/**
 * A connection that always has somebody who hears of its loss. The pools listen while a connection is idle and the
 * statements while they run; in between, as when the server ends a connection just as it is handed over, an error
 * without a listener would end the process. Whoever uses the connection next is told of it all the same.
 */
export class AttendedClient extends Client {
  private isGathering = false;

  constructor(config?: string | ClientConfig) {
    super(config);
    this.on('error', () => undefined);
  }

  /** Sends what is asked for in one go in one go: each write of its own costs as much as a statement. */
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
}
