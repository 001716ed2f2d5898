import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { ResilientClient } from './session/resilient-client.js';
import { EmbeddedPostgresError, hasCode, run } from './embedded-postgres-launch.js';

/** The advisory lock of the process that owns the server. Two arbitrary numbers, unused elsewhere. */
const OWNER_LOCK = [730_511, 6_112];

/** The setting of a server that names the process it was started by; PostgreSQL accepts any name with a dot in it. */
export const STARTER_SETTING = 'order_service.starter';

/** A process takes the lock as soon as its server answers; a process that has not taken it for this long is gone. */
const CLAIM_TIMEOUT_MS = 5_000;

/** A local connection takes milliseconds; longer means that no server listens there. */
const CONNECT_TIMEOUT_MS = 2_000;

/** Interval between attempts to reach a server that starts or stops. */
const POLL_INTERVAL_MS = 50;

/** How soon the lock is taken again after its connection was lost, as when the server recovers from a crash. */
const RETAKE_INTERVAL_MS = 500;

/** A server left over by a killed process gets as long to stop as `stop()` gives it, and a recovering one to answer. */
const LEFTOVER_TIMEOUT_MS = 30_000;

/**
 * Ownership of a server, as a lock in the server itself: exactly one process gets it, and it ends with its holder,
 * which a file with a process id can't guarantee.
 */
export class Claim {
  private closed = false;

  private constructor(
    private readonly url: string,
    private client: Client,
    private socket: Socket,
  ) {
    this.watch();
  }

  /**
   * Requests the lock from a server.
   *
   * @param respectStarter leave the lock to the process that started the server, which may be about to take it
   * @returns `taken` when another process has it, `starting` when it is left to the starter, `silent` when no
   *   server accepts this password there
   */
  static async take(
    url: string,
    { respectStarter = false } = {},
  ): Promise<Claim | 'taken' | 'starting' | 'silent'> {
    const socket = new Socket();
    const client = new ResilientClient({
      connectionString: url,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      stream: () => socket,
    });
    try {
      await client.connect();
      const state = respectStarter ? await readState(client) : 'free';
      const answer = state === 'free' ? await takeLock(client) : state;
      if (answer === 'got') return new Claim(url, client, socket);
      await client.end();
      return answer;
    } catch {
      // Not `end()`: it waits for the peer to close, and the peer may not be a PostgreSQL.
      socket.destroy();
      return 'silent';
    }
  }

  /** Runs a statement on the connection that holds the lock. */
  async query(sql: string, values: unknown[] = []): Promise<unknown[]> {
    this.socket.ref();
    try {
      return (await this.client.query<Record<string, unknown>>(sql, values)).rows;
    } finally {
      this.socket.unref();
    }
  }

  /** Gives the lock back. */
  async release(): Promise<void> {
    this.closed = true;
    this.socket.ref();
    await this.client.end().catch(() => undefined);
  }

  private watch(): void {
    // The lock must not keep a process alive that has nothing else to do.
    this.socket.unref();
    this.client.once('end', () => {
      if (!this.closed) void this.retake();
    });
  }

  private async retake(): Promise<void> {
    while (!this.closed) {
      await sleep(RETAKE_INTERVAL_MS, undefined, { ref: false });
      if (this.closed) return;
      const claim = await Claim.take(this.url);
      if (!(claim instanceof Claim)) continue;
      claim.closed = true;
      this.client = claim.client;
      this.socket = claim.socket;
      if (this.closed) await this.release();
      else this.watch();
      return;
    }
  }
}

async function takeLock(client: Client): Promise<'got' | 'taken'> {
  const sql = 'SELECT pg_try_advisory_lock($1, $2) AS got';
  const { rows } = await client.query<{ got: boolean }>(sql, OWNER_LOCK);
  return rows[0]?.got ? 'got' : 'taken';
}

/** Reads without locking: taking the lock for a moment would mislead its owner. */
async function readState(client: Client): Promise<'free' | 'taken' | 'starting'> {
  const sql = `SELECT current_setting($3, true) AS starter, EXISTS (
    SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND objid = $2 AND objsubid = 2 AND granted
  ) AS taken`;
  const { rows } = await client.query<{ starter: string | null; taken: boolean }>(sql, [
    ...OWNER_LOCK,
    STARTER_SETTING,
  ]);
  if (rows[0]?.taken) return 'taken';
  const starter = Number(rows[0]?.starter);
  return starter > 0 && isAlive(starter) ? 'starting' : 'free';
}

/** A server creates its file and fills it a moment later; a file without a process id for this long is damaged. */
const UNREADABLE_MS = 1_000;

/** PostgreSQL's own record beside its data while it runs. */
interface PidFile {
  pid: number;
  port: number;
}

/** @returns `unreadable` for a file without a process id, and nothing when there is no file */
async function readPidFile(data: string): Promise<PidFile | 'unreadable' | undefined> {
  const content = await readFile(join(data, 'postmaster.pid'), 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (content === undefined) return undefined;
  // The first line is the process, the fourth the port, which is missing while the server starts.
  const [pid = '', , , port] = content.split('\n');
  return /^[1-9]\d{0,9}\s*$/.test(pid) ? { pid: Number(pid), port: Number(port) } : 'unreadable';
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

/** Process ids are reused, for example after a reboot, so the command decides. */
async function isServerOf(pid: number, data: string): Promise<boolean> {
  const fromProc = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined);
  if (fromProc !== undefined) return fromProc.split('\0').includes(data);
  const self = { prefix: [], identity: {}, owner: { uid: 0, gid: 0 } };
  const listed = await run(self, 'ps', ['-p', String(pid), '-o', 'command='], {
    timeoutMs: CONNECT_TIMEOUT_MS,
  });
  return listed.output.includes(data);
}

/**
 * Makes sure that no server runs on the data: a server without an owner is stopped cleanly.
 *
 * @param urlOfPort URL of a server on that port, with the password of these data
 * @throws {EmbeddedPostgresError} when the server belongs to a live process
 */
export async function clearTheWay(
  folder: string,
  data: string,
  urlOfPort: (port: number) => string,
): Promise<void> {
  const deadline = Date.now() + LEFTOVER_TIMEOUT_MS;
  const patience = Date.now() + CLAIM_TIMEOUT_MS;
  const unreadableUntil = Date.now() + UNREADABLE_MS;
  let left: PidFile;
  for (;;) {
    const found = await readPidFile(data);
    if (found === 'unreadable') {
      if (Date.now() > unreadableUntil) return removeUnreadable(folder, data);
      await sleep(POLL_INTERVAL_MS);
      continue;
    }
    if (!found || !isAlive(found.pid)) return;
    left = found;
    if (!(await isServerOf(left.pid, data))) return giveUpPid(data);
    if (Date.now() > deadline) break;
    // The process id of the starter may have been reused: it is respected only for the duration of a start.
    const respectStarter = Date.now() < patience;
    const claim = left.port > 0 ? await Claim.take(urlOfPort(left.port), { respectStarter }) : 'silent';
    if (claim === 'taken') throw new EmbeddedPostgresError(describeUse(folder));
    if (claim instanceof Claim) {
      // In this order: if the lock were released while the server still answers, another process could claim the
      // server.
      process.kill(left.pid, 'SIGINT');
      await claim.release();
    }
    await sleep(POLL_INTERVAL_MS);
  }
  throw new EmbeddedPostgresError(
    `A PostgreSQL with its data in ${folder} is still running (process ${left.pid}) and does not answer. Stop it, then start again.`,
  );
}

/**
 * Removes a file without a process id, as a power cut leaves it: PostgreSQL refuses to start beside it and asks for its
 * removal by hand.
 *
 * @throws {EmbeddedPostgresError} when a server nevertheless runs on the data
 */
async function removeUnreadable(folder: string, data: string): Promise<void> {
  const pid = await findServerOf(data);
  if (pid === undefined) return rm(join(data, 'postmaster.pid'), { force: true });
  throw new EmbeddedPostgresError(
    `A PostgreSQL with its data in ${folder} is still running (process ${pid}), although its file postmaster.pid is damaged. Stop it, then start again.`,
  );
}

async function findServerOf(data: string): Promise<number | undefined> {
  for (const pid of await listProcesses()) if (await isServerOf(pid, data)) return pid;
  return undefined;
}

async function listProcesses(): Promise<number[]> {
  const fromProc = await readdir('/proc').catch((): string[] => []);
  const self = { prefix: [], identity: {}, owner: { uid: 0, gid: 0 } };
  const listed =
    fromProc.length > 0
      ? fromProc
      : (await run(self, 'ps', ['-A', '-o', 'pid='], { timeoutMs: CONNECT_TIMEOUT_MS })).output.split('\n');
  return listed.map(Number).filter((pid) => Number.isInteger(pid) && pid > 0);
}

/** The message of the second start in the same folder. */
export function describeUse(folder: string): string {
  return `The database in ${folder} is in use by another start of this service. Stop that one first, or give this one a folder or a DATABASE_URL of its own.`;
}

/**
 * PostgreSQL handles a stale process id by itself, unless another process has the same id now; then it refuses to
 * start. This process is named instead, because PostgreSQL knows that it is no server. The rest of the file stays,
 * and with it the check for old servers that still use the shared memory. A missing file was removed by a server that
 * has just ended; its process looks foreign once its command can't be read any more.
 */
async function giveUpPid(data: string): Promise<void> {
  const file = join(data, 'postmaster.pid');
  const content = await readFile(file, 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (content === undefined) return;
  const [, ...rest] = content.split('\n');
  await writeFile(file, [process.pid, ...rest].join('\n'));
}
