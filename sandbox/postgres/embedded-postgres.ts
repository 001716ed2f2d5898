import { spawn, type StdioOptions } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chooseLauncher } from './account.ts';
import type { HowToStop, KeeperAnswer, KeeperOptions } from './keeper.ts';

/** PostgreSQL could not be started or prepared. The message is for the operator. */
export class EmbeddedPostgresError extends Error {}

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
  /** Stops the server; idempotent. */
  stop(how?: HowToStop): Promise<void>;
}

const KEEPER = fileURLToPath(new URL('./keeper.ts', import.meta.url));

/** Advice for common faults. */
const REMEDIES: [RegExp, string][] = [
  [/ENOSPC|No space left/, 'The disk is full.'],
  [/EACCES|EPERM|EROFS|denied|Read-only/, "The folder can't be written to, or belongs to another user."],
  [/Cannot find package|Unsupported/, 'It is not installed: run `npm ci`, or set DATABASE_URL.'],
  [/shared librar|Library not loaded/, 'Its libraries are incomplete: run `npm rebuild`.'],
];

/**
 * Starts a real PostgreSQL that needs no installation, with its data in a folder.
 *
 * The first start prepares the data. A server that a killed process left behind is stopped before. Two starts in one
 * folder: one works, the other is refused.
 *
 * @throws {EmbeddedPostgresError} with a reason for people
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDirectory, database, port } = options;
  try {
    const folder = prepareFolder(dataDirectory);
    const logFile = join(folder, 'postgres.log');
    const child = startKeeper({ folder, database, port, settings: listSettings(options) }, logFile);
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const answer = await new Promise<KeeperAnswer>((resolve) => {
      child.once('message', resolve).once('error', (error) => resolve({ failed: String(error) }));
      const lastWords = ended.then(() => fs.promises.readFile(logFile, 'utf8')).catch(String);
      void lastWords.then((failed) => resolve({ failed }));
    });
    if ('failed' in answer) throw new Error(answer.failed);
    // A process that forgets to stop the server can end nevertheless, and the server ends with it.
    child.unref();
    child.channel?.unref();
    const stop = (how: HowToStop = 'fast'): Promise<void> => {
      child.ref();
      if (child.connected) child.send(how, () => undefined);
      return ended;
    };
    return { url: answer.url, logFile, passwordFile: join(folder, 'cluster', 'password'), ended, stop };
  } catch (error) {
    throw new EmbeddedPostgresError(explain(dataDirectory, String(error).replace(/^(Error: )+/, '')), {
      cause: error,
    });
  }
}

/** PostgreSQL gets the real path, so that the server can be recognised by it through any symbolic link. */
function prepareFolder(dataDirectory: string): string {
  fs.mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
  const folder = fs.realpathSync(dataDirectory);
  const stranger = fs.readdirSync(folder).find((name) => !/^(cluster|new-.*|postgres\.log.*)$/.test(name));
  // As root the folder is given to another account, which must never happen to files of something else.
  if (stranger !== undefined)
    throw new Error(`It holds other files (${stranger}): choose a folder of its own.`);
  return folder;
}

function listSettings({ durable = true, maxConnections = 100 }: EmbeddedPostgresOptions) {
  const access = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    `max_connections=${maxConnections}`,
  ];
  // Commits wait even in tests without durability: otherwise the order of visibility would change.
  const durability = [`fsync=${durable}`, `full_page_writes=${durable}`, 'synchronous_commit=on'];
  return [...access, ...durability, 'timezone=UTC', 'log_timezone=UTC'];
}

/** In a session of its own, where a Ctrl-C in the terminal can't end it before the service. */
function startKeeper(options: KeeperOptions, logFile: string) {
  const launcher = chooseLauncher(options.folder, join(options.folder, 'cluster'), KEEPER);
  // The previous log is kept once; renamed and not truncated, because another start may be writing to it.
  if (fs.existsSync(logFile)) fs.renameSync(logFile, `${logFile}.1`);
  const log = fs.openSync(logFile, 'a', 0o600);
  const [command, ...args] = [...launcher.prefix, process.execPath, KEEPER, JSON.stringify(options)];
  // Without PG* variables, which would redirect it, and without a language, because its messages are read.
  const kept = Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name));
  const env = Object.fromEntries(kept);
  const stdio: StdioOptions = ['ignore', log, log, 'ipc'];
  const child = spawn(command, args, { ...launcher.identity, cwd: '/', detached: true, env, stdio });
  fs.closeSync(log);
  return child;
}

function explain(folder: string, reason: string): string {
  const remedy = REMEDIES.find(([pattern]) => pattern.test(reason))?.[1] ?? '';
  if (reason.startsWith('The database in')) return reason;
  return `PostgreSQL can't be started with its data in ${folder} (see postgres.log there). ${remedy}\n${reason}`;
}
