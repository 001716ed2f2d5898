import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { Deadline } from '../../src/platform/deadline.js';
import { dataSourceOptions } from '../../src/platform/database/data-source.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../sandbox/postgres/embedded-postgres.js';
import { isDatabaseUnavailable } from '../../src/platform/database/session/database-errors.js';
import { BEGIN, commitAtOnce } from '../../src/platform/database/transaction.js';
import { withDeadline } from '../../src/platform/telemetry/request-context.js';
import { Settings } from '../../src/config/settings.js';
import { queryDatabase } from '../support/invariants.js';

const folder = mkdtempSync(join(tmpdir(), 'order-unconfirmed-'));
let server: EmbeddedPostgres;
let dataSource: DataSource;

beforeAll(async () => {
  server = await startEmbeddedPostgres({ dataDirectory: folder, database: 'orders' });
  const settings = Object.assign(new Settings(), { DATABASE_URL: server.url });
  dataSource = await new DataSource(await dataSourceOptions(settings)).initialize();
  await dataSource.query('CREATE TABLE notes (id integer PRIMARY KEY)');
}, 120_000);

afterAll(async () => {
  await dataSource.destroy();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const insert = (id: number) =>
  withDeadline(Deadline.in(700), () =>
    commitAtOnce(dataSource, BEGIN, [{ text: 'INSERT INTO notes VALUES ($1)', values: [id] }]),
  );

it('a commit without the confirmation of a synchronous standby is reported as failed', async () => {
  expect(await insert(1)).toBe('written');
  await queryDatabase(server.url, `ALTER SYSTEM SET synchronous_standby_names = 'absent'`);
  await queryDatabase(server.url, 'SELECT pg_reload_conf()');
  // The server applies the new setting at the start of a later statement.
  const outcome = await insert(2)
    .then(() => insert(3))
    .catch((error: unknown) => error);
  expect(isDatabaseUnavailable(outcome)).toBe(true);
  expect(String(outcome)).toContain('no synchronous standby has confirmed the commit');
}, 30_000);
