import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** A PostgreSQL that has never run takes a while on a busy machine. */
const START_TIMEOUT_MS = 60_000;

/** What is ordered. */
export const PRODUCT = 'BENCH';

/** Enough that no order is refused for want of stock. */
const STOCK = 1_000_000;

/** The built service with a database and stand-ins, each a process of its own, on this machine only. */
export interface Scene {
  url: string;
  close(): Promise<void>;
}

function built(path: string): URL {
  return new URL(`../dist/${path}`, import.meta.url);
}

/** Loads a module of the built service: Node runs this file as it is, but not those with decorators. */
async function loadEmbeddedPostgres(): Promise<
  typeof import('../src/platform/database/embedded-postgres.js')
> {
  return import(built('platform/database/embedded-postgres.js').href);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('there is no free port');
  return address.port;
}

function run(program: string, args: string[], environment: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [fileURLToPath(built(program)), ...args], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

async function untilAnswers(url: string, child: ChildProcess): Promise<void> {
  const giveUpAt = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < giveUpAt) {
    if (child.exitCode !== null) throw new Error(`what was to answer at ${url} has ended`);
    const answers = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (answers) return;
    await sleep(50);
  }
  throw new Error(`nothing answers at ${url}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

/** @param settings of the service, besides the addresses of what is started for it */
export async function openScene(settings: Record<string, string>): Promise<Scene> {
  const cleanups: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  };
  try {
    const dataDirectory = await mkdtemp(join(tmpdir(), 'order-bench-'));
    cleanups.push(() => rm(dataDirectory, { recursive: true, force: true }));
    const { startEmbeddedPostgres } = await loadEmbeddedPostgres();
    const database = await startEmbeddedPostgres({ dataDirectory, database: 'orders' });
    cleanups.push(() => database.stop());
    const [inventory, notification, port] = [await freePort(), await freePort(), await freePort()];
    for (const [name, at] of [
      ['inventory', inventory],
      ['notification', notification],
    ] as const) {
      const child = run('sandbox/main.js', ['--service', name, `--${name}-port`, String(at)], {});
      cleanups.push(() => end(child));
      await untilAnswers(`http://127.0.0.1:${at}/health`, child);
    }
    await fillStock(inventory);
    const service = run('main.js', [], {
      // As in production, but for the question who is calling.
      NODE_ENV: 'test',
      LOG_LEVEL: 'error',
      HOST: '127.0.0.1',
      PORT: String(port),
      DATABASE_URL: database.url,
      INVENTORY_SERVICE_URL: `http://127.0.0.1:${inventory}`,
      NOTIFICATION_SERVICE_URL: `http://127.0.0.1:${notification}`,
      ...settings,
    });
    cleanups.push(() => end(service));
    const url = `http://127.0.0.1:${port}`;
    await untilAnswers(`${url}/health/ready`, service);
    return { url, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function fillStock(port: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/sandbox/stock/${PRODUCT}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'Benchmark', price: 1, quantity: STOCK }),
  });
  if (!response.ok) throw new Error(`the stock could not be set: ${await response.text()}`);
}
