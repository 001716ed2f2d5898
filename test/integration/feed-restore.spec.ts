import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../sandbox/postgres/embedded-postgres.js';
import { migrateDatabase } from '../../src/platform/database/migrate.js';
import { line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { type Follower, follow } from '../support/event-stream.js';
import { queryDatabase } from '../support/invariants.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

/** A server starts and initializes its data on a busy machine. */
const TEST_MS = 120_000;

let folder: string;
let service: TestService;
let server: EmbeddedPostgres;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'order-restore-'));
  const options = { dataDirectory: join(folder, 'database'), database: 'restored', maxConnections: 50 };
  server = await startEmbeddedPostgres(options);
  service = await startTestService();
}, TEST_MS);
afterAll(async () => {
  await service.stop();
  await server.stop();
  await rm(folder, { recursive: true });
});

const place = (at: TestService, product: string) => placeOrder(at, orderBody([line(product)]));
const numbersOf = (follower: Follower): number[] =>
  follower.blocks.flatMap(({ event, id }) => (event === 'change' ? [Number(id)] : []));
const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

async function readFeed(at: TestService, after: number): Promise<{ no: number; id: string }[]> {
  const { body } = await at.request('GET', `/events?after=${after}&include=none&limit=500`);
  const { events } = body as { events: { feed_no: number; id: string }[] };
  return events.map(({ feed_no: no, id }) => ({ no, id }));
}

/** Copies the rows of all tables, as pg_dump and a restore do. */
async function restore(from: string, to: string): Promise<void> {
  const tables = await queryDatabase<{ name: string }>(
    from,
    `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
     AND relname <> 'schema_migrations'`,
  );
  const client = new Client({ connectionString: to });
  await client.connect();
  await client.query(`SET session_replication_role = 'replica'`);
  for (const { name } of tables) {
    const rows = await queryDatabase<{ row: object }>(from, `SELECT to_json(t) AS row FROM ${name} t`);
    await client.query(`DELETE FROM ${name}`);
    await client.query(`INSERT INTO ${name} SELECT * FROM json_populate_recordset(NULL::${name}, $1)`, [
      JSON.stringify(rows.map(({ row }) => row)),
    ]);
  }
  await client.end();
}

describe('a database that was dumped and restored into a new cluster', () => {
  it(
    'continues the feed and the stream without a gap or a repetition',
    async () => {
      const product = newProduct(service.sandbox, 1_000);
      const before = await follow(service);
      for (let order = 0; order < 5; order += 1) await place(service, product);
      await eventually(() => numbersOf(before).length === 10);
      const [read, received] = [await readFeed(service, 0), Number(before.lastId())];
      before.leave();
      // The dump has events that no consumer has seen, with and without numbers.
      await place(service, product);
      await eventually(async () => (await readFeed(service, received)).length === 2);
      await place(service, product);
      await migrateDatabase(server.url);
      await restore(service.database.url, server.url);

      const database = { url: server.url, drop: async () => undefined };
      const restored = await startTestService({ beside: { sandbox: service.sandbox, database } });
      const after = await follow(restored, String(received));
      await place(restored, product);
      await eventually(() => numbersOf(after).length === 6);
      expect(numbersOf(after)).toEqual(range(received + 1, received + 6));
      expect(after.blocks.some(({ event }) => event === 'reset')).toBe(false);
      const rest = await readFeed(restored, received);
      expect(rest.map(({ no }) => no)).toEqual(range(received + 1, received + 6));
      const all = await readFeed(restored, 0);
      expect(all).toEqual([...read, ...rest]);
      expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
      after.leave();
      await restored.stop();
    },
    TEST_MS,
  );
});
