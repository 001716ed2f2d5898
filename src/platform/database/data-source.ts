import { readdir } from 'node:fs/promises';
import type { DataSourceOptions, EntityTarget, MigrationInterface, ObjectLiteral } from 'typeorm';
import pg from 'pg';
import { ResilientClient } from './session/resilient-client.js';
import { LimitedPool } from './session/limited-pool.js';
import { databaseTls, type DatabaseSettings } from './database-tls.js';

/** Beside `src` and `dist`; the files are TypeScript that Node runs as it is. */
const MIGRATIONS = new URL('../../../migrations/', import.meta.url);

/** A connection that can't be had within this time is a fault: better an early answer than a queue without end. */
export const CONNECT_TIMEOUT_MS = 5_000;

/** No statement of the service takes nearly as long; a longer one holds a connection that others wait for. */
export const STATEMENT_TIMEOUT_MS = 15_000;

/** A session that dies in mid-transaction, its process frozen for example, must not keep its locks for long. */
export const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000;

type MigrationClass = new () => MigrationInterface;

/** The migration classes in the order of their file names, which begin with the time they were written. */
export async function loadMigrations(): Promise<MigrationClass[]> {
  const files = (await readdir(MIGRATIONS)).filter((file) => file.endsWith('.ts')).toSorted();
  const modules = await Promise.all(
    files.map((file) => import(new URL(file, MIGRATIONS).href) as Promise<Record<string, MigrationClass>>),
  );
  return modules.flatMap((module) => Object.values(module));
}

/**
 * Options of the one data source that the application, the migration command and the tests share.
 *
 * @param entities classes whose tables the data source knows; none where only statements are run
 */
export async function dataSourceOptions(
  settings: DatabaseSettings,
  entities: EntityTarget<ObjectLiteral>[] = [],
): Promise<DataSourceOptions> {
  return {
    type: 'postgres',
    url: settings.DATABASE_URL,
    ssl: databaseTls(settings),
    applicationName: 'order-service',
    poolSize: settings.DATABASE_POOL_SIZE,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    // Ids come from the service, so that no extension has to be installed by a superuser.
    installExtensions: false,
    driver: { ...pg, Pool: LimitedPool },
    extra: {
      Client: ResilientClient,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
      // Statements of a transaction that don't depend on each other are sent together.
      pipeline: true,
    },
    entities: entities as Function[],
    migrations: await loadMigrations(),
    migrationsTableName: 'schema_migrations',
    migrationsTransactionMode: 'each',
  };
}
