import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { freePort } from '../test/support/free-port.ts';
import { end, startNode, untilAnswers } from './processes.ts';

/** The built service of this working copy. */
export const DIST = fileURLToPath(new URL('../dist', import.meta.url));

/** For the most clients that pgbench has, each with a connection, beside the pools of the services. */
const MAX_CONNECTIONS = 400;

/** A running service, on a database of its own. */
export interface Service {
  url: URL;
  pid: number;
  databaseUrl: string;
  stop(): Promise<void>;
}

/** A database server and stand-ins for the other services, each a process of its own, on this machine only. */
export interface Scene {
  /** A folder for files, removed at the end. */
  folder: string;
  /** Creates a database with the tables of the service. */
  createDatabase(name: string): Promise<string>;
  /** Starts a built service. @param settings besides the addresses of what it needs */
  startService(databaseUrl: string, settings?: Record<string, string>, dist?: string): Promise<Service>;
  /** How many customers were told of something so far. */
  countTold(): Promise<number>;
  close(): Promise<void>;
}

/** Loads a module of the built service: Node runs this file as it is, but not those with decorators. */
async function loadBuilt<Module>(path: string): Promise<Module> {
  return (await import(pathToFileURL(join(DIST, path)).href)) as Module;
}

export async function openScene(): Promise<Scene> {
  const cleanups: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  };
  try {
    const folder = await mkdtemp(join(tmpdir(), 'order-bench-'));
    cleanups.push(() => rm(folder, { recursive: true, force: true }));
    const { startEmbeddedPostgres } = await loadBuilt<
      typeof import('../src/platform/database/embedded-postgres.js')
    >('platform/database/embedded-postgres.js');
    const server = await startEmbeddedPostgres({
      dataDirectory: join(folder, 'database'),
      database: 'orders',
      maxConnections: MAX_CONNECTIONS,
    });
    cleanups.push(() => server.stop());
    const port = await freePort();
    const standIns = startNode([fileURLToPath(new URL('./stand-ins.ts', import.meta.url)), String(port)], {});
    cleanups.push(() => end(standIns));
    const standInsUrl = `http://127.0.0.1:${port}`;
    await untilAnswers(`${standInsUrl}/told`, standIns);
    return {
      folder,
      createDatabase: (name) => createDatabase(server.url, name),
      startService: async (databaseUrl, settings = {}, dist = DIST) => {
        const service = await startService(databaseUrl, standInsUrl, settings, dist);
        cleanups.push(() => service.stop());
        return service;
      },
      countTold: async () => {
        const response = await fetch(`${standInsUrl}/told`);
        return ((await response.json()) as { told: number }).told;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function createDatabase(serverUrl: string, name: string): Promise<string> {
  const { Client } = await import('pg');
  const client = new Client({ connectionString: serverUrl });
  await client.connect();
  await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  await client.end();
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function startService(
  databaseUrl: string,
  standInsUrl: string,
  settings: Record<string, string>,
  dist: string,
): Promise<Service> {
  const port = await freePort();
  const child = startNode([join(resolve(dist), 'main.js')], {
    NODE_ENV: 'test',
    HOST: '127.0.0.1',
    PORT: String(port),
    DATABASE_URL: databaseUrl,
    INVENTORY_SERVICE_URL: standInsUrl,
    NOTIFICATION_SERVICE_URL: standInsUrl,
    ...settings,
  });
  const url = new URL(`http://127.0.0.1:${port}`);
  try {
    await untilAnswers(`${url.origin}/health/ready`, child);
  } catch (error) {
    await end(child);
    throw error;
  }
  return { url, pid: child.pid ?? 0, databaseUrl, stop: () => end(child) };
}
