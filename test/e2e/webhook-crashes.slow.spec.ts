import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { PausePoint } from '../../src/pause-points/pause-points.js';
import { startSandbox, type Sandbox } from '../../sandbox/sandbox.js';
import { PauseServer } from '../faults/world/pause-server.js';
import { orderBody, selectRows } from '../support/builders.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { startServiceProcess } from '../support/service-process.js';
import { eventually, send, testSettings } from '../support/service.js';
import { insertEndpoint, type Receiver, startReceiver, storedSecret } from '../support/webhooks.js';

const CRASH_TIMEOUT_MS = 120_000;

const ORDERS = 4;

let sandbox: Sandbox;
let database: TestDatabase;
let receiver: Receiver;
let endpointId: string;

beforeAll(async () => {
  sandbox = await startSandbox({ ports: { inventory: 0, notification: 0, catalog: 0, carts: 0 } });
});
afterAll(() => sandbox.close());

beforeEach(async () => {
  database = await createTestDatabase();
  receiver = await startReceiver();
  const { url, secret } = receiver;
  endpointId = await insertEndpoint(database, { url, secrets: [storedSecret(secret)] });
});
afterEach(async () => {
  await receiver.close();
  await database.drop();
});

async function place(url: string): Promise<string> {
  const { body } = await send(`${url}/orders`, 'POST', orderBody());
  return body.order_id as string;
}

/** Places orders at a process, which is killed at the point. @returns their ids */
async function crash(point: PausePoint): Promise<string[]> {
  const pauses = await PauseServer.start();
  const settings = testSettings(sandbox, database.url);
  const service = await startServiceProcess({ ...settings, PAUSE_POINTS_URL: pauses.url });
  const orders: string[] = [];
  const reached = new Promise<void>((resolve, reject) => {
    const spring = () => service.end('SIGKILL').then(() => resolve(), reject);
    pauses.set(service.pid, { point, spring });
  });
  while (orders.length < ORDERS) {
    const orderId = await place(service.url).catch(() => undefined);
    if (orderId === undefined) break;
    orders.push(orderId);
  }
  await reached;
  await pauses.close();
  return orders;
}

const POINTS: PausePoint[] = ['webhook.inside-dispatch', 'webhook.before-send', 'webhook.after-send'];

describe('events of a service whose process dies', () => {
  it.each(POINTS)(
    'reach the receiver, in order per order and with the same id each time, after a crash at %s',
    async (point) => {
      const before = await crash(point);
      expect(before.length).toBeGreaterThan(0);
      const service = await startServiceProcess(testSettings(sandbox, database.url));
      const orders = [...before, await place(service.url)];
      // Leases of the process that died end after 20 s.
      await eventually(() => hasAll(orders), 60_000);
      await service.end('SIGTERM');
      const versions = orders.map((orderId) => [...new Set(versionsOf(orderId))]);
      expect(versions).toEqual(orders.map(() => [1, 2]));
      for (const { headers, body } of receiver.received)
        expect(headers['webhook-id']).toBe(`${body.order_id}/${body.version}`);
      expect(findGaps()).toEqual([]);
      const [endpoint] = await selectRows<{ isAtEnd: boolean }>(
        database,
        `SELECT read_until = (SELECT last_no FROM event_feed) AS "isAtEnd" FROM webhook_endpoints WHERE id = $1`,
        [endpointId],
      );
      expect(endpoint).toEqual({ isAtEnd: true });
    },
    CRASH_TIMEOUT_MS,
  );
});

function versionsOf(orderId: string): number[] {
  return receiver.received.filter(({ body }) => body.order_id === orderId).map(({ body }) => body.version);
}

function hasAll(orders: readonly string[]): boolean {
  return orders.every((orderId) => new Set(versionsOf(orderId)).size === 2);
}

/** Events that no delivery of the receiver leads to. */
function findGaps(): string[] {
  const byNumber = new Map(receiver.received.map(({ body }) => [body.feed_no, body]));
  const numbers = new Set(byNumber.keys());
  return [...byNumber.values()].flatMap(({ feed_no: feedNo, previous_feed_no: previous }) =>
    previous === null || numbers.has(previous) ? [] : [`${feedNo} follows ${previous}, which is missing`],
  );
}
