import { setTimeout as sleep } from 'node:timers/promises';
import { SettingsError } from '../../config/load-settings.js';
import { databaseErrorCode, isDatabaseUnavailable } from './session/database-errors.js';

/** A database that starts together with the service, or fails over during the start, needs a few seconds. */
const RETRY_FOR_MS = 30_000;
const RETRY_INTERVAL_MS = 1_000;

/** Wrong credentials (class 28), a missing database (3D000) or privilege (42501): waiting does not help. */
const REFUSALS = /^(28|3D|42501)/;

/**
 * Runs a step of the start, again from its beginning for 30 s after its first failure, while the database is unavailable.
 * Writes a line for each failure.
 *
 * @throws {SettingsError} when the database refuses or stays unavailable
 */
export async function withStartRetry<Result>(step: () => Promise<Result>): Promise<Result> {
  let giveUpAt: number | undefined;
  for (;;) {
    try {
      return await step();
    } catch (error) {
      const isRefused = REFUSALS.test(databaseErrorCode(error) ?? '');
      if (!isRefused && !isDatabaseUnavailable(error)) throw error;
      giveUpAt ??= performance.now() + RETRY_FOR_MS;
      if (isRefused || performance.now() > giveUpAt) throw describeDatabaseFault(error);
      process.stderr.write(`Waiting for the database: ${messageOf(error)}\n`);
      await sleep(RETRY_INTERVAL_MS);
    }
  }
}

/** A database fault as a message for the operator. */
export function describeDatabaseFault(error: unknown): SettingsError {
  return new SettingsError([`DATABASE_URL: the database can not be used: ${messageOf(error)}`]);
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}
