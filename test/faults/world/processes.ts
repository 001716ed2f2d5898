import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Every running process that a campaign has started; no other process is ever signalled. */
const running = new Set<ChildProcess>();

/** Kills all of them when the campaign ends for any reason. */
export function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** One process of the campaign. */
export interface Process {
  readonly pid: number;
  hasEnded(): boolean;
  /** Its standard output so far. */
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** Resolves when it has ended for any reason. */
  readonly ended: Promise<void>;
}

/** Starts a Node program and writes its output to a file. */
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

/** Short enough for timely checks, and long enough to leave the processor to the process under test. */
const POLL_MS = 50;

/** @returns whether the condition became true in time */
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
