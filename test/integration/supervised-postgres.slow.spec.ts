import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SupervisedPostgres } from '../../sandbox/postgres/supervised-postgres.js';
import { queryDatabase } from '../support/invariants.js';
import { eventually } from '../support/service.js';

/** The first start on a slow machine initializes a whole database. */
const SLOW_MS = 120_000;

const root = mkdtempSync(join(tmpdir(), 'order-supervised-'));
let running: SupervisedPostgres | undefined;
let folders = 0;

async function start(restartWaitsMs: number[]) {
  const folder = join(root, `data ${(folders += 1)}`);
  const data = join(folder, 'cluster', 'data');
  const lines: string[] = [];
  const database = await SupervisedPostgres.start(
    { dataDirectory: folder, database: 'orders' },
    { report: (line) => lines.push(line), restartWaitsMs },
  );
  running = database;
  return { database, data, lines, pid: await readPid(data) };
}

async function readPid(data: string): Promise<number> {
  return Number.parseInt(await readFile(join(data, 'postmaster.pid'), 'utf8'), 10);
}

describe('supervised PostgreSQL', () => {
  afterEach(() => running?.stop());
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it(
    'restarts a killed server on the same port with all committed data, several times',
    async () => {
      const { database, data, lines, pid } = await start([10, 10, 10]);
      const { url } = database;
      await queryDatabase(url, 'CREATE TABLE kept (n integer)');
      process.kill(pid, 'SIGKILL');
      await eventually(async () => lines.includes('PostgreSQL is running again.') || undefined);
      expect(database.url).toBe(url);
      expect(await queryDatabase(url, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 0 }]);
      process.kill(await readPid(data), 'SIGQUIT');
      await eventually(async () => lines.length === 4 || undefined);
      expect(await queryDatabase(url, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 0 }]);
      expect(lines[0]).toMatch(
        /^PostgreSQL is not running \(log: .*\)\. Restarting it in 0\.01 s \(attempt 1 of 3\)\.$/,
      );
      expect(lines[2]).toContain('attempt 2 of 3');
    },
    SLOW_MS,
  );

  it(
    'leaves the crash of one backend to PostgreSQL itself',
    async () => {
      const { database, lines } = await start([10]);
      const crash = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'";
      const [walWriter] = await queryDatabase<{ pid: number }>(database.url, crash);
      process.kill(walWriter?.pid ?? 0, 'SIGKILL');
      await eventually(async () => {
        const [another] = await queryDatabase<{ pid: number }>(database.url, crash).catch(() => []);
        return (another && another.pid !== walWriter?.pid) || undefined;
      });
      expect(lines).toEqual([]);
    },
    SLOW_MS,
  );

  it(
    'reports each failed restart with its reason, and gives up after the last one',
    async () => {
      const { database, data, lines, pid } = await start([10, 10]);
      // As on a full disk: PostgreSQL ends, and can't start again.
      await rename(join(data, 'PG_VERSION'), join(data, 'PG_VERSION.away'));
      await writeFile(join(data, 'PG_VERSION'), '');
      process.kill(pid, 'SIGKILL');
      await database.lost;
      expect(lines.filter((line) => line.includes('is not running'))).toHaveLength(2);
      expect(lines.filter((line) => line.includes('could not be restarted'))).toHaveLength(2);
      expect(lines.at(-1)).toContain('did not stay up after 2 restarts; giving up');
    },
    SLOW_MS,
  );

  it(
    'does not restart a server that was stopped, not even during a restart',
    async () => {
      const { database, data, lines, pid } = await start([10]);
      process.kill(pid, 'SIGKILL');
      await eventually(async () => lines.length === 1 || undefined);
      await database.stop();
      await expect(readPid(data).then((found) => process.kill(found, 0))).rejects.toThrow();
      await expect(queryDatabase(database.url, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
    },
    SLOW_MS,
  );
});
