import { Pool, type PoolClient } from 'pg';
import type { DataSource } from 'typeorm';
import { AttendedClient } from './attended-client.js';

/**
 * What statements need: the data source for a single one, or a transaction. The results are in the form in which
 * TypeORM gives them: rows, and for UPDATE and DELETE `[rows, number of rows]`.
 */
export interface Sql {
  query<Result>(text: string, values?: unknown[]): Promise<Result>;
}

/** Commands of which TypeORM tells how many rows they were about. */
const COUNTED = new Set(['UPDATE', 'DELETE']);

/** The names of all statements so far. There are as many as the code has texts, which never hold a value. */
const names = new Map<string, string>();

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
 * Statements on one connection, each of which the server parses and plans once. Those that are not waited for are on
 * their way together, and are done in the order in which they were sent.
 *
 * @param noteFault is told of those that fail, in this order too
 */
export function preparedOn(client: PoolClient, noteFault: (fault: unknown) => void = () => undefined): Sql {
  return {
    query: async <Result>(text: string, values: unknown[] = []): Promise<Result> => {
      if (client instanceof AttendedClient) client.gather();
      try {
        const { command, rows, rowCount } = await client.query<object>({ name: nameOf(text), text, values });
        return (COUNTED.has(command) ? [rows, rowCount] : rows) as Result;
      } catch (error) {
        noteFault(error);
        throw error;
      }
    },
  };
}

function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = `s${names.size + 1}`;
    names.set(text, name);
  }
  return name;
}
