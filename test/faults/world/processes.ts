import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Every process that a campaign has started and that has not ended; nothing else is ever signalled. */
const running = new Set<ChildProcess>();

/** For the end of the campaign, however it comes: nothing stays behind. */
export function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** One process of the campaign. */
export interface Process {
  readonly pid: number;
  hasEnded(): boolean;
  /** All that it has written to its standard output. */
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** Settles when it has ended, by itself or not. */
  readonly ended: Promise<void>;
}

/** Starts a program of Node and writes what it says into a file. */
export function startProcess(args: string[], env: Record<string, string>, logFile: string): Process {
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    appendFileSync(logFile, chunk);
  });
  child.stderr.on('data', (chunk: Buffer) => appendFileSync(logFile, chunk));
  const ended = once(child, 'exit').then(() => void running.delete(child));
  return {
    pid: child.pid ?? 0,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    output: () => output,
    signal: (name) => void child.kill(name),
    ended,
  };
}

/** Short enough not to slow anything down, and long enough to leave the processor to what is waited for. */
const POLL_MS = 50;

/** @returns whether it came true within the time */
export async function eventually(
  check: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<boolean> {
  const giveUpAt = performance.now() + timeoutMs;
  for (;;) {
    if (await check()) return true;
    if (performance.now() > giveUpAt) return false;
    await sleep(POLL_MS);
  }
}
