import '../require-node.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { DataSource, type QueryRunner } from 'typeorm';
import { loadSettings, SettingsError } from '../../config/load-settings.js';
import type { Settings } from '../../config/settings.js';
import { endProcess } from '../end-process.js';
import { dataSourceOptions } from './data-source.js';
import type { DatabaseSettings } from './database-tls.js';
import { adoptPgBossJobs, assertNoOldInstance, hasPgBossJobs } from './pg-boss-jobs.js';
import { databaseErrorCode, isDatabaseUnavailable } from './session/database-errors.js';
import { describeDatabaseFault, withStartRetry } from './start-retry.js';

/** Advisory lock key, unused elsewhere. Instances that start together migrate one after the other. */
const MIGRATION_LOCK = 7_305_116_112;

/** Two are enough: one holds the lock while the other runs the migrations. */
const CONNECTIONS = 2;

const LOCK_RETRY_MS = 200;

const HELP = `Usage: npm run migrate

Creates or upgrades the tables of the order service in the database that DATABASE_URL names, then exits.
Needed only where MIGRATE_ON_START=false; otherwise the service does the same when it starts.
`;

/**
 * Brings the database to the newest schema. Safe to run by several instances at once, and when nothing is left to do.
 *
 * @returns the names of the migrations that were applied now
 */
export async function migrate(settings: DatabaseSettings): Promise<string[]> {
  const options = await dataSourceOptions({ ...settings, DATABASE_POOL_SIZE: CONNECTIONS });
  // A migration may well take longer than any statement of the running service.
  const dataSource = await new DataSource({
    ...options,
    extra: { ...options.extra, statement_timeout: 0, idle_in_transaction_session_timeout: 0 },
  }).initialize();
  try {
    await assertUnicode(dataSource);
    const lock = dataSource.createQueryRunner();
    try {
      await takeLock(lock);
      await assertNoOldInstance(dataSource);
      const applied = await dataSource.runMigrations();
      await adoptPgBossJobs(dataSource);
      await lock.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
      return applied.map((migration) => migration.name);
    } finally {
      await lock.release();
    }
  } finally {
    // Closing the connections also gives up the lock where a migration has failed.
    await dataSource.destroy();
  }
}

/**
 * Migrates the database before the service starts, or checks that it is migrated.
 *
 * @throws {SettingsError} when the database refuses, or lacks migrations and may not be migrated
 */
export async function prepareDatabase(settings: Settings): Promise<void> {
  if (settings.MIGRATE_ON_START) await withDescribedFaults(() => migrate(settings));
  else await withDescribedFaults(() => assertMigrated(settings));
}

/** Faults that `withStartRetry` retries are left to it, and errors without a code are bugs, which keep their stack. */
async function withDescribedFaults<Result>(step: () => Promise<Result>): Promise<Result> {
  try {
    return await step();
  } catch (error) {
    if (isDatabaseUnavailable(error) || databaseErrorCode(error) === undefined) throw error;
    throw describeDatabaseFault(error);
  }
}

/**
 * Tries again and again instead of waiting in a statement: such a statement holds a snapshot, and an index that the
 * other instance builds concurrently would wait for its end.
 */
async function takeLock(lock: QueryRunner): Promise<void> {
  for (;;) {
    const [row] = (await lock.query('SELECT pg_try_advisory_lock($1) AS taken', [MIGRATION_LOCK])) as {
      taken: boolean;
    }[];
    if (row?.taken) return;
    await sleep(LOCK_RETRY_MS);
  }
}

/**
 * Other encodings can't store every name (LATIN1), or don't know what a character is (SQL_ASCII).
 *
 * @throws {SettingsError}
 */
async function assertUnicode(dataSource: DataSource): Promise<void> {
  const [row] = await dataSource.query<{ encoding: string }[]>(
    `SELECT current_setting('server_encoding') AS encoding`,
  );
  if (row?.encoding === 'UTF8') return;
  throw new SettingsError([
    `DATABASE_URL: the encoding of the database is ${row?.encoding}, but must be UTF8: create one with ` +
      `CREATE DATABASE orders ENCODING 'UTF8' TEMPLATE template0`,
  ]);
}

async function assertMigrated(settings: DatabaseSettings): Promise<void> {
  const dataSource = await new DataSource(await dataSourceOptions(settings)).initialize();
  try {
    await assertUnicode(dataSource);
    if ((await dataSource.showMigrations()) || (await hasPgBossJobs(dataSource))) {
      throw new SettingsError([
        'MIGRATE_ON_START: is false, but the database lacks migrations: run npm run migrate',
      ]);
    }
  } finally {
    await dataSource.destroy();
  }
}

/** Brings a database without TLS to the newest schema, as tests need it. */
export async function migrateDatabase(databaseUrl: string): Promise<void> {
  await migrate({ DATABASE_URL: databaseUrl, DATABASE_TLS: 'off', DATABASE_POOL_SIZE: CONNECTIONS });
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' } } });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const settings = loadSettings(process.env, 'command');
  const applied = await withStartRetry(() => withDescribedFaults(() => migrate(settings)));
  process.stdout.write(
    applied.length === 0 ? 'The database is up to date.\n' : `Applied: ${applied.join(', ')}.\n`,
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof SettingsError ? error.message : String(error)}\n`);
    endProcess(1);
  });
}
