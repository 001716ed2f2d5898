import { Pool, type PoolClient, type QueryResult } from 'pg';
import type { DataSource } from 'typeorm';
import { ResilientClient } from './session/resilient-client.js';
import { nameOf, type Statement } from './statement-message.js';

/**
 * What statements need: the data source for a single one, or a transaction. The results are in the form in which
 * TypeORM gives them: rows, and for UPDATE and DELETE `[rows, number of rows]`.
 */
export interface Sql {
  query<Result>(text: string, values?: unknown[]): Promise<Result>;
}

/** Commands whose result TypeORM returns with the number of affected rows. */
const COUNTED = new Set(['UPDATE', 'DELETE']);

/** The driver of PostgreSQL keeps it as `master`; there is none before the first and after the last connection. */
export function poolOf({ driver }: DataSource): Pool | undefined {
  return 'master' in driver && driver.master instanceof Pool ? driver.master : undefined;
}

/** Waits for a connection of the pool. To be released by the caller, with the error if it is not to be used again. */
export async function connect(dataSource: DataSource): Promise<PoolClient> {
  const pool = poolOf(dataSource);
  if (!pool) throw new Error('there is no connection to the database before the start and after the end');
  return pool.connect();
}

/**
 * Prepared statements on one connection, parsed and planned once each. Statements that are not awaited are pipelined;
 * each runs regardless of the others' failures.
 */
export function preparedOn(client: PoolClient): Sql {
  return {
    query: async <Result>(text: string, values: unknown[] = []): Promise<Result> => {
      if (client instanceof ResilientClient) client.gather();
      return resultOf(await client.query<object>({ name: nameOf(text), text, values })) as Result;
    },
  };
}

/** Runs statements without results. */
export async function runAll(sql: Sql, statements: readonly Statement[]): Promise<void> {
  await Promise.all(statements.map(async ({ text, values }) => sql.query(text, values)));
}

/** Runs statements that return rows. @returns the rows of all of them */
export async function rowsOfAll<Row>(sql: Sql, statements: readonly Statement[]): Promise<Row[]> {
  const results = await Promise.all(
    statements.map(async ({ text, values }) => sql.query<Row[] | [Row[], number]>(text, values)),
  );
  return results.flatMap((result) => (isCounted(result) ? result[0] : result));
}

function isCounted<Row>(result: Row[] | [Row[], number]): result is [Row[], number] {
  return typeof result[1] === 'number';
}

/** A result in the form in which TypeORM gives it. */
export function resultOf({ command, rows, rowCount }: QueryResult): unknown {
  return COUNTED.has(command) ? [rows, rowCount] : rows;
}
