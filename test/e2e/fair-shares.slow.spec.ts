import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import {
  callsTo,
  expectProblem,
  line,
  newProduct,
  orderBody,
  placeOrder,
  selectRows,
} from '../support/builders.js';
import { API_KEYS, CUSTOMER, knownCallers } from '../support/callers.js';
import { type Follower, follow as followOn } from '../support/event-stream.js';
import { TestIssuer } from '../support/issuer.js';
import { insertOrders } from '../support/many-orders.js';
import { parseMetrics, sumOf } from '../support/metrics.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

/** More bytes than the socket buffers of one caller hold: 25 MB as NDJSON. */
const MANY = 60_000;

/** Shorter than in production, at the same minimum rate. */
const PATIENCE = { graceMs: 1_000, checkMs: 100 };

const POOL_SIZE = 4;

let service: TestService;
let issuer: TestIssuer;
let callers: Awaited<ReturnType<typeof knownCallers>>;
const cleanups: (() => void)[] = [];

beforeAll(async () => {
  issuer = await TestIssuer.start();
  const settings = {
    ...issuer.settings,
    AUTH: 'jwt,api-key',
    API_KEYS,
    DATABASE_POOL_SIZE: String(POOL_SIZE),
    MAX_PLACEMENTS: '16',
    // The longest: calls that hang must not open the circuit, which would reject the calls of others.
    UPSTREAM_TIMEOUT_MS: '10000',
    REQUEST_DEADLINE_MS: '30000',
  };
  service = await startTestService({ settings, readers: PATIENCE });
  callers = await knownCallers(issuer);
});
afterAll(async () => {
  await service.stop();
  await issuer.close();
});
afterEach(() => {
  for (const cleanUp of cleanups.splice(0)) cleanUp();
  jest.restoreAllMocks();
});

async function follow(credentials: Record<string, string>, lastEventId?: string): Promise<Follower> {
  const follower = await followOn(service, lastEventId, credentials);
  cleanups.push(() => follower.leave());
  return follower;
}

/** Starts an export without reading its body. */
async function beginExport(credentials: Record<string, string>): Promise<IncomingMessage> {
  const request = get(`${service.url}/orders/export?format=ndjson`, { headers: credentials, agent: false });
  request.on('error', () => undefined);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  cleanups.push(() => request.destroy());
  return response;
}

/** Reads a part of an export four times a second: about 8 kB a second. */
function readSlowly(response: IncomingMessage): void {
  const timer = setInterval(() => response.read(2_048), 250);
  cleanups.push(() => clearInterval(timer));
}

async function metric(name: string, labels = {}): Promise<number> {
  const text = String((await service.request('GET', '/metrics', undefined, callers.operator)).body);
  return sumOf(parseMetrics(text), name, labels);
}

const countCut = (): Promise<number> => metric('http_slow_readers_cut_total');
const refusals = (kind: string): Promise<number> => metric('bulkhead_refusals_total', { kind });

describe('order streams', () => {
  it('of one customer leave permits for other customers and for staff', async () => {
    const opened = await Promise.allSettled(Array.from({ length: 100 }, () => follow(callers.customer)));
    const open = opened.filter(({ status }) => status === 'fulfilled');
    expect(open.length).toBeGreaterThan(1);
    const admin = await follow(callers.admin);
    const other = await follow(callers.otherCustomer);
    expect(admin.response.statusCode).toBe(200);
    expect(other.response.statusCode).toBe(200);
    expect(open.length).toBeLessThanOrEqual(25);
    const refused = await service.request('GET', '/orders/stream', undefined, callers.customer);
    expectProblem(refused, 429);
    expect(refused.body.type).toBe('/problems/concurrency-limit-exceeded');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refusals('streams')).toBeGreaterThan(0);
  });

  it('replay from memory for clients that reconnect all the time, and followers miss no event', async () => {
    const honest = await follow(callers.admin);
    const ids = await insertOrders(service.database, 1_500, { customerId: CUSTOMER });
    await eventually(() => honest.changes().length >= ids.length);
    const query = jest.spyOn(service.app.get(DataSource), 'query');
    const start = honest.blocks[0]?.id ?? '';
    let visits = 0;
    const over = new AbortController();
    const reconnect = async (credentials: Record<string, string>): Promise<void> => {
      while (!over.signal.aborted) {
        await followOn(service, start, credentials).then(
          (follower) => follower.leave(),
          () => undefined,
        );
        visits += 1;
      }
    };
    const clients = Array.from({ length: 16 }, (_, index) =>
      reconnect(index % 2 === 0 ? callers.customer : callers.reader),
    );
    await eventually(() => visits > 200, 60_000);
    const id = await placeOrder(
      service,
      orderBody([line(newProduct(service.sandbox))], { customer_id: CUSTOMER }),
      callers.admin,
    );
    await eventually(() => honest.changes().filter(({ order_id }) => order_id === id).length === 2);
    over.abort();
    await Promise.all(clients);
    const results = await Promise.all(
      query.mock.calls.map(([sql], index) =>
        sql.includes('order_events')
          ? (query.mock.results[index]?.value as Promise<unknown[]>)
          : Promise.resolve([]),
      ),
    );
    const rows = results.reduce((sum, list) => sum + list.length, 0);
    // The events kept for replays are read once, not once per client; otherwise 200 times 1,500 events would be read.
    expect(rows).toBeLessThan(2 * ids.length);
    // Clients that reconnect get every event that they missed.
    const back = await eventually(() => follow(callers.admin, start).catch(() => undefined));
    await eventually(() => back.changes().length >= ids.length + 2);
  }, 90_000);

  it('of one caller can be opened per second only as often as the caller may have streams', async () => {
    const startedAt = performance.now();
    const elapsedS = (): number => (performance.now() - startedAt) / 1_000;
    let begun = 0;
    const reconnect = async (): Promise<void> => {
      while (elapsedS() < 3) {
        const follower = await followOn(service, undefined, callers.customer).catch(() => undefined);
        follower?.leave();
        if (follower) begun += 1;
      }
    };
    await Promise.all(Array.from({ length: 16 }, reconnect));
    expect(begun).toBeLessThanOrEqual(25 * (1 + elapsedS()));
    await eventually(() => follow(callers.customer).catch(() => undefined));
  }, 30_000);

  it('are closed when their clients do not read, and stay open without events', async () => {
    const idle = await follow(callers.otherCustomer);
    const deaf = await follow(callers.reader);
    const closed = new Promise((resolve) => deaf.response.once('close', resolve));
    deaf.response.socket.pause();
    const ids = await insertOrders(service.database, 400, { customerId: CUSTOMER });
    // 8 MB of events in small batches: more than socket buffers hold.
    for (let seq = 2; seq < 12; seq += 1) {
      await selectRows(
        service.database,
        `INSERT INTO order_events (order_id, seq, type, actor, occurred_at)
         SELECT id, $2, 'incident_settled', repeat('x', 2000), now() FROM unnest($1::uuid[]) id`,
        [ids, seq],
      );
    }
    await eventually(async () => (await countCut()) > 0);
    deaf.response.socket.resume();
    await closed;
    expect(deaf.isEnded()).toBe(false);
    expect(idle.response.closed).toBe(false);
    expect(idle.isEnded()).toBe(false);
  }, 30_000);
});

describe('exports under fair shares', () => {
  beforeAll(async () => {
    await insertOrders(service.database, MANY, { customerId: CUSTOMER });
    await selectRows(service.database, 'ANALYZE orders, order_items');
  }, 60_000);

  it('of one slow customer leave permits for others, and are cut off', async () => {
    const slow = await beginExport(callers.customer);
    const second = await beginExport(callers.customer);
    const cutBefore = await countCut();
    readSlowly(slow);
    readSlowly(second);
    // A third one is rejected, whether or not the second one was.
    expectProblem(await service.request('GET', '/orders/export', undefined, callers.customer), 429);
    const other = await service.request('GET', '/orders/export', undefined, callers.otherCustomer);
    expect(other.status).toBe(200);
    const counted = await service.request('HEAD', '/orders/export', undefined, callers.otherCustomer);
    expect(counted.headers.get('x-total-count')).toBe('0');
    await eventually(async () => (await countCut()) > cutBefore, 40_000);
    // What has arrived before the reset can still be read.
    const ending = Promise.race([once(slow, 'aborted'), once(slow, 'end'), sleep(10_000, 'still open')]);
    slow.resume();
    expect(await ending).not.toBe('still open');
    expect(slow.complete).toBe(false);
    await eventually(
      async () =>
        (await service.request('GET', '/orders/export?status=failed', undefined, callers.customer)).status ===
        200,
    );
  }, 70_000);

  it('of one member of staff leave a permit for others', async () => {
    const open = await Promise.all(Array.from({ length: 4 }, () => beginExport(callers.reader)));
    expect(open.filter(({ statusCode }) => statusCode === 200)).toHaveLength(3);
    expect((await service.request('GET', '/orders/export', undefined, callers.otherCustomer)).status).toBe(
      200,
    );
  });
});

describe('requests that wait for the database or an upstream service', () => {
  it('of one customer leave permits for the reads of others', async () => {
    const lock = new Client({ connectionString: service.database.url });
    await lock.connect();
    try {
      await lock.query('BEGIN');
      await lock.query('LOCK TABLE orders IN ACCESS EXCLUSIVE MODE');
      const list = (credentials: Record<string, string>) =>
        service.request('GET', '/orders?limit=1', undefined, credentials);
      const mine = Array.from({ length: POOL_SIZE * 10 + 10 }, () => list(callers.customer));
      const share = Math.floor((POOL_SIZE * 10) / 4);
      const answered: number[] = [];
      for (const answer of mine) void answer.then(({ status }) => answered.push(status));
      await eventually(() => answered.length === mine.length - share);
      expect(new Set(answered)).toEqual(new Set([429]));
      const others = [list(callers.otherCustomer), list(callers.admin)];
      await sleep(100);
      await lock.query('COMMIT');
      expect((await Promise.all(others)).map(({ status }) => status)).toEqual([200, 200]);
      await Promise.all(mine);
    } finally {
      await lock.end();
    }
  });

  it('of one customer leave permits for the orders of others', async () => {
    const { faults } = service.sandbox.services.inventory;
    const body = () => orderBody([line(newProduct(service.sandbox, 100))]);
    const order = (credentials: Record<string, string>) =>
      service.request('POST', '/orders', body(), credentials);
    faults.add({ kind: 'hang', method: 'GET' });
    const mine = Array.from({ length: 40 }, () => order(callers.customer));
    const answered: number[] = [];
    for (const answer of mine) void answer.then(({ status }) => answered.push(status));
    await eventually(() => answered.length + faults.held === mine.length);
    faults.clear();
    const others = await Promise.all([order(callers.otherCustomer), order(callers.admin)]);
    expect(others.map(({ status }) => status)).toEqual([201, 201]);
    faults.release();
    await Promise.all(mine);
    expect(answered.filter((status) => status === 201).length).toBeLessThanOrEqual(4);
    expect(new Set(answered)).toEqual(new Set([201, 429]));
  });

  it('of one customer leave permits for asynchronous orders of others', async () => {
    const { faults } = service.sandbox.services.inventory;
    const place = async (credentials: Record<string, string>): Promise<string> => {
      const product = newProduct(service.sandbox, 100);
      const headers = { ...credentials, prefer: 'respond-async' };
      const { status } = await service.request('POST', '/orders', orderBody([line(product)]), headers);
      expect(status).toBe(202);
      return product;
    };
    faults.add({ kind: 'hang', method: 'GET' });
    for (let count = 0; count < 40; count += 1) await place(callers.customer);
    // Recovery has resumed as many of the others as it may run at once.
    let held = -1;
    await eventually(async () => {
      const before = held;
      held = faults.held;
      await sleep(1_500);
      return before === held;
    }, 20_000);
    const product = await place(callers.otherCustomer);
    await eventually(() => callsTo(service.sandbox, 'inventory').some(({ path }) => path.includes(product)));
    faults.clear();
    faults.release();
  }, 40_000);
});
