import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { ENTITIES } from '../../src/app.module.js';
import { dataSourceOptions } from '../../src/platform/database/data-source.js';
import { migrate, migrateDatabase } from '../../src/platform/database/migrate.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { queryDatabase } from '../support/invariants.js';

let database: TestDatabase;
let dataSource: DataSource;

const settingsOf = (url: string) =>
  ({ DATABASE_URL: url, DATABASE_TLS: 'off', DATABASE_POOL_SIZE: 2 }) as const;

beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await new DataSource(await dataSourceOptions(settingsOf(database.url), ENTITIES)).initialize();
});

afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

/** Only the migrations contain comments, so they are removed before tables and entities are compared. */
async function removeComments(): Promise<void> {
  const statements = await queryDatabase<{ statement: string }>(
    database.url,
    `SELECT CASE objsubid WHEN 0 THEN format('COMMENT ON TABLE %I IS NULL', relname)
       ELSE format('COMMENT ON COLUMN %I.%I IS NULL', relname, attname) END AS statement
     FROM pg_description JOIN pg_class c ON c.oid = objoid AND relkind = 'r' AND relnamespace = 'public'::regnamespace
     LEFT JOIN pg_attribute ON attrelid = c.oid AND attnum = objsubid`,
  );
  for (const { statement } of statements) await dataSource.query(statement);
}

/** The statements that would make the tables match the entities. */
async function findDrift(): Promise<string[]> {
  const log = await dataSource.driver.createSchemaBuilder().log();
  return log.upQueries.map((query) => query.query);
}

describe('database schema', () => {
  it('has a comment on every table', async () => {
    const bare = await queryDatabase(
      database.url,
      `SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
       AND obj_description(oid) IS NULL AND relname <> 'schema_migrations'`,
    );
    expect(bare).toEqual([]);
  });

  it('matches the entities', async () => {
    await removeComments();
    expect(await findDrift()).toEqual([]);
  });

  it('is reported as different after a change', async () => {
    await dataSource.query('ALTER TABLE orders DROP CONSTRAINT orders_status_known');
    await dataSource.query('ALTER TABLE order_items ADD COLUMN colour text');
    const drift = (await findDrift()).join('\n');
    expect(drift).toContain('orders_status_known');
    expect(drift).toContain('colour');
    await dataSource.query('ALTER TABLE order_items DROP COLUMN colour');
  });
});

describe('migrations', () => {
  it('have no effect when run again, and concurrent runs wait for each other', async () => {
    const url = database.url;
    expect(await migrate(settingsOf(url))).toEqual([]);
    await Promise.all([1, 2, 3].map(() => migrateDatabase(url)));
  });

  it('can be reverted and run again, by several instances at once', async () => {
    const other = await createTestDatabase();
    const source = await new DataSource(await dataSourceOptions(settingsOf(other.url))).initialize();
    for (const _ of source.migrations) await source.undoLastMigration();
    await source.destroy();
    expect(await queryDatabase(other.url, `SELECT to_regclass('orders') AS found`)).toEqual([
      { found: null },
    ]);
    const applied = await Promise.all([1, 2, 3].map(() => migrate(settingsOf(other.url))));
    expect(applied.filter((names) => names.length > 0)).toHaveLength(1);
    await other.drop();
  });
});
