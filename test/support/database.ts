import { Client } from 'pg';

/** A database of one test file. */
export interface TestDatabase {
  url: string;
  drop(): Promise<void>;
}

/** Set by the setup of a run for the test files; their processes inherit the environment. */
export const SERVER_VARIABLE = 'ORDER_TEST_SERVER_URL';
export const RUN_VARIABLE = 'ORDER_TEST_RUN';

/** Prefix of all test databases; no other database is ever dropped. */
export const TEST_DATABASE_PREFIX = 'order_test_';

/** Makes names unique within a process; the process id makes them unique across processes. */
let count = 0;

/** The template database of a run. */
export function templateOf(run: string): string {
  return `${TEST_DATABASE_PREFIX}${run}_template`;
}

/** Runs statements on a server, each on its own, because CREATE DATABASE can't run in a transaction. */
export async function administer(serverUrl: string, ...statements: string[]): Promise<void> {
  const client = new Client({ connectionString: serverUrl });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

export function urlOf(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

/**
 * Creates a database without tables for one caller.
 *
 * @param options of CREATE DATABASE, such as its encoding and locale
 */
export async function createBareDatabase(options: string): Promise<TestDatabase> {
  return createDatabase(`TEMPLATE template0 ${options}`);
}

/**
 * Creates a database with all tables and no rows for one caller: a copy of the run's template.
 * It is dropped at the end of the run at the latest.
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  return createDatabase(`TEMPLATE ${templateOf(process.env[RUN_VARIABLE] ?? '')}`);
}

async function createDatabase(options: string): Promise<TestDatabase> {
  const serverUrl = process.env[SERVER_VARIABLE];
  const run = process.env[RUN_VARIABLE];
  if (!serverUrl || !run) {
    throw new Error('There is no server for tests: jest has to run with test/support/global-setup.ts.');
  }
  count += 1;
  const name = `${TEST_DATABASE_PREFIX}${run}_${process.pid}_${process.env['JEST_WORKER_ID'] ?? 0}_${count}_${Date.now().toString(36)}`;
  await administer(serverUrl, `CREATE DATABASE ${name} ${options}`);
  return {
    url: urlOf(serverUrl, name),
    // FORCE, because a service that was killed by a test may leave connections behind.
    drop: () => administer(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}
