import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { PortTaken, type Sandbox, type SandboxOptions, startSandbox } from '../../sandbox/sandbox.js';

const ANY_PORT = { inventory: 0, notification: 0, catalog: 0, carts: 0 };
const MESSAGE = {
  order_id: 'O1',
  customer_name: 'Ann',
  customer_email: 'ann@example.com',
  status: 'confirmed',
};

let folder: string;
let stateFile: string;
let messages: string[];
const running: Sandbox[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sandbox-'));
  stateFile = join(folder, 'state', 'sandbox.json');
  messages = [];
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((sandbox) => sandbox.close()));
  await rm(folder, { recursive: true });
});

const log = (message: string): void => void messages.push(message);

async function start(options: SandboxOptions = {}): Promise<Sandbox> {
  const sandbox = await startSandbox({
    ports: ANY_PORT,
    delaysMs: { notification: 0 },
    stateFile,
    log,
    ...options,
  });
  running.push(sandbox);
  return sandbox;
}

async function call(
  method: string,
  url: string,
  body?: unknown,
  key = '',
): Promise<{ status: number; text: string }> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': key };
  const response = await fetch(url, {
    method,
    headers,
    body: body === undefined ? null : JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

describe('sandbox state file', () => {
  it('restores all state at the next start', async () => {
    const first = await start();
    const reserve = ['PUT', '/inventory/PROD001/reserve', { quantity: 3 }, 'K1'] as const;
    const lines = { reservation_id: 'R1', items: [{ product_id: 'PROD002', quantity: 10 }] };
    const inventory = (
      sandbox: Sandbox,
      ...[method, path, body, key]: readonly [string, string, unknown?, string?]
    ) => call(method, sandbox.urls.inventory + path, body, key);
    const answer = await inventory(first, ...reserve);
    await inventory(first, 'POST', '/reservations', lines);
    await inventory(first, 'DELETE', '/reservations/R2');
    await call('POST', `${first.urls.notification}/notify`, MESSAGE, 'N1');
    await call('PUT', `${first.urls.carts}/carts/1`, { status: 'Ordered' });
    const items = (await call('GET', `${first.urls.carts}/cart_items`)).text;
    await first.close();

    const second = await start();
    expect(messages).toEqual([]);
    expect(second.stock.find('PROD001')?.quantity).toBe(47);
    expect(await inventory(second, ...reserve)).toEqual(answer);
    expect(second.stock.find('PROD001')?.quantity).toBe(47);
    expect(second.stock.list()).toContainEqual(
      expect.objectContaining({ id: 'PROD001', initial_quantity: 47 }),
    );
    await inventory(second, 'DELETE', '/reservations/R1');
    expect(second.stock.find('PROD002')?.quantity).toBe(100);
    expect(
      (await inventory(second, 'POST', '/reservations', { ...lines, reservation_id: 'R2' })).status,
    ).toBe(409);
    expect(second.notifications.messages.all()).toMatchObject([{ ...MESSAGE, key: 'N1', delivered: true }]);
    await call('POST', `${second.urls.notification}/notify`, MESSAGE, 'N1');
    expect(second.notifications.messages.all()[1]).toMatchObject({ duplicate: true, delivered: false });
    expect((await call('GET', `${second.urls.carts}/carts/1`)).status).toBe(404);
    expect((await call('GET', `${second.urls.carts}/cart_items`)).text).toBe(items);
    second.carts.give('1', [{ product_id: '1', quantity: 1 }], { route: 'test', key: null });
    expect(second.carts.findActive('1')).toMatchObject({ id: 4, items: [{ id: 8 }] });
  });

  it('is written soon after a change, without waiting for the stop', async () => {
    const sandbox = await start();
    sandbox.stock.move('PROD001', -3, { route: 'test', key: null });
    for (let attempt = 0; attempt < 100; attempt += 1) {
      await sleep(20);
      const text = await readFile(stateFile, 'utf8').catch(() => '');
      if (text.includes('"quantity":47')) return;
    }
    throw new Error('The change was never written');
  });

  it.each(['{"version":1,"stock":', '{"version":2}', '[]', '{"version":1,"stock":{"products":[{"id":1}]}}'])(
    'is renamed when it is damaged: %s',
    async (broken) => {
      await (await start()).close();
      await writeFile(stateFile, broken);
      const sandbox = await start();
      expect(sandbox.stock.find('PROD001')?.quantity).toBe(50);
      expect(messages).toEqual([expect.stringContaining('starts afresh')]);
      const aside = (await readdir(join(folder, 'state'))).find((name) => name.includes('.broken-'));
      expect(await readFile(join(folder, 'state', aside ?? ''), 'utf8')).toBe(broken);
    },
  );

  it('that cannot be written is logged, and the sandbox continues', async () => {
    const sandbox = await start();
    await sandbox.close();
    const blocked = await start();
    // A write may be under way in it.
    await rm(join(folder, 'state'), { recursive: true, maxRetries: 10, retryDelay: 20 });
    await writeFile(join(folder, 'state'), 'a file where the folder was');
    blocked.stock.move('PROD001', -3, { route: 'test', key: null });
    await blocked.close();
    expect(messages).toEqual([expect.stringContaining(`could not write ${stateFile}`)]);
    expect(blocked.stock.find('PROD001')?.quantity).toBe(47);
  });

  it('that can neither be read nor renamed stops the start', async () => {
    await writeFile(join(folder, 'state'), 'a file instead of a folder');
    await expect(start()).rejects.toThrow(`The state file ${stateFile} can't be used`);
  });
});

describe('sandbox port in use', () => {
  it('is reported with its setting, and every server is stopped', async () => {
    const blocker = createServer();
    const port = await new Promise<number>((resolve) => {
      blocker.listen(0, '127.0.0.1', () => {
        const address = blocker.address();
        resolve(typeof address === 'object' && address ? address.port : 0);
      });
    });
    const failure = start({ ports: { ...ANY_PORT, carts: port } });
    await expect(failure).rejects.toThrow(PortTaken);
    await expect(failure).rejects.toMatchObject({ service: 'carts', port, setting: 'ports.carts' });
    await expect(failure).rejects.toThrow(`Port ${port} on 127.0.0.1`);
    await expect(stat(stateFile)).rejects.toThrow();
    blocker.close();
  });
});

describe('sandbox command', () => {
  const program = join(import.meta.dirname, '../../sandbox/main.ts');
  const run = promisify(execFile);
  const runFailing = (...args: string[]): Promise<unknown> =>
    run(process.execPath, [program, ...args]).then(
      () => null,
      (error: unknown) => error,
    );

  it('prints its help', async () => {
    const { stdout } = await run(process.execPath, [program, '--help']);
    for (const option of ['--service', '--inventory-port', '--state-file', '--ignore-idempotency-keys']) {
      expect(stdout).toContain(option);
    }
  });

  it.each([
    [['--service', 'orders'], '--service must be one of'],
    [['--carts-port', '99999'], '--carts-port must be an integer from 0 to 65535'],
    [['--notification-delay-ms', '501'], '--notification-delay-ms must be an integer from 0 to 500'],
    [['--what'], "Unknown option '--what'"],
    [['stray'], 'stray'],
  ])('rejects %j', async (args, message) => {
    expect(await runFailing(...args)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
  });

  it('listens, saves its state on SIGTERM, and exits', async () => {
    const args = Object.keys(ANY_PORT).map((name) => `--${name}-port=0`);
    const child = spawn(process.execPath, [program, ...args, '--state-file', stateFile], { stdio: 'pipe' });
    let output = '';
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    for (let attempt = 0; attempt < 500 && output.split('\n').length < 5; attempt += 1) await sleep(20);
    const inventory = /inventory +listens on (\S+)/.exec(output)?.[1] ?? '';
    expect((await call('PUT', `${inventory}/inventory/1/reserve`, { quantity: 50 })).status).toBe(200);
    const taken = await runFailing('--service', 'carts', '--carts-port', new URL(inventory).port);
    expect(taken).toMatchObject({ code: 1, stderr: expect.stringContaining('--carts-port') });
    child.kill('SIGTERM');
    expect(await exited).toBe(0);
    expect(await readFile(stateFile, 'utf8')).toContain(
      '"id":"1","name":"Wireless Headphones","price":79.99,"quantity":0',
    );
  });
});
