import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Pool } from 'pg';
import { DataSource } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import { loadSettings } from '../../src/config/settings.js';
import { dataSourceOptions } from '../../src/platform/database/data-source.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
let dataSource: DataSource;

beforeAll(async () => {
  database = await createTestDatabase();
  const settings = loadSettings({ DATABASE_URL: database.url });
  dataSource = await new DataSource(await dataSourceOptions(settings)).initialize();
});

afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

it('a connection that is lost while it passes from the pool to its user does not end the process', async () => {
  const { master } = dataSource.driver as PostgresDriver;
  const connection = await (master as Pool).connect();
  try {
    // Here the pool has ceased to listen, and whoever takes the connection has not begun to.
    expect(() => connection.emit('error', new Error('terminating connection'))).not.toThrow();
  } finally {
    connection.release(true);
  }
});
