import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** A start takes a second or two; on a busy machine several times that. */
const START_TIMEOUT_MS = 30_000;

/** The built service in a separate process, which a test may kill. */
export interface ServiceProcess {
  url: string;
  pid: number;
  /** The output of the process so far. */
  output(): string;
  /** Sends a signal and waits for the exit. @returns the exit code, or null when a signal ended it */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts the built service with the given settings only, and waits until it responds. */
export async function startServiceProcess(settings: Record<string, string>): Promise<ServiceProcess> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env['PATH'], ...settings, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await untilLive(url, child, () => output);
  return {
    url,
    pid: child.pid ?? 0,
    output: () => output,
    end: async (signal) => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill(signal);
        await once(child, 'exit');
      }
      return child.exitCode;
    },
  };
}

async function untilLive(url: string, child: ChildProcess, output: () => string): Promise<void> {
  const giveUpAt = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < giveUpAt) {
    if (child.exitCode !== null)
      throw new Error(`the service has ended with ${child.exitCode}:\n${output()}`);
    const isLive = await fetch(`${url}/health/live`).then(
      (response) => response.ok,
      () => false,
    );
    if (isLive) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  child.kill('SIGKILL');
  throw new Error(`the service has not started within ${START_TIMEOUT_MS} ms:\n${output()}`);
}
