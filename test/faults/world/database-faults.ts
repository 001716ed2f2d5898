import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../campaign/random.ts';
import type { CampaignDatabase } from './database.ts';

/**
 * SQL errors to inject into the tables of orders. A full disk would need a disk of its own, so PostgreSQL's error for
 * it is raised instead: at a statement or at the commit.
 */
export const SQL_FAULTS = {
  '40001': 'serialization failure',
  '40P01': 'deadlock reported',
  '53100': 'disk full',
  '53200': 'out of memory',
} as const;

export type SqlFault = keyof typeof SQL_FAULTS;

const TABLES = ['orders', 'order_items', 'order_events', 'idempotency_keys'];

/** Always installed and switched on by a row, so that no table has to be locked under load. */
const STATEMENTS = [
  'CREATE SCHEMA faults',
  'CREATE TABLE faults.switch (code text NOT NULL, moment text NOT NULL, probability float8 NOT NULL)',
  `CREATE FUNCTION faults.raise() RETURNS trigger LANGUAGE plpgsql AS $$
   DECLARE chosen record;
   BEGIN
     FOR chosen IN SELECT * FROM faults.switch WHERE moment = TG_ARGV[0] LOOP
       IF random() < chosen.probability THEN
         RAISE EXCEPTION 'injected by the fault harness' USING ERRCODE = chosen.code;
       END IF;
     END LOOP;
     RETURN NEW;
   END $$`,
  ...TABLES.map(
    (table) => `CREATE TRIGGER fails BEFORE INSERT OR UPDATE ON ${table}
      FOR EACH ROW EXECUTE FUNCTION faults.raise('statement')`,
  ),
  `CREATE CONSTRAINT TRIGGER fails_at_commit AFTER INSERT ON order_events DEFERRABLE INITIALLY DEFERRED
     FOR EACH ROW EXECUTE FUNCTION faults.raise('commit')`,
];

export async function prepareSqlFaults(database: CampaignDatabase): Promise<void> {
  for (const statement of STATEMENTS) await database.query(statement);
}

/** Makes statements on orders, or their commits, fail for a while. */
export async function failStatements(
  database: CampaignDatabase,
  code: SqlFault,
  random: Random,
): Promise<string> {
  const moment = random.pick(['statement', 'commit']);
  const lastsMs = random.integer(300, 1_500);
  await database.query('INSERT INTO faults.switch VALUES ($1, $2, $3)', [code, moment, 0.3]);
  await sleep(lastsMs);
  await clearSqlFaults(database);
  return `${SQL_FAULTS[code]} at a ${moment}`;
}

export async function clearSqlFaults(database: CampaignDatabase): Promise<void> {
  await database.query('DELETE FROM faults.switch');
}

/** Cuts connections of the service: some or all. */
export async function cutConnections(database: CampaignDatabase, random: Random): Promise<string> {
  const share = random.pick([0.1, 0.5, 1]);
  await database.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'order-service%' AND random() < $1`,
    [share],
  );
  return 'database connections cut';
}

/**
 * Locks in the opposite order of the service: first what it writes last, then the orders that it has locked. Both wait
 * for each other until PostgreSQL ends one of them.
 */
export async function forceDeadlock(database: CampaignDatabase, random: Random): Promise<string> {
  const session = await database.connect().catch(() => undefined);
  if (!session) return 'deadlock missed';
  try {
    await session.query('BEGIN');
    await session.query("SET LOCAL lock_timeout = '5s'");
    await session.query('LOCK TABLE order_events IN SHARE MODE');
    await sleep(random.integer(20, 300));
    await session.query('SELECT 1 FROM orders ORDER BY id DESC LIMIT 100 FOR UPDATE');
    await session.query('ROLLBACK');
    return 'lock taken in the opposite order of the service';
  } catch {
    return 'deadlock';
  } finally {
    await session.end().catch(() => undefined);
  }
}
