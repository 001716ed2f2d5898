import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { startServiceProcess } from '../support/service-process.js';

/** A refused start takes a second or two, on a busy machine several times that; a retry would take 30. */
const AT_ONCE_MS = 20_000;

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** A proxy to the database that cuts the n-th connection when its first statement passes. */
async function cuttingProxy(cutConnection: number) {
  const target = new URL(database.url);
  let connections = 0;
  const proxy = createServer((client) => {
    connections += 1;
    const isCut = connections === cutConnection;
    const server = connect(Number(target.port), target.hostname);
    const cut = () => void (client.destroy(), server.destroy());
    client.on('error', cut).on('close', cut);
    server.on('error', cut).on('close', cut).pipe(client);
    client.on('data', (chunk: Buffer) => {
      if (isCut && /select|show|begin/i.test(chunk.toString('latin1'))) cut();
      else server.write(chunk);
    });
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const url = new URL(database.url);
  url.hostname = '127.0.0.1';
  url.port = String((proxy.address() as AddressInfo).port);
  return { url: url.href, close: () => proxy.close() };
}

function changed(change: (url: URL) => void): string {
  const url = new URL(database.url);
  change(url);
  return url.href;
}

describe('startup', () => {
  it.each([1, 2, 3])('continues after connection %i to the database was cut', async (connection) => {
    const proxy = await cuttingProxy(connection);
    const service = await startServiceProcess({ DATABASE_URL: proxy.url });
    expect(service.output().match(/^Waiting for the database: .+$/gm)).toHaveLength(1);
    expect((await fetch(`${service.url}/health/ready`)).status).toBe(200);
    expect(await service.end('SIGTERM')).toBe(0);
    proxy.close();
  });

  it.each([
    ['a wrong password', (url: URL) => void (url.password = 'wrong'), 'password authentication failed'],
    ['an unknown user', (url: URL) => void (url.username = 'stranger'), 'password authentication failed'],
    [
      'a missing database',
      (url: URL) => void (url.pathname = '/nowhere'),
      'database "nowhere" does not exist',
    ],
  ])(
    'fails at once for %s, in every command',
    async (_, change, reason) => {
      for (const [command, code] of [
        ['main', 1],
        ['platform/database/migrate', 1],
        ['drift', 2],
      ] as const) {
        const program = fileURLToPath(new URL(`../../dist/${command}.js`, import.meta.url));
        const env = { PATH: process.env['PATH'], DATABASE_URL: changed(change) };
        const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'ignore', 'pipe'] });
        let output = '';
        child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
        const timer = setTimeout(() => child.kill('SIGKILL'), AT_ONCE_MS);
        await once(child, 'close');
        clearTimeout(timer);
        expect({ command, code: child.exitCode, output }).toEqual({
          command,
          code,
          output: expect.stringContaining(`DATABASE_URL: the database can not be used: ${reason}`),
        });
        expect(output).not.toMatch(/Waiting|^\s+at /m);
      }
    },
    3 * AT_ONCE_MS,
  );
});
