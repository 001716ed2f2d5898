import { Client } from 'pg';
import type { TestDatabase } from './database.js';

const LocalDate = Date;

/** Sets the wall clock of this process, and so of the services in it, ahead of the database's. */
export function setLocalClock(aheadMs: number): void {
  globalThis.Date =
    aheadMs === 0
      ? LocalDate
      : new Proxy(LocalDate, {
          construct: (target, args) =>
            args.length === 0 ? new target(target.now() + aheadMs) : Reflect.construct(target, args, target),
          get: (target, name) =>
            name === 'now' ? () => target.now() + aheadMs : Reflect.get(target, name, target),
        });
}

/** Functions that hide those of PostgreSQL in sessions whose search path begins with their schema. */
const CLOCK = `
CREATE SCHEMA test_clock;
CREATE TABLE test_clock.ahead (by interval NOT NULL);
INSERT INTO test_clock.ahead VALUES ('0');
CREATE FUNCTION test_clock.now() RETURNS timestamptz LANGUAGE sql STABLE
  AS 'SELECT pg_catalog.now() + by FROM test_clock.ahead';
CREATE FUNCTION test_clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
  AS 'SELECT pg_catalog.clock_timestamp() + by FROM test_clock.ahead'`;

/** A database whose clock can be set, without that of the machine. */
export interface ClockedDatabase extends TestDatabase {
  setClock(aheadMs: number): Promise<void>;
}

/** @param database where nothing runs yet */
export async function withClock(database: TestDatabase): Promise<ClockedDatabase> {
  const run = async (sql: string, values?: unknown[]): Promise<void> => {
    const client = new Client({ connectionString: database.url });
    await client.connect();
    try {
      await client.query(sql, values);
    } finally {
      await client.end();
    }
  };
  await run(CLOCK);
  return {
    url: `${database.url}?options=-csearch_path%3Dtest_clock,pg_catalog,public`,
    drop: () => database.drop(),
    setClock: (aheadMs) => run(`UPDATE test_clock.ahead SET by = $1 * interval '1 millisecond'`, [aheadMs]),
  };
}
