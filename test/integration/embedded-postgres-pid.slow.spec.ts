import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { chown, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/platform/database/embedded-postgres.js';
import { queryDatabase } from '../support/invariants.js';
import { eventually } from '../support/service.js';

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

async function readPid(folder: string): Promise<number> {
  return Number.parseInt(await readFile(join(folder, 'cluster', 'data', 'postmaster.pid'), 'utf8'), 10);
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
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

  it(
    'prevents a second start beside a running server even when it is damaged',
    async () => {
      const dataDirectory = newFolder();
      const first = await start({ dataDirectory });
      const pid = await readPid(dataDirectory);
      await writeFile(join(dataDirectory, 'cluster', 'data', 'postmaster.pid'), '');
      await expect(start({ dataDirectory })).rejects.toThrow(/is still running \(process \d+\)/);
      expect(await queryDatabase(first.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
      await first.stop('immediate');
      await eventually(() => isGone(pid));
    },
    SLOW_MS,
  );
});
