import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.js';
import { orderBody } from '../support/builders.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { countOpenTasks } from '../support/invariants.js';
import { parseMetrics } from '../support/metrics.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

/** Number of failures of background work during the outage: enough to distinguish "once" from "each time". */
const FAILED_LOOKS = 10;

/** A proxy to the database that can be closed. */
class Way {
  private server: Server | undefined;
  private port = 0;
  readonly refused: Socket[] = [];
  private readonly sockets = new Set<Socket>();

  constructor(private readonly databaseUrl: string) {}

  get url(): string {
    const url = new URL(this.databaseUrl);
    url.host = `127.0.0.1:${this.port}`;
    return url.href;
  }

  async open(): Promise<void> {
    await this.stop();
    await this.listen((socket) => this.forward(socket));
  }

  /** Breaks every open connection and every new one. */
  async close(): Promise<void> {
    await this.stop();
    await this.listen((socket) => this.refused.push(socket.destroy()));
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    if (!this.server) return;
    this.server.close();
    await once(this.server, 'close');
  }

  private async listen(onConnection: (socket: Socket) => void): Promise<void> {
    this.server = createServer(onConnection).listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    const address = this.server.address();
    if (address !== null && typeof address === 'object') this.port = address.port;
  }

  private forward(socket: Socket): void {
    const { hostname, port } = new URL(this.databaseUrl);
    const database = connect(Number(port), hostname);
    for (const end of [socket, database]) {
      this.sockets.add(end);
      end.once('error', () => undefined);
      end.once('close', () => {
        this.sockets.delete(end);
        socket.destroy();
        database.destroy();
      });
    }
    socket.pipe(database).pipe(socket);
  }
}

let service: TestService;
let way: Way;
let database: TestDatabase;
let sandbox: Sandbox;

beforeAll(async () => {
  database = await createTestDatabase();
  sandbox = await startSandbox({ ports: { inventory: 0, notification: 0, catalog: 0, carts: 0 } });
});

afterAll(async () => {
  jest.restoreAllMocks();
  await service.stop();
  await way.stop();
  await sandbox.close();
  await database.drop();
});

/** The metrics by name; of those with labels, one. */
async function scrape(): Promise<Map<string, number>> {
  const { status, body } = await service.request('GET', '/metrics');
  expect(status).toBe(200);
  return new Map(parseMetrics(String(body)).map(({ name, value }) => [name, value]));
}

it('database outage is logged once at its start and once at its end, and work continues after it', async () => {
  way = new Way(database.url);
  await way.open();
  const errors = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  const news = jest.spyOn(Logger.prototype, 'log').mockImplementation(() => undefined);
  const settings = { DATABASE_URL: way.url, RECOVERY_INTERVAL_MS: '100' };
  service = await startTestService({ settings, beside: { sandbox, database } });
  news.mockClear();
  await way.close();
  await eventually(() => way.refused.length >= FAILED_LOOKS, 30_000);
  expect(errors.mock.calls.map((call) => call[1])).toEqual([
    'The database does not answer; background work waits for it',
  ]);
  expect(news).not.toHaveBeenCalled();
  // Requests that fail have no log line of their own, and the metrics report the outage instead of failing too.
  expect((await service.request('GET', '/orders')).status).toBe(503);
  await eventually(async () => (await scrape()).get('database_metrics_available') === 0);
  const known = await scrape();
  expect(
    [...known.keys()].filter((name) => /^(orders_pending|order_incidents|jobs_waiting)/.test(name)),
  ).toEqual([]);
  expect(known.has('http_request_duration_seconds_count')).toBe(true);
  expect(errors).toHaveBeenCalledTimes(1);
  await way.open();
  await eventually(() => news.mock.calls.length > 0);
  expect(news.mock.calls).toEqual([[expect.stringContaining('The database answers again')]]);
  expect((await service.request('POST', '/orders', orderBody())).status).toBe(201);
  await eventually(async () => (await scrape()).get('database_metrics_available') === 1);
  expect((await scrape()).has('orders_pending')).toBe(true);
  await eventually(async () => (await countOpenTasks(database.url)) === 0, 20_000);
  expect(errors).toHaveBeenCalledTimes(1);
});
