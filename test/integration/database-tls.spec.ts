import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { loadSettings } from '../../src/config/load-settings.js';
import type { Settings } from '../../src/config/settings.js';
import { dataSourceOptions } from '../../src/platform/database/data-source.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const file = (name: string) => fileURLToPath(new URL(`../support/tls/${name}`, import.meta.url));

/** Signed for these tests by an authority whose key was deleted; valid for `localhost` only. */
const CERTIFICATE = { cert: readFileSync(file('server.pem')), key: readFileSync(file('server-key.pem')) };

/** The first message of a client that wants TLS: its length and the code of the request. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

let database: TestDatabase;
let front: Server;
let isEncrypted = false;
const sockets = new Set<Socket>();

/** A real PostgreSQL behind a proxy that handles its TLS handshake, because not every test server has a certificate. */
beforeAll(async () => {
  database = await createTestDatabase();
  const { hostname, port } = new URL(database.url);
  front = createServer((client) => {
    sockets.add(client);
    client.on('error', () => client.destroy());
    client.once('data', (first) => {
      if (!first.equals(SSL_REQUEST)) {
        client.destroy();
        return;
      }
      client.write('S');
      const secure = new TLSSocket(client, { isServer: true, ...CERTIFICATE });
      secure.on('error', () => client.destroy());
      secure.once('secure', () => (isEncrypted = true));
      const server = connect(Number(port), hostname);
      server.on('error', () => client.destroy());
      secure.pipe(server).pipe(secure);
    });
  }).listen(0, '127.0.0.1');
  await once(front, 'listening');
});

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  front.close();
  await database.drop();
});

async function askOver(
  settings: Partial<Record<keyof Settings, string>>,
  host = 'localhost',
): Promise<unknown> {
  isEncrypted = false;
  const url = new URL(database.url);
  url.hostname = host;
  const address = front.address();
  url.port = String(typeof address === 'object' ? address?.port : '');
  const loaded = loadSettings({ DATABASE_URL: url.href, ...settings });
  const dataSource = new DataSource(await dataSourceOptions(loaded));
  try {
    await dataSource.initialize();
    const [row] = await dataSource.query<{ one: number }[]>('SELECT 1 AS one');
    return row?.one;
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
  }
}

describe('TLS of the database connection', () => {
  it('does not encrypt with DATABASE_TLS=off', async () => {
    await expect(askOver({ DATABASE_TLS: 'off' })).rejects.toThrow('Connection terminated');
  });

  it('encrypts without a certificate check with DATABASE_TLS=require', async () => {
    expect(await askOver({ DATABASE_TLS: 'require' }, '127.0.0.1')).toBe(1);
    expect(isEncrypted).toBe(true);
  });

  it('accepts a server with a certificate of the given authority', async () => {
    expect(await askOver({ DATABASE_TLS: 'verify', DATABASE_TLS_CA_FILE: file('authority.pem') })).toBe(1);
    expect(isEncrypted).toBe(true);
  });

  it('rejects a server with another host name', async () => {
    const settings = { DATABASE_TLS: 'verify', DATABASE_TLS_CA_FILE: file('authority.pem') };
    await expect(askOver(settings, '127.0.0.1')).rejects.toThrow(/does not match/);
  });

  it('rejects a server with a certificate of another authority', async () => {
    const settings = { DATABASE_TLS: 'verify', DATABASE_TLS_CA_FILE: file('server.pem') };
    await expect(askOver(settings)).rejects.toThrow(/certificate/);
  });

  it('rejects a server outside Amazon with the Amazon authorities', async () => {
    await expect(askOver({ DATABASE_TLS: 'rds' })).rejects.toThrow(/certificate/);
  });
});
