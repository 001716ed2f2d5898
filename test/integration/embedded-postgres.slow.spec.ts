import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { chown, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from '../../sandbox/postgres/embedded-postgres.js';

/** The first start on a slow machine initializes a whole database. */
const SLOW_MS = 120_000;

const root = mkdtempSync(join(tmpdir(), 'order-embedded-'));
const started: EmbeddedPostgres[] = [];
let folders = 0;

function newFolder(): string {
  folders += 1;
  return join(root, `data ${folders}`);
}

async function start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const database = await startEmbeddedPostgres({ durable: false, ...options });
  started.push(database);
  return database;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function readPid(folder: string): Promise<number> {
  return Number.parseInt(await readFile(join(folder, 'cluster', 'data', 'postmaster.pid'), 'utf8'), 10);
}

async function untilGone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Starts the database in another process, which the test can kill. */
async function startInProcess(
  folder: string,
  environment: Record<string, string> = {},
): Promise<{ url: string; kill(): Promise<void> }> {
  const script = `
    const { startEmbeddedPostgres } = await import(process.argv[1]);
    const database = await startEmbeddedPostgres({ dataDirectory: process.argv[2], database: 'orders' });
    process.stdout.write(database.url + '\\n');
    setInterval(() => undefined, 1000);`;
  const compiled = join(process.cwd(), 'sandbox', 'postgres', 'embedded-postgres.ts');
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, compiled, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
    child.once('exit', () => reject(new Error('The process ended before the database was there.')));
  });
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return { url, kill };
}

describe('embedded PostgreSQL', () => {
  afterEach(async () => {
    await Promise.all(started.splice(0).map((database) => database.stop()));
  });

  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it(
    'keeps data across a stop, has a random password, and listens on localhost only',
    async () => {
      const dataDirectory = newFolder();
      const first = await start({ dataDirectory, database: 'orders', durable: true, maxConnections: 50 });
      await query(first.url, 'CREATE TABLE kept (n integer)');
      expect(await query(first.url, 'SHOW fsync')).toEqual([{ fsync: 'on' }]);
      expect(await query(first.url, 'SHOW synchronous_commit')).toEqual([{ synchronous_commit: 'on' }]);
      expect(await query(first.url, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
      expect(await query(first.url, 'SHOW max_connections')).toEqual([{ max_connections: '50' }]);
      expect(await query(first.url, 'SHOW server_encoding')).toEqual([{ server_encoding: 'UTF8' }]);
      expect(await query(first.url, "SELECT upper('é') AS upper, 'Z' < 'a' AS bytewise")).toEqual([
        { upper: 'É', bytewise: true },
      ]);
      const wrong = new URL(first.url);
      wrong.password = 'password';
      await expect(query(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
      expect((await stat(join(dataDirectory, 'cluster', 'password'))).mode & 0o777).toBe(0o600);
      await first.stop();
      await first.stop();

      const second = await start({ dataDirectory, database: 'orders' });
      expect(await query(second.url, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 0 }]);
      expect(await query(second.url, 'SHOW fsync')).toEqual([{ fsync: 'off' }]);
      expect(await query(second.url, 'SHOW synchronous_commit')).toEqual([{ synchronous_commit: 'on' }]);
      expect(new URL(second.url).password).toBe(new URL(first.url).password);
    },
    SLOW_MS,
  );

  it(
    'rejects a second start in a folder in use, also when two first starts run at once',
    async () => {
      const dataDirectory = newFolder();
      const outcomes = await Promise.allSettled([start({ dataDirectory }), start({ dataDirectory })]);
      const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
      expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
      expect(refused).toHaveLength(1);
      expect(String(refused[0]?.reason)).toContain(dataDirectory);
      await expect(start({ dataDirectory })).rejects.toThrow(`The database in ${dataDirectory} is in use`);
      expect(await query(started[0]?.url ?? '', 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    },
    SLOW_MS,
  );

  it(
    'still rejects a second start after the server recovered from the crash of a backend',
    async () => {
      const dataDirectory = newFolder();
      const first = await start({ dataDirectory });
      await query(
        first.url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
      );
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      await expect(start({ dataDirectory })).rejects.toThrow('is in use');
    },
    SLOW_MS,
  );

  it(
    'stops when its process ends or is killed, and starts again with all committed data',
    async () => {
      const dataDirectory = newFolder();
      const process1 = await startInProcess(dataDirectory);
      await query(process1.url, 'CREATE TABLE kept (n integer)');
      await process1.kill();
      const second = await start({ dataDirectory, database: 'orders' });
      expect(await query(second.url, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 0 }]);
      await second.stop();

      const process2 = await startInProcess(dataDirectory);
      const left = await readPid(dataDirectory);
      await process2.kill();
      await untilGone(left);
    },
    SLOW_MS,
  );

  it(
    'ignores the environment variables of libpq, which may name other databases',
    async () => {
      const server = { PGHOST: 'db.invalid', PGPORT: '1', PGUSER: 'unknown', PGPASSWORD: 'wrong' };
      const encryption = { PGSSLMODE: 'require', PGSSLNEGOTIATION: 'direct' };
      const session = { PGOPTIONS: '-c default_transaction_read_only=on', PGREPLICATION: 'database' };
      const process1 = await startInProcess(newFolder(), { ...server, ...encryption, ...session });
      expect(await query(process1.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
      await process1.kill();
    },
    SLOW_MS,
  );

  // The test finds the processes to kill in /proc, which only Linux has.
  (process.platform === 'linux' ? it : it.skip)(
    'stops a server whose keeper was killed, and starts its own',
    async () => {
      const dataDirectory = newFolder();
      const process1 = await startInProcess(dataDirectory);
      const pid = await readPid(dataDirectory);
      const keeper = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ')[1];
      // As when the system ends all processes of Node.js.
      process.kill(Number(keeper), 'SIGKILL');
      await process1.kill();
      expect(await query(process1.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
      try {
        const second = await start({ dataDirectory });
        await expect(query(process1.url, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
        expect(await query(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
      } catch (error) {
        process.kill(pid, 'SIGQUIT');
        throw error;
      }
    },
    SLOW_MS,
  );

  it(
    'starts when the process id of a crashed server belongs to another process',
    async () => {
      const dataDirectory = newFolder();
      const first = await start({ dataDirectory });
      const { uid, gid } = await stat(join(dataDirectory, 'cluster', 'data'));
      const file = join(dataDirectory, 'cluster', 'data', 'postmaster.pid');
      const [, ...rest] = (await readFile(file, 'utf8')).split('\n');
      await first.stop();
      const stranger = spawn('sleep', ['600'], { stdio: 'ignore', uid, gid });
      try {
        await writeFile(file, [stranger.pid, ...rest].join('\n'));
        await chown(file, uid, gid);
        const second = await start({ dataDirectory });
        expect(await query(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
      } finally {
        stranger.kill();
      }
    },
    SLOW_MS,
  );

  // Without root, no folder is accessible to the current user but not to PostgreSQL's.
  (process.getuid?.() === 0 && process.platform === 'linux' ? it : it.skip)(
    'works for root in a folder that only root may enter, and changes no owner outside its own folder',
    async () => {
      const parent = newFolder();
      await mkdir(parent, { mode: 0o700 });
      const database = await start({ dataDirectory: join(parent, 'data'), database: 'orders' });
      expect(await query(database.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
      expect(await stat(parent)).toMatchObject({ uid: 0, gid: 0 });
      expect((await stat(parent)).mode & 0o777).toBe(0o700);
      await database.stop();
      const again = await start({ dataDirectory: join(parent, 'data'), database: 'orders' });
      expect(await query(again.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    },
    SLOW_MS,
  );

  it(
    'names the problem: other files in the folder, a file in its place, a port in use, damaged data',
    async () => {
      const foreign = newFolder();
      await mkdir(foreign);
      await writeFile(join(foreign, 'thesis.txt'), 'precious');
      const owner = (await stat(foreign)).uid;
      await expect(start({ dataDirectory: foreign })).rejects.toThrow('thesis.txt');
      expect((await stat(foreign)).uid).toBe(owner);
      await expect(start({ dataDirectory: join(foreign, 'thesis.txt') })).rejects.toThrow('thesis.txt');

      const dataDirectory = newFolder();
      const taken = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
      await once(taken, 'listening');
      const address = taken.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      await expect(start({ dataDirectory, port })).rejects.toThrow('Address already in use');
      await new Promise((resolve) => taken.close(resolve));
      const working = await start({ dataDirectory, port });
      expect(new URL(working.url).port).toBe(String(port));
      await working.stop();

      await writeFile(join(dataDirectory, 'cluster', 'data', 'PG_VERSION'), '17\n');
      await expect(start({ dataDirectory })).rejects.toThrow(/initialized by PostgreSQL version 17/);
      expect(await readdir(dataDirectory)).toContain('postgres.log');
    },
    SLOW_MS,
  );
});
