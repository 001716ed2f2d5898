import { closeSync, existsSync, openSync, renameSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Claim, clearTheWay, describeUse, STARTER_SETTING } from './embedded-postgres-claim.js';
import { initialise, type Paths, preparePaths } from './embedded-postgres-cluster.js';
import {
  chooseLauncher,
  EmbeddedPostgresError,
  explain,
  findPrograms,
  type Launcher,
  type Programs,
  type Server,
  startServer,
  tailOf,
} from './embedded-postgres-launch.js';

export { EmbeddedPostgresError } from './embedded-postgres-launch.js';

export interface EmbeddedPostgresOptions {
  /** The folder that holds the data, the password and the log; made when it does not exist, otherwise empty or its own. */
  dataDirectory: string;
  /** A database to create when it does not exist; `url` leads to it. */
  database?: string;
  /** False for tests only: faster, and writes may be lost when the machine (not the service) crashes. */
  durable?: boolean;
  /** A fixed port; by default the system chooses a free one at each start. */
  port?: number;
  maxConnections?: number;
}

/** A PostgreSQL that runs for this process, and ends with it at the latest. */
export interface EmbeddedPostgres {
  /** Contains the password. */
  url: string;
  logFile: string;
  /** Where people find the password. */
  passwordFile: string;
  /** Resolves when the server has ended, by itself or by a stop. */
  ended: Promise<void>;
  /**
   * Stops the server; safe to repeat.
   *
   * @param how `fast` ends the connections and writes all out; `immediate` is like a crash, for tests
   */
  stop(how?: 'fast' | 'immediate'): Promise<void>;
}

/** Crash recovery replays at most a few minutes of writes. */
const START_TIMEOUT_MS = 120_000;

/** How long the last checkpoint of a stop may take before the server is ended as in a crash, which loses nothing. */
const STOP_TIMEOUT_MS = 30_000;

/** How long an immediate end may take before the system ends the process. */
const QUIT_TIMEOUT_MS = 5_000;

/** Interval of the connection attempts. */
const POLL_INTERVAL_MS = 50;

/** A free port may be taken a moment later, and a concurrent start may win: both rarely more than once. */
const START_ATTEMPTS = 5;

/** Enough for the instances and tools of one developer. */
const DEFAULT_MAX_CONNECTIONS = 100;

/**
 * Starts a real PostgreSQL that needs no installation, with its data in a folder.
 *
 * The first start prepares the data. A server that a killed process left behind is stopped before. Two starts in one
 * folder: one works, the other is refused.
 *
 * @throws {EmbeddedPostgresError} with a reason for people
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const programs = findPrograms();
  const paths = await preparePaths(options.dataDirectory);
  try {
    const launcher = await chooseLauncher(programs, paths.folder, paths.cluster);
    await initialise(programs, launcher, paths);
    const password = await readFile(paths.password, 'utf8');
    const urlOfPort = (port: number): string => `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
    for (let attempt = 1; ; attempt += 1) {
      await clearTheWay(paths.folder, paths.data, urlOfPort);
      const port = options.port ?? (await findFreePort());
      const server = openServer(programs, launcher, paths, listSettings(options, port));
      const claim = await waitUntilOurs(server, urlOfPort(port), paths);
      if (claim) return await finish(server, claim, urlOfPort(port), options, paths);
      const tail = tailOf(await readFile(paths.log, 'utf8').catch(() => ''));
      // A concurrent start may have won: that explains more than the log does.
      await clearTheWay(paths.folder, paths.data, urlOfPort);
      const passing = /lock file .* already exists|pre-existing shared memory/.test(tail);
      // A free port can be replaced by another one; a fixed port can't.
      const portTaken = options.port === undefined && /Address already in use/.test(tail);
      if ((!passing && !portTaken) || attempt === START_ATTEMPTS)
        throw new EmbeddedPostgresError(explain(tail));
      await sleep(POLL_INTERVAL_MS * attempt);
    }
  } catch (error) {
    throw describeFailure(error, paths);
  }
}

function listSettings(options: EmbeddedPostgresOptions, port: number): string[] {
  const durable = options.durable ?? true;
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: options.maxConnections ?? DEFAULT_MAX_CONNECTIONS,
    timezone: 'UTC',
    log_timezone: 'UTC',
    fsync: durable ? 'on' : 'off',
    full_page_writes: durable ? 'on' : 'off',
    // On even in tests without durability: off, it would change the order of visibility.
    synchronous_commit: 'on',
    [STARTER_SETTING]: process.pid,
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

function openServer(programs: Programs, launcher: Launcher, paths: Paths, settings: string[]): Server {
  // The previous log is kept once; renamed and not truncated, because another start may be writing to it.
  if (existsSync(paths.log)) renameSync(paths.log, `${paths.log}.1`);
  const log = openSync(paths.log, 'a', 0o600);
  try {
    return startServer(launcher, programs.postgres, ['-D', paths.data, ...settings], log);
  } finally {
    closeSync(log);
  }
}

/**
 * Waits until the server accepts its owner.
 *
 * @returns nothing when the server ended by itself
 */
async function waitUntilOurs(server: Server, url: string, paths: Paths): Promise<Claim | undefined> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!server.hasEnded()) {
    const claim = await Claim.take(url);
    if (claim instanceof Claim) return claim;
    if (claim === 'taken' || Date.now() > deadline) {
      await endServer(server, 'fast');
      const reason =
        claim === 'taken' ? describeUse(paths.folder) : 'PostgreSQL started, but does not answer.';
      throw new EmbeddedPostgresError(reason);
    }
    await sleep(POLL_INTERVAL_MS);
  }
  return undefined;
}

async function finish(
  server: Server,
  claim: Claim,
  adminUrl: string,
  options: EmbeddedPostgresOptions,
  paths: Paths,
): Promise<EmbeddedPostgres> {
  let stopping: Promise<void> | undefined;
  const stop = (how: 'fast' | 'immediate' = 'fast'): Promise<void> =>
    (stopping ??= claim.release().then(() => endServer(server, how)));
  const url = new URL(adminUrl);
  try {
    if (options.database !== undefined) {
      const found = await claim.query('SELECT 1 FROM pg_database WHERE datname = $1', [options.database]);
      const name = `"${options.database.replaceAll('"', '""')}"`;
      if (found.length === 0) await claim.query(`CREATE DATABASE ${name}`);
      url.pathname = `/${encodeURIComponent(options.database)}`;
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: url.href, logFile: paths.log, passwordFile: paths.password, ended: server.ended, stop };
}

async function endServer(server: Server, how: 'fast' | 'immediate'): Promise<void> {
  if (how === 'fast') {
    server.signal('INT');
    await within(server.ended, STOP_TIMEOUT_MS);
  }
  server.signal('QUIT');
  await within(server.ended, QUIT_TIMEOUT_MS);
  server.signal('KILL');
  await server.ended;
}

async function within(promise: Promise<void>, timeoutMs: number): Promise<void> {
  const timer = new AbortController();
  await Promise.race([promise, sleep(timeoutMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
  timer.abort();
}

async function findFreePort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : 0);
    });
  });
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function describeFailure(error: unknown, paths: Paths): EmbeddedPostgresError {
  const reason = error instanceof EmbeddedPostgresError ? error.message : explain(String(error));
  if (reason.split('\n')[0]?.includes(paths.folder))
    return new EmbeddedPostgresError(reason, { cause: error });
  const message = `PostgreSQL could not be started with its data in ${paths.folder} (log: ${paths.log}).\n${reason}`;
  return new EmbeddedPostgresError(message, { cause: error });
}
