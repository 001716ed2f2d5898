import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { migrateDatabase } from '../../src/platform/database/migrate.js';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.js';
import { line, newProduct, orderBody, stockOf } from '../support/builders.js';
import { type Follower, follow } from '../support/event-stream.js';
import { queryDatabase } from '../support/invariants.js';
import { runReport } from '../support/report-command.js';
import { eventually, startTestService, testSettings, type TestService } from '../support/service.js';
import { SilentProxy } from '../support/silent-proxy.js';
import { type ReplicatedPostgres, STANDBY_NAME, startReplicatedPostgres } from '../support/standby.js';

/** Two servers start, one is copied, and commands run, all on a busy machine. */
const TEST_MS = 240_000;

const STOCK = 1_000;
const LOST = 60;

/** More events than the lost orders had, so that the numbers of their transactions are used again. */
const PLACED_AFTERWARDS = 90;

const CLIENTS = 10;

/** Duration of the partition of the standby before the primary is killed: long enough to confirm hundreds of orders. */
const CUT_OFF_MS = 3_000;

const ANY_PORTS = { inventory: 0, notification: 0, catalog: 0, carts: 0 };
const RESERVATIONS = { INVENTORY_API: 'reservations' };

let servers: ReplicatedPostgres;
let sandbox: Sandbox;
/** The address of the database in the settings of the service; it leads to the primary. */
let address: SilentProxy;
let service: TestService;
let product = '';

beforeAll(() => {
  // The outage is logged as an error.
  jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
});
afterAll(() => {
  jest.restoreAllMocks();
});

async function start(): Promise<void> {
  servers = await startReplicatedPostgres();
  await migrateDatabase(servers.primaryUrl);
  sandbox = await startSandbox({ ports: ANY_PORTS });
  address = new SilentProxy(servers.primaryUrl);
  await address.start();
  const database = { url: address.url, drop: async () => undefined };
  service = await startTestService({ settings: RESERVATIONS, beside: { sandbox, database } });
  product = newProduct(sandbox, STOCK);
}

afterEach(async () => {
  await service.stop();
  await sandbox.close();
  await address.stop();
  await servers.stop();
}, TEST_MS);

/** @returns the id of a confirmed order; undefined for any other response */
async function place(): Promise<string | undefined> {
  const { status, body } = await service.request('POST', '/orders', orderBody([line(product)]));
  return status === 201 ? String(body.order_id) : undefined;
}

/** Places orders with several clients until so many are confirmed. */
async function placeMany(count: number): Promise<string[]> {
  const ids: string[] = [];
  let open = count;
  const client = async (): Promise<void> => {
    while (open > 0) {
      open -= 1;
      const id = await place();
      if (id === undefined) throw new Error('an order was not confirmed');
      ids.push(id);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return ids;
}

async function failOver(): Promise<string> {
  await servers.killPrimary();
  const url = await servers.promote();
  address.switchTo(url);
  return url;
}

async function findStored(url: string, ids: readonly string[]): Promise<string[]> {
  const rows = await queryDatabase<{ id: string }>(url, 'SELECT id FROM orders WHERE id = ANY ($1)', [ids]);
  return rows.map(({ id }) => id);
}

const reconcile = (url: string, ...args: string[]) =>
  runReport('reconcile', args, { ...testSettings(sandbox, url), ...RESERVATIONS });

const isReset = (follower: Follower): boolean => follower.blocks.some(({ event }) => event === 'reset');
const eventsOf = (follower: Follower, ids: readonly string[]): number =>
  follower.changes().filter(({ order_id }) => ids.includes(order_id)).length;

describe('failover to an asynchronous standby that lacks the last commits', () => {
  it(
    'resets followers, and reconcile releases exactly the stock of the lost orders',
    async () => {
      await start();
      const since = new Date(Date.now() - 60_000).toISOString();
      const connected = await follow(service);
      const away = await follow(service);
      const before = await placeMany(5);
      await eventually(() => eventsOf(away, before) === 2 * before.length);
      const early = away.lastId();
      await servers.untilInSync();
      servers.cutOff();
      const lost = await placeMany(LOST);
      await eventually(() => eventsOf(away, lost) === 2 * LOST);
      const late = away.lastId();
      away.leave();

      const url = await failOver();
      const first = await eventually(() => place().catch(() => undefined), 60_000);
      const after = [first, ...(await placeMany(PLACED_AFTERWARDS))];
      expect(await findStored(url, lost)).toEqual([]);
      expect(await findStored(url, [...before, ...after])).toHaveLength(before.length + after.length);

      await eventually(() => isReset(connected));
      const back = await follow(service, late);
      await eventually(() => isReset(back));
      const unaffected = await follow(service, early);
      await eventually(() => eventsOf(unaffected, after) === 2 * after.length);
      expect(isReset(unaffected)).toBe(false);
      for (const follower of [connected, back, unaffected]) follower.leave();

      const taken = before.length + lost.length + after.length;
      expect(stockOf(sandbox, product)).toBe(STOCK - taken);
      const { code, out } = await reconcile(url, '--json');
      const { reservations } = JSON.parse(out);
      expect(code).toBe(1);
      expect(reservations.map((one: { order_id: string }) => one.order_id).toSorted()).toEqual(
        lost.toSorted(),
      );
      const applied = await reconcile(url, '--since', since, '--apply');
      expect(applied.out).toContain(`Released: ${LOST} reservations (${LOST} of ${product}).`);
      expect(applied.code).toBe(0);
      expect(stockOf(sandbox, product)).toBe(STOCK - taken + LOST);
      const again = await reconcile(url, '--since', since, '--apply');
      expect(again).toMatchObject({ code: 0, out: expect.stringContaining('Nothing was changed') });
      expect(await place()).toBeDefined();
      expect(stockOf(sandbox, product)).toBe(STOCK - taken + LOST - 1);
    },
    TEST_MS,
  );
});

describe('failover to a synchronous standby', () => {
  it(
    'keeps every confirmed order although the standby was cut off, and leaves no reservation without an order',
    async () => {
      await start();
      await queryDatabase(
        servers.primaryUrl,
        `ALTER SYSTEM SET synchronous_standby_names = '${STANDBY_NAME}'`,
      );
      await queryDatabase(servers.primaryUrl, 'SELECT pg_reload_conf()');
      await eventually(async () => {
        const [row] = await queryDatabase<{ state: string }>(
          servers.primaryUrl,
          'SELECT sync_state AS state FROM pg_stat_replication',
        );
        return row?.state === 'sync';
      });
      const confirmed: string[] = [];
      const end = new AbortController();
      const client = async (): Promise<void> => {
        while (!end.signal.aborted) {
          const id = await place().catch(() => undefined);
          if (id !== undefined) confirmed.push(id);
        }
      };
      const clients = Array.from({ length: CLIENTS }, client);
      await eventually(() => confirmed.length >= LOST, 60_000);
      servers.cutOff();
      await sleep(CUT_OFF_MS);
      const url = await failOver();
      end.abort();
      await Promise.all(clients);
      expect(await findStored(url, confirmed)).toHaveLength(confirmed.length);
      await eventually(() => place().catch(() => undefined), 60_000);
      const { reservations } = JSON.parse((await reconcile(url, '--json')).out);
      expect(reservations).toEqual([]);
    },
    TEST_MS,
  );
});
