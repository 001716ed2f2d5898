import { appendFile, chown, cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../sandbox/postgres/embedded-postgres.js';
import { SilentProxy } from './silent-proxy.js';
import { eventually } from './service.js';

/** The name of the standby in `synchronous_standby_names`. */
export const STANDBY_NAME = 'standby';

/** A primary and a standby that replicates from it through a proxy, which can cut it off. */
export interface ReplicatedPostgres {
  primaryUrl: string;
  /** From now on the standby receives nothing more. */
  cutOff(): void;
  /** Waits until the standby has replayed everything that the primary has written. */
  untilInSync(): Promise<void>;
  /** Kills all processes of the primary at once. */
  killPrimary(): Promise<void>;
  /** Makes the standby the primary. @returns its address */
  promote(): Promise<string>;
  stop(): Promise<void>;
}

async function query<Row extends object>(url: string, sql: string): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

const newFolder = () => mkdtemp(join(tmpdir(), 'order-standby-'));

/** Starts both servers. The standby is a copy of the running primary's files (PostgreSQL manual, 25.3.4). */
export async function startReplicatedPostgres(): Promise<ReplicatedPostgres> {
  const folders = [await newFolder(), await newFolder()] as const;
  const primary = await startEmbeddedPostgres({
    dataDirectory: folders[0],
    database: 'orders',
    durable: false,
  });
  const proxy = new SilentProxy(primary.url);
  await proxy.start();
  await copyCluster(primary.url, folders, proxy.url);
  const standby = await startEmbeddedPostgres({ dataDirectory: folders[1], durable: false });
  const standbyUrl = new URL(standby.url);
  standbyUrl.pathname = '/orders';
  return {
    primaryUrl: primary.url,
    cutOff: () => proxy.silence(),
    untilInSync: () => untilInSync(primary.url, standbyUrl.href),
    killPrimary: () => kill(primary, folders[0]),
    promote: async () => {
      await query(standbyUrl.href, 'SELECT pg_promote(true, 60)');
      return standbyUrl.href;
    },
    stop: async () => {
      await Promise.all([standby.stop('immediate'), primary.stop('immediate')]);
      await proxy.stop();
      for (const folder of folders) await rm(folder, { recursive: true, force: true });
    },
  };
}

async function copyCluster(
  url: string,
  [from, to]: readonly [string, string],
  replicateFrom: string,
): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`SELECT pg_backup_start('standby', true)`);
  const [source, target] = [join(from, 'cluster'), join(to, 'cluster')];
  await cp(source, target, { recursive: true, filter: (path) => !/postmaster\.(pid|opts)$/.test(path) });
  const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
  await client.end();
  const data = join(target, 'data');
  await writeFile(join(data, 'backup_label'), rows[0]?.labelfile ?? '');
  await writeFile(join(data, 'standby.signal'), '');
  const { hostname, port, username, password } = new URL(replicateFrom);
  const conninfo = `host=${hostname} port=${port} user=${username} password=${password} application_name=${STANDBY_NAME}`;
  await appendFile(join(data, 'postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\n`);
  const { uid, gid } = await stat(source);
  for (const path of await readdir(target, { recursive: true })) await chown(join(target, path), uid, gid);
  for (const path of [target, to]) await chown(path, uid, gid);
}

async function untilInSync(primaryUrl: string, standbyUrl: string): Promise<void> {
  const [row] = await query<{ lsn: string }>(primaryUrl, 'SELECT pg_current_wal_lsn()::text AS lsn');
  await eventually(async () => {
    const [state] = await query<{ isThere: boolean }>(
      standbyUrl,
      `SELECT pg_last_wal_replay_lsn() >= '${row?.lsn}'::pg_lsn AS "isThere"`,
    );
    return state?.isThere;
  }, 30_000);
}

/** The other processes of a server end when they notice that the first one has. */
async function kill(server: EmbeddedPostgres, folder: string): Promise<void> {
  const file = await readFile(join(folder, 'cluster', 'data', 'postmaster.pid'), 'utf8');
  process.kill(Number(file.split('\n')[0]), 'SIGKILL');
  await server.ended;
}
