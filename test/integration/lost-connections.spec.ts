import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import type { Pool } from 'pg';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import { expectProblem } from '../support/builders.js';
import { administer, SERVER_VARIABLE } from '../support/database.js';
import { queryDatabase } from '../support/invariants.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.stop());

const cut = () =>
  queryDatabase(
    service.database.url,
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'order-service%'`,
  );

describe('connections that the server closes', () => {
  it('do not end the process, also when one is checked out and idle', async () => {
    const pool = (service.app.get(DataSource).driver as PostgresDriver).master as Pool;
    const handedOut = await pool.connect();
    // Only the connection itself has an error listener now; without it this test would end with an unhandled error.
    expect(handedOut.listenerCount('error')).toBe(1);
    const ended = new Promise<void>((resolve) => handedOut.once('end', resolve));
    await cut();
    await ended;
    handedOut.release(true);
    const health = await eventually(async () => {
      const answer = await service.request('GET', '/health');
      return answer.status === 200 ? answer : undefined;
    });
    expect(health.body.status).toBe('healthy');
  });

  it('are an outage while the database accepts no new ones', async () => {
    const server = process.env[SERVER_VARIABLE] ?? '';
    const name = new URL(service.database.url).pathname.slice(1);
    await administer(server, `ALTER DATABASE "${name}" ALLOW_CONNECTIONS false`);
    await administer(
      server,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
    );
    const refused = await service.request('GET', '/orders?limit=1');
    await administer(server, `ALTER DATABASE "${name}" ALLOW_CONNECTIONS true`);
    expectProblem(refused, 503);
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    await eventually(async () => (await service.request('GET', '/orders?limit=1')).status === 200);
  });
});
