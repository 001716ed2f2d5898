import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { line, orderBody, placeOrder, selectRows } from '../support/builders.js';
import { listIncidents, setStatus } from '../support/client.js';
import { eventually, startTestService, type TestService } from '../support/service.js';
import { type Process, startProcess } from './world/processes.ts';

const SANDBOX = fileURLToPath(new URL('../../sandbox/main.ts', import.meta.url));

/** Longer than all attempts of a call with the default timeouts. */
const FROZEN_MS = 7_000;

const TIMEOUT_MS = 60_000;

/** Spread over a moment, so that the freeze hits each step of some order. */
const ORDERS_UNDER_WAY = 60;
const BETWEEN_ORDERS_MS = 5;

const PRODUCT = 'FROZEN';

/** An inventory that ignores idempotency keys, in a process that can be frozen as by a debugger or a slow disk. */
let inventory: { url: string; process: Process };
let service: TestService;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'frozen-inventory-'));
  const ports = ['inventory', 'notification', 'catalog', 'carts'].flatMap((name) => [`--${name}-port`, '0']);
  const child = startProcess([SANDBOX, ...ports, '--ignore-idempotency-keys'], {}, join(folder, 'log'));
  const url = await eventually(() => /^inventory +listens on (\S+)$/m.exec(child.output())?.[1]);
  inventory = { url, process: child };
  service = await startTestService({
    settings: { INVENTORY_SERVICE_URL: url, INVENTORY_HONOURS_IDEMPOTENCY_KEYS: '' },
  });
}, TIMEOUT_MS);

afterAll(async () => {
  await service.stop();
  inventory.process.signal('SIGKILL');
  await inventory.process.ended;
  await rm(folder, { recursive: true });
});

async function control(method: string, path: string, body?: object): Promise<unknown> {
  const response = await fetch(`${inventory.url}/sandbox/${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return text === '' ? undefined : JSON.parse(text);
}

const resetStock = (quantity: number) =>
  control('POST', 'reset', { stock: [{ id: PRODUCT, name: 'Frozen', price: 10, quantity }] });

async function stock(): Promise<number> {
  const { products } = (await control('GET', 'stock')) as { products: { id: string; quantity: number }[] };
  return products.find(({ id }) => id === PRODUCT)?.quantity ?? Number.NaN;
}

/** Freezes the inventory, runs a function, and resumes the inventory after all calls to it have timed out. */
async function whileFrozen<T>(act: () => Promise<T>): Promise<T> {
  inventory.process.signal('SIGSTOP');
  try {
    const result = await act();
    await sleep(FROZEN_MS);
    return result;
  } finally {
    inventory.process.signal('SIGCONT');
  }
}

/** Units of live orders, and units of ended orders that are listed as in doubt. */
async function books(): Promise<{ live: number; inDoubt: number }> {
  const [row] = await selectRows<{ live: number; inDoubt: number }>(
    service.database,
    `SELECT coalesce(sum(quantity) FILTER (WHERE status NOT IN ('rejected', 'failed', 'cancelled')), 0)::int AS live,
       coalesce(sum(quantity) FILTER (WHERE status IN ('rejected', 'failed', 'cancelled')
         AND reservation = 'in_doubt'), 0)::int AS "inDoubt"
     FROM order_items JOIN orders ON orders.id = order_id WHERE product_id = $1`,
    [PRODUCT],
  );
  return row ?? { live: 0, inDoubt: 0 };
}

describe('frozen inventory that ignores idempotency keys, with the default settings', () => {
  it(
    'receives the units of a cancelled order once, and the unknown outcome becomes an incident',
    async () => {
      await resetStock(10);
      const id = await placeOrder(service, orderBody([line(PRODUCT, 5)]));
      expect(await stock()).toBe(5);
      await whileFrozen(() => setStatus(service, id, 'cancelled', 'Not wanted'));
      const incident = await eventually(async () => (await listIncidents(service)).incidents[0]);
      expect(incident).toMatchObject({ kind: 'reservation', order_id: id, product_id: PRODUCT, quantity: 5 });
      await eventually(async () => (await stock()) === 10);
      const tooMuch = await service.request('POST', '/orders', orderBody([line(PRODUCT, 20)]));
      expect([tooMuch.status, tooMuch.body.type]).toEqual([400, '/problems/insufficient-stock']);
      expect(await stock()).toBe(10);
    },
    TIMEOUT_MS,
  );

  it(
    'holds no unit that neither a live order nor a line in doubt accounts for',
    async () => {
      await resetStock(1_000);
      const before = await books();
      const incidentsBefore = (await listIncidents(service, { limit: 200 })).count;
      const bodies = Array.from({ length: ORDERS_UNDER_WAY }, () => orderBody([line(PRODUCT, 2)]));
      const placing = bodies.map(async (body, index) => {
        await sleep(index * BETWEEN_ORDERS_MS);
        return service.request('POST', '/orders', body);
      });
      await sleep((bodies.length / 2) * BETWEEN_ORDERS_MS);
      await whileFrozen(() => Promise.resolve());
      const answers = await Promise.all(placing);
      await eventually(async () => {
        const rows = await selectRows(service.database, `SELECT 1 FROM orders WHERE status = 'pending'`);
        return rows.length === 0;
      }, TIMEOUT_MS / 2);
      const after = await books();
      const live = after.live - before.live;
      const inDoubt = after.inDoubt - before.inDoubt;
      const taken = 1_000 - (await stock());
      expect(live).toBe(2 * answers.filter(({ status }) => status === 201).length);
      expect(taken).toBeGreaterThanOrEqual(live);
      expect(taken).toBeLessThanOrEqual(live + inDoubt);
      const listed = (await listIncidents(service, { limit: 200 })).count - incidentsBefore;
      expect(listed).toBe(inDoubt / 2);
    },
    TIMEOUT_MS,
  );
});
