import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Pool } from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../sandbox/postgres/embedded-postgres.ts';
import type { CampaignOptions } from '../campaign/options.ts';
import { freePort } from '../../support/free-port.ts';

/** Each instance has sixteen connections; those of a killed one may linger for a moment. */
const MAX_CONNECTIONS = 300;

/** Connections of the campaign itself. */
const OWN_CONNECTIONS = 4;

/** The database may be restarting. */
const QUERY_ATTEMPTS = 60;
const QUERY_RETRY_MS = 500;

/** The database under test. */
export class CampaignDatabase {
  private readonly pool: Pool;

  readonly url: string;
  /** Undefined for an external server, which must not be killed. */
  private readonly own: OwnServer | undefined;
  private readonly drop: () => Promise<void>;

  private constructor(url: string, own: OwnServer | undefined, drop: () => Promise<void>) {
    this.url = url;
    this.own = own;
    this.drop = drop;

    this.pool = new Pool({ connectionString: url, max: OWN_CONNECTIONS, application_name: 'fault harness' });
    // Connections are lost on purpose; the next query opens a new one.
    this.pool.on('error', () => undefined);
  }

  static async start(options: Pick<CampaignOptions, 'databaseUrl'>): Promise<CampaignDatabase> {
    if (options.databaseUrl === undefined) {
      const own = await OwnServer.start();
      return new CampaignDatabase(own.url, own, () => own.remove());
    }
    const name = `order_faults_${Date.now().toString(36)}_${randomBytes(3).toString('hex')}`;
    await administer(options.databaseUrl, `CREATE DATABASE ${name}`);
    const url = new URL(options.databaseUrl);
    url.pathname = `/${name}`;
    const drop = (): Promise<void> =>
      administer(options.databaseUrl ?? '', `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    return new CampaignDatabase(url.href, undefined, drop);
  }

  get canBeKilled(): boolean {
    return this.own !== undefined;
  }

  /** Runs one statement, with retries while the database is down. */
  async query<Row>(text: string, values: unknown[] = []): Promise<Row[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return (await this.pool.query(text, values)).rows as Row[];
      } catch (error) {
        const isRefused = error instanceof Error && 'severity' in error && error.severity === 'ERROR';
        if (isRefused || attempt === QUERY_ATTEMPTS) throw error;
        await sleep(QUERY_RETRY_MS);
      }
    }
  }

  /** A separate connection, for a session that blocks others. */
  async connect(): Promise<Client> {
    const client = new Client({ connectionString: this.url, application_name: 'fault harness' });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  /** Crashes the server, and starts it again after a while. */
  async crash(awayMs: number): Promise<void> {
    await this.own?.crash(awayMs);
  }

  async close(): Promise<void> {
    await this.pool.end();
    await this.drop();
  }
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** The campaign's own PostgreSQL, always on the same port, so that it can be killed and restarted. */
class OwnServer {
  private readonly start: () => Promise<EmbeddedPostgres>;
  private readonly folder: string;
  private server: EmbeddedPostgres;

  private constructor(start: () => Promise<EmbeddedPostgres>, folder: string, server: EmbeddedPostgres) {
    this.start = start;
    this.folder = folder;
    this.server = server;
  }

  static async start(): Promise<OwnServer> {
    const folder = await mkdtemp(join(tmpdir(), 'order-faults-postgres-'));
    const port = await freePort();
    // Data that a killed server has handed to the operating system is not lost, so there is no need to wait for the
    // disk.
    const durable = false;
    const start = (): Promise<EmbeddedPostgres> =>
      startEmbeddedPostgres({
        dataDirectory: folder,
        database: 'orders',
        port,
        durable,
        maxConnections: MAX_CONNECTIONS,
      });
    return new OwnServer(start, folder, await start());
  }

  get url(): string {
    return this.server.url;
  }

  async crash(awayMs: number): Promise<void> {
    await this.server.stop('immediate');
    await sleep(awayMs);
    this.server = await this.start();
  }

  async remove(): Promise<void> {
    await this.server.stop('immediate');
    await rm(this.folder, { recursive: true, force: true });
  }
}
