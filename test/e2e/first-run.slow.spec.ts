import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FIRST_RUN = fileURLToPath(new URL('../../sandbox/first-run.ts', import.meta.url));

/** The first start initializes a database, which takes time on a busy machine; a test has at most two first starts. */
const SLOW_MS = 180_000;

const STAND_INS = ['inventory', 'notification', 'catalog', 'carts'] as const;

interface FirstRun {
  url: string;
  output(): string;
  child: ChildProcess;
  end(signal: NodeJS.Signals): Promise<number | null>;
}

const root = mkdtempSync(join(tmpdir(), 'order-first-run-'));
const children: ChildProcess[] = [];

function spawnFirstRun(args: string[], environment: Record<string, string> = {}): ChildProcess {
  const child = spawn(process.execPath, [FIRST_RUN, ...args], {
    // Excludes the settings of the user and of the test run.
    env: { PATH: process.env['PATH'], PORT: '0', ...environment },
    // Not the project folder: the data folder must not depend on the working directory.
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  return child;
}

function collect(child: ChildProcess): () => string {
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return () => output;
}

function onFreePorts(data: string): string[] {
  return ['--data', data, ...STAND_INS.flatMap((name) => [`--${name}-port`, '0'])];
}

async function start(data: string, environment: Record<string, string> = {}): Promise<FirstRun> {
  const child = spawnFirstRun(onFreePorts(data), environment);
  const output = collect(child);
  while (!output().includes('Ctrl-C stops it all')) {
    if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}:\n${output()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const url = /Order service\s+(http:\S+)/.exec(output())?.[1] ?? '';
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    await once(child, 'exit');
    return child.exitCode;
  };
  return { url, output, child, end };
}

async function refusalOf(child: ChildProcess): Promise<{ code: number | null; output: string }> {
  const output = collect(child);
  await once(child, 'close');
  return { code: child.exitCode, output: output() };
}

async function placeOrder(url: string): Promise<string> {
  const response = await fetch(`${url}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      customer_name: 'Alice Johnson',
      customer_email: 'alice@example.com',
      items: [{ product_id: 'PROD001', quantity: 1, price: 79.99 }],
    }),
  });
  expect(response.status).toBe(201);
  return ((await response.json()) as { order_id: string }).order_id;
}

async function statusOf(url: string): Promise<number> {
  return (await fetch(url)).status;
}

describe('npm start', () => {
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  afterAll(() => rmSync(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));

  it(
    'starts every part, and keeps an order across a stop and a kill',
    async () => {
      const data = join(root, 'kept');
      const first = await start(data);
      expect(await statusOf(`${first.url}/health`)).toBe(200);
      expect(await statusOf(`${first.url}/health/ready`)).toBe(200);
      expect(await statusOf(`${first.url}/docs`)).toBe(200);
      expect(await (await fetch(first.url)).text()).toContain(`curl ${first.url}/orders`);
      const cart = await fetch(`${first.url}/orders/1`, { method: 'POST' });
      expect(cart.status).toBe(201);
      const stopped = await placeOrder(first.url);
      expect(await first.end('SIGINT')).toBe(0);

      const second = await start(data);
      expect(await statusOf(`${second.url}/orders/${stopped}`)).toBe(200);
      const killed = await placeOrder(second.url);
      await second.end('SIGKILL');

      const third = await start(data);
      expect(await statusOf(`${third.url}/orders/${stopped}`)).toBe(200);
      expect(await statusOf(`${third.url}/orders/${killed}`)).toBe(200);
      expect(await third.end('SIGTERM')).toBe(0);
    },
    SLOW_MS,
  );

  it(
    'prints commands that work, and no password',
    async () => {
      const run = await start(join(root, 'commands'));
      const [, body = ''] = /-d '(\{.*\})'/.exec(run.output()) ?? [];
      const answer = await fetch(`${run.url}/orders`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      expect(await answer.json()).toMatchObject({ status: 'confirmed', total_amount: 139.97 });
      for (const name of STAND_INS) {
        const url = new RegExp(`^  ${name}\\s+(http:\\S+)`, 'm').exec(run.output())?.[1];
        expect(await statusOf(`${url}/health`)).toBe(200);
      }
      expect(run.output()).not.toMatch(/postgres:\/\/|:[\w-]{32}@/);
      expect(await run.end('SIGINT')).toBe(0);
    },
    SLOW_MS,
  );

  it(
    'rejects a second start on the same data without disturbing the first',
    async () => {
      const data = join(root, 'contended');
      const first = await start(data);
      const second = await refusalOf(spawnFirstRun(onFreePorts(data)));
      expect(second.code).toBe(1);
      expect(second.output).toContain(`The database in ${join(data, 'postgres')} is in use`);
      expect(second.output).not.toMatch(/^\s+at /m);
      expect(await statusOf(`${first.url}/health/ready`)).toBe(200);
      expect(await first.end('SIGINT')).toBe(0);
    },
    SLOW_MS,
  );

  it(
    'exits cleanly when it is interrupted during the start',
    async () => {
      const data = join(root, 'interrupted');
      const child = spawnFirstRun(onFreePorts(data));
      child.stdout?.once('data', () => child.kill('SIGINT'));
      const { code, output } = await refusalOf(child);
      expect(code).toBe(0);
      expect(output).toMatch(/^Starting PostgreSQL \.\.\.\n {2}[\d.]+ s\n\nStopping;.*\nStopped\. /);
      expect(await readdir(join(data, 'postgres', 'cluster', 'data'))).not.toContain('postmaster.pid');
    },
    SLOW_MS,
  );

  it('reports a port in use with its purpose and its setting, before it starts anything', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    const port = String(typeof address === 'object' && address ? address.port : 0);
    const data = join(root, 'untouched');
    try {
      const service = await refusalOf(spawnFirstRun(onFreePorts(data), { PORT: port, HOST: '127.0.0.1' }));
      expect(service).toEqual({
        code: 1,
        output: `Port ${port} on 127.0.0.1, needed for the service: it is in use already. Choose another one: PORT=8090 npm start\n`,
      });
      const standIn = await refusalOf(spawnFirstRun([...onFreePorts(data), '--carts-port', port]));
      expect(standIn.code).toBe(1);
      expect(standIn.output).toMatch(/the stand-in for carts.*--carts-port 9084\n$/);
      const twice = await refusalOf(
        spawnFirstRun([...onFreePorts(data), '--carts-port', '45871'], { PORT: '45871' }),
      );
      expect(twice.output).toContain('Port 45871');
    } finally {
      taken.close();
    }
  });

  it('starts no stand-ins in production, and nothing with invalid settings', async () => {
    const production = await refusalOf(spawnFirstRun([], { NODE_ENV: 'production' }));
    expect(production.code).toBe(1);
    expect(production.output).toMatch(/^The settings are wrong:\n {2}- DATABASE_URL: is needed/);
    const wrong = await refusalOf(
      spawnFirstRun(onFreePorts(join(root, 'untouched')), { PRICE_CHECK: 'maybe' }),
    );
    expect(wrong.code).toBe(1);
    expect(wrong.output).toContain('PRICE_CHECK');
    expect(wrong.output).not.toContain('PostgreSQL');
  });

  it('prints its help', async () => {
    const help = await refusalOf(spawnFirstRun(['--help']));
    expect(help.code).toBe(0);
    expect(help.output).toContain('Usage: npm start');
    const unknown = await refusalOf(spawnFirstRun(['--no-such-thing']));
    expect(unknown.code).toBe(2);
    expect(unknown.output).toContain('--help');
  });
});
