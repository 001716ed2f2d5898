import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import { connect, poolOf } from '../../src/platform/database/connection.js';
import { ResilientClient } from '../../src/platform/database/session/resilient-client.js';
import { orderBody } from '../support/builders.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { queryDatabase } from '../support/invariants.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

/** Defaults of a database under which statements fail or have another meaning. */
const HOSTILE = [
  `DateStyle = 'German, DMY'`,
  `IntervalStyle = 'sql_standard'`,
  `TimeZone = 'Pacific/Chatham'`,
  `search_path = 'pg_catalog'`,
  `default_transaction_isolation = 'serializable'`,
  `default_transaction_read_only = on`,
  `statement_timeout = 1`,
  `lock_timeout = 1`,
  // Would end an export, a migration or the wait for a lock, with its connection.
  `transaction_timeout = 1000`,
];

let service: TestService;
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  const name = new URL(database.url).pathname.slice(1);
  for (const setting of HOSTILE)
    await queryDatabase(database.url, `ALTER DATABASE "${name}" SET ${setting.replace('= on', '= off')}`);
  await queryDatabase(database.url, `ALTER DATABASE "${name}" SET default_transaction_read_only = on`);
  service = await startTestService({ settings: { DATABASE_URL: database.url } });
});
afterAll(async () => {
  await service.stop();
  await database.drop();
});

describe('database sessions', () => {
  it('override the defaults of the database, also in the task engine', async () => {
    const placed = await service.request('POST', '/orders', orderBody());
    expect(placed.status).toBe(201);
    await eventually(async () => {
      const [row] = await service.app
        .get(DataSource)
        .query<{ open: number }[]>(`SELECT count(*)::int AS open FROM tasks`);
      return row?.open === 0;
    }, 20_000);
    const [session] = await service.app.get(DataSource).query<Record<string, string>[]>(
      `SELECT current_setting('DateStyle') AS style, current_setting('TimeZone') AS zone,
         current_setting('statement_timeout') AS statement, current_setting('transaction_timeout') AS transaction`,
    );
    expect(session).toEqual({ style: 'ISO, MDY', zone: 'UTC', statement: '15s', transaction: '0' });
  });

  it('keep a setting of DATABASE_URL', async () => {
    const client = new ResilientClient({
      connectionString: `${database.url}?options=-csearch_path%3Dshop`,
      statement_timeout: 10_000,
    });
    await client.connect();
    const { rows } = await client.query<{ path: string; zone: string }>(
      `SELECT current_setting('search_path') AS path, current_setting('TimeZone') AS zone`,
    );
    await client.end();
    expect(rows).toEqual([{ path: 'shop', zone: 'UTC' }]);
  });

  it('are dropped when they are read-only; requests get 503 with Retry-After, and the instance is not ready', async () => {
    const dataSource = service.app.get(DataSource);
    const pool = poolOf(dataSource);
    // As on a server that became a standby: every pooled session rejects writes.
    const sessions: PoolClient[] = [];
    for (let at = 0; at < (pool?.options.max ?? 0); at += 1) sessions.push(await connect(dataSource));
    for (const session of sessions) await session.query('SET default_transaction_read_only = on');
    for (const session of sessions) session.release();
    const ready = await service.request('GET', '/health/ready');
    expect(ready.status).toBe(503);
    const refused = await service.request('POST', '/orders', orderBody());
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).not.toBeNull();
    const answers: number[] = [];
    await eventually(async () => {
      answers.push((await service.request('POST', '/orders', orderBody())).status);
      return answers.at(-1) === 201;
    }, 20_000);
    expect(answers.filter((status) => status !== 503 && status !== 201)).toEqual([]);
    await eventually(async () => (await service.request('GET', '/health/ready')).status === 200, 20_000);
  });
});
