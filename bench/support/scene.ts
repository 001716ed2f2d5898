import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../sandbox/postgres/embedded-postgres.ts';
import { freePort } from '../../test/support/free-port.ts';
import { imageOptions } from '../../test/support/image-options.ts';
import { withClient } from './database.ts';
import { end, killAll, startNode, untilAnswers } from './processes.ts';

/** The built service of this working copy. */
export const DIST = fileURLToPath(new URL('../../dist', import.meta.url));

/** For the most clients that pgbench has, each with a connection, beside the pools of the services. */
const MAX_CONNECTIONS = 400;

/** A running service, on a database of its own. */
export interface Service {
  url: URL;
  pid: number;
  databaseUrl: string;
  /** From the start of the process until it said that it is ready, in milliseconds. */
  startedIn: number;
  stop(): Promise<void>;
}

/** A database server and stand-ins for the other services, each a process of its own, on this machine only. */
export interface Scene {
  /** A folder for files, removed at the end; the database server can read what is in it. */
  folder: string;
  /** Where all other services are played. */
  standInsUrl: URL;
  /** Creates an empty database. */
  createDatabase(name: string): Promise<string>;
  /** Creates a database with the tables of the service. */
  createTables(name: string): Promise<string>;
  /** Starts a built service. @param settings besides the addresses of what it needs */
  startService(databaseUrl: string, settings?: Record<string, string>, dist?: string): Promise<Service>;
  /** Number of customers that were notified so far. */
  countTold(): Promise<number>;
  /** Adds a step that runs before the services and the database server are ended. */
  onClose(cleanup: () => Promise<unknown>): void;
  /** Ends and removes everything; idempotent. */
  close(): Promise<void>;
}

/** Those that are open or on their way to it, for the case that the command is interrupted. */
const scenes = new Set<Promise<Scene>>();

/** To be given to `runCommand`. */
export async function leaveNothing(): Promise<void> {
  killAll();
  // One that fails to open has tidied up after itself.
  await Promise.allSettled([...scenes].map(async (scene) => (await scene).close()));
}

/**
 * Runs something on a scene of its own.
 *
 * @param settings of the database server, where it is not to have its defaults
 */
export async function withScene<Result>(
  work: (scene: Scene) => Promise<Result>,
  settings: Record<string, string> = {},
): Promise<Result> {
  const opening = openScene(settings);
  scenes.add(opening);
  try {
    return await work(await opening);
  } finally {
    await opening.then((scene) => scene.close()).finally(() => scenes.delete(opening));
  }
}

/** Loads a module of the built service: Node runs this file as it is, but not those with decorators. */
export async function loadBuilt<Module>(path: string): Promise<Module> {
  return (await import(pathToFileURL(join(DIST, path)).href)) as Module;
}

async function openScene(databaseSettings: Record<string, string>): Promise<Scene> {
  const cleanups: (() => Promise<unknown>)[] = [];
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  };
  try {
    const folder = await mkdtemp(join(tmpdir(), 'order-bench-'));
    // Retries: a load that is interrupted may still write to the folder.
    cleanups.push(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
    // The database server may run as another user; below are only numbers that were made up, and its own folder.
    await chmod(folder, 0o755);
    const server = await startDatabase(join(folder, 'database'), databaseSettings);
    cleanups.push(() => server.stop('immediate'));
    const port = await freePort();
    const standIns = startNode([fileURLToPath(new URL('./stand-ins.ts', import.meta.url)), String(port)], {});
    cleanups.push(() => end(standIns));
    const standInsUrl = new URL(`http://127.0.0.1:${port}`);
    await untilAnswers(`${standInsUrl.origin}/told`, standIns);
    const start: Scene['startService'] = async (databaseUrl, settings = {}, dist = DIST) => {
      const service = await startService(databaseUrl, standInsUrl, settings, dist);
      cleanups.push(() => service.stop());
      return service;
    };
    return {
      folder,
      standInsUrl,
      createDatabase: (name) => createDatabase(server.url, name),
      createTables: async (name) => {
        const databaseUrl = await createDatabase(server.url, name);
        await (await start(databaseUrl)).stop();
        return databaseUrl;
      },
      startService: start,
      onClose: (cleanup) => void cleanups.push(cleanup),
      countTold: () => countTold(standInsUrl),
      close: () => (closing ??= close()),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startDatabase(
  dataDirectory: string,
  settings: Record<string, string>,
): Promise<EmbeddedPostgres> {
  const options = { dataDirectory, database: 'orders', maxConnections: MAX_CONNECTIONS };
  const server = await startEmbeddedPostgres(options);
  const entries = Object.entries(settings);
  if (entries.length === 0) return server;
  // Some of them, such as that of its memory, it reads only at its start.
  try {
    await withClient(server.url, async (client) => {
      for (const [name, value] of entries)
        await client.query(`ALTER SYSTEM SET ${name} = ${client.escapeLiteral(value)}`);
    });
  } finally {
    await server.stop();
  }
  return startEmbeddedPostgres(options);
}

async function countTold(standInsUrl: URL): Promise<number> {
  const response = await fetch(`${standInsUrl.origin}/told`);
  return ((await response.json()) as { told: number }).told;
}

async function createDatabase(serverUrl: string, name: string): Promise<string> {
  await withClient(serverUrl, (client) => client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`));
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function startService(
  databaseUrl: string,
  standInsUrl: URL,
  settings: Record<string, string>,
  dist: string,
): Promise<Service> {
  const port = await freePort();
  const startedAt = performance.now();
  const child = startNode([...imageOptions(), join(resolve(dist), 'main.js')], {
    NODE_ENV: 'test',
    HOST: '127.0.0.1',
    PORT: String(port),
    DATABASE_URL: databaseUrl,
    INVENTORY_SERVICE_URL: standInsUrl.origin,
    // As in the runs before the default was changed, so that figures stay comparable.
    INVENTORY_HONOURS_IDEMPOTENCY_KEYS: 'true',
    NOTIFICATION_SERVICE_URL: standInsUrl.origin,
    ...settings,
  });
  const url = new URL(`http://127.0.0.1:${port}`);
  try {
    await untilAnswers(`${url.origin}/health/ready`, child);
  } catch (error) {
    await end(child);
    throw error;
  }
  const startedIn = performance.now() - startedAt;
  return { url, pid: child.pid ?? 0, databaseUrl, startedIn, stop: () => end(child) };
}
