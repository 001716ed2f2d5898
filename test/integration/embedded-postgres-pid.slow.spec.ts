import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { chown, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../sandbox/postgres/embedded-postgres.js';
import { queryDatabase } from '../support/invariants.js';

/** The first start on a slow machine initializes a whole database. */
const SLOW_MS = 120_000;

const root = mkdtempSync(join(tmpdir(), 'order-embedded-pid-'));
const started: EmbeddedPostgres[] = [];
let folders = 0;

function newFolder(): string {
  folders += 1;
  return join(root, `data ${folders}`);
}

async function start(options: { dataDirectory: string }): Promise<EmbeddedPostgres> {
  const database = await startEmbeddedPostgres({ durable: false, ...options });
  started.push(database);
  return database;
}

describe('postmaster.pid of the embedded PostgreSQL', () => {
  afterEach(async () => {
    await Promise.all(started.splice(0).map((database) => database.stop()));
  });

  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it.each([
    ['empty', ''],
    ['full of zeros', '\0'.repeat(4_096)],
    ['text', 'not a process id\n'],
    ['cut off within its first line', '99'],
  ])(
    'does not prevent a start after a power cut that left it %s',
    async (_, content) => {
      const dataDirectory = newFolder();
      await (await start({ dataDirectory })).stop();
      const { uid, gid } = await stat(join(dataDirectory, 'cluster', 'data'));
      const file = join(dataDirectory, 'cluster', 'data', 'postmaster.pid');
      await writeFile(file, content);
      await chown(file, uid, gid);
      const second = await start({ dataDirectory });
      expect(await queryDatabase(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    },
    SLOW_MS,
  );
});
