import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CampaignDatabase } from '../faults/world/database.ts';
import { freePort } from '../support/free-port.ts';
import { imageOptions } from '../support/image-options.ts';
import { processorTimeOf } from '../support/processor-time.ts';
import { eventually, type Process, startProcess } from '../faults/world/processes.ts';
import { Upstreams } from '../faults/world/upstreams.ts';
import type { FuzzOptions } from './options.ts';

const START_TIMEOUT_MS = 60_000;

/** Units of each product: more than any run sells. */
const PLENTY = 1_000_000_000;

/** Products of the document's examples. */
const PRODUCTS = [
  { id: 'PROD001', name: 'Wireless Headphones', price: 79.99, quantity: PLENTY },
  { id: '3', name: 'USB-C Charger', price: 29.99, quantity: PLENTY },
];

/** There are no outages: a slow response shows that the machine is busy, not that the service is at fault. */
const PATIENT = { UPSTREAM_TIMEOUT_MS: '4000', REQUEST_DEADLINE_MS: '13000' };

/** The service with everything it needs, each in a separate process. */
export class World {
  readonly url: string;
  private readonly service: Process;
  private readonly database: CampaignDatabase;
  private readonly upstreams: Upstreams;
  private readonly folder: string;

  private constructor(
    url: string,
    service: Process,
    database: CampaignDatabase,
    upstreams: Upstreams,
    folder: string,
  ) {
    this.url = url;
    this.service = service;
    this.database = database;
    this.upstreams = upstreams;
    this.folder = folder;
  }

  static async start({ dist, databaseUrl }: FuzzOptions): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), 'order-fuzz-'));
    const upstreams = await Upstreams.start({ inventory: 'per-product' }, folder);
    await upstreams.setStock(PRODUCTS);
    const database = await CampaignDatabase.start({ databaseUrl });
    const port = await freePort();
    const settings = {
      NODE_ENV: 'test',
      HOST: '127.0.0.1',
      PORT: String(port),
      LOG_LEVEL: 'error',
      DATABASE_URL: database.url,
      INVENTORY_SERVICE_URL: upstreams.urls.inventory,
      INVENTORY_HONOURS_IDEMPOTENCY_KEYS: 'true',
      NOTIFICATION_SERVICE_URL: upstreams.urls.notification,
      SHOPPING_CART_SERVICE_URL: upstreams.urls.carts,
      ...PATIENT,
    };
    // With other options the heap may grow to several times its live size before a collection, which looks like a leak.
    const program = [...imageOptions(), join(dist, 'main.js')];
    const service = startProcess(program, settings, join(folder, 'service.log'));
    const world = new World(`http://127.0.0.1:${port}`, service, database, upstreams, folder);
    const isLive = await eventually(() => service.hasEnded() || world.isLive(), START_TIMEOUT_MS);
    if (!isLive || service.hasEnded()) throw new Error(`the service has not started:\n${world.log()}`);
    return world;
  }

  /** Whether the started process is live. */
  async isLive(): Promise<boolean> {
    if (this.service.hasEnded()) return false;
    return fetch(`${this.url}/health/live`).then(
      (response) => response.ok,
      () => false,
    );
  }

  /** @returns an order that was placed and cancelled */
  async placeSettledOrder(): Promise<string> {
    const headers = { 'content-type': 'application/json' };
    const items = [{ product_id: PRODUCTS[0]?.id, quantity: 1 }];
    const order = JSON.stringify({ customer_name: 'Settled', customer_email: 'settled@example.com', items });
    const placed = await fetch(`${this.url}/orders`, { method: 'POST', headers, body: order });
    const { order_id: id } = (await placed.json()) as { order_id: string };
    const body = JSON.stringify({ status: 'cancelled' });
    const cancelled = await fetch(`${this.url}/orders/${id}`, { method: 'PUT', headers, body });
    if (!cancelled.ok) throw new Error(`the order was not cancelled: ${await cancelled.text()}`);
    return id;
  }

  /** The output of the service, which contains errors only. */
  log(): string {
    const file = join(this.folder, 'service.log');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  /** Processor time of the service's event loop so far, in milliseconds. */
  processorTime(): number {
    return processorTimeOf(this.service.pid);
  }

  /**
   * Lets nothing begin in the background that stores rows: what earlier requests have begun would be taken for what the
   * measured one stores. Endpoints of webhooks that can not be reached are tried again about once a second, and holds end.
   */
  async calm(): Promise<void> {
    await this.database.query(
      `UPDATE webhook_endpoints SET state = 'disabled', disabled_reason = 'operator', disabled_at = now()
       WHERE state = 'enabled'`,
    );
    await this.database.query(
      `UPDATE tasks SET run_at = now() + interval '1 day' WHERE kind = 'expire-hold'`,
    );
  }

  /** Bytes of all rows in the database, without indexes. */
  async storedBytes(): Promise<number> {
    const tables = await this.database.query<{ name: string }>(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
       WHERE schemaname = 'public'`,
    );
    const sums = tables.map(
      ({ name }) => `SELECT sum(pg_column_size(row_of.*)) AS bytes FROM ${name} row_of`,
    );
    const [row] = await this.database.query<{ bytes: string | null }>(
      `SELECT sum(bytes) AS bytes FROM (${sums.join(' UNION ALL ')}) all_tables`,
    );
    return Number(row?.bytes ?? 0);
  }

  /** Memory of the service in megabytes. */
  memory(): number {
    const status = `/proc/${this.service.pid}/status`;
    const kilobytes = existsSync(status)
      ? /VmRSS:\s+(\d+)/.exec(readFileSync(status, 'utf8'))?.[1]
      : execFileSync('ps', ['-o', 'rss=', '-p', String(this.service.pid)], { encoding: 'utf8' });
    return Math.round(Number(kilobytes ?? 0) / 1024);
  }

  async close(): Promise<void> {
    this.service.signal('SIGTERM');
    await this.service.ended;
    await this.upstreams.close();
    await this.database.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}
