import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** A PostgreSQL that has never run takes a while on a busy machine. */
const START_TIMEOUT_MS = 60_000;

/** How often it is asked; start-up is measured with it, to a few milliseconds. */
const POLL_MS = 5;

/** Linux counts processor time in hundredths of a second on every machine. */
const MS_PER_TICK = 10;

/** Every process that was started and has not ended; nothing else is ever signalled. */
const running = new Set<ChildProcess>();

/** For the end of the command, however it comes: nothing stays behind. */
export function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** Lets a process end with this one. */
export function killWithUs(child: ChildProcess): void {
  running.add(child);
  child.once('exit', () => running.delete(child));
}

/** Starts a program of Node with nothing but the given environment. */
export function startNode(args: string[], environment: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  killWithUs(child);
  return child;
}

export async function untilAnswers(url: string, child: ChildProcess): Promise<void> {
  const giveUpAt = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < giveUpAt) {
    if (child.exitCode !== null) throw new Error(`what was to answer at ${url} has ended`);
    const answers = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (answers) return;
    await sleep(POLL_MS);
  }
  throw new Error(`nothing answers at ${url}`);
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

/**
 * The processor time that a process has used so far, which a busy machine does not change.
 *
 * @returns milliseconds, or undefined on systems without /proc, or without such a process
 */
export async function cpuOf(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The name in brackets may contain anything; user and system time are the 12th and 13th field after it.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields && (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}

/** Megabytes that a process has in memory now, and had at most so far; undefined as above. */
export async function memoryOf(pid: number): Promise<{ now: number; most: number } | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => undefined);
  const [now, most] = ['VmRSS', 'VmHWM'].map((name) => {
    const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status ?? '')?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) / 1_024;
  });
  return now === undefined || most === undefined ? undefined : { now, most };
}
