import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.js';
import { line, newProduct, selectRows, stockOf } from '../support/builders.js';
import { getOrder, listEvents } from '../support/client.js';
import { type ClockedDatabase, setLocalClock, withClock } from '../support/clocks.js';
import { createTestDatabase } from '../support/database.js';
import {
  confirmUntilSettled,
  endHolds,
  extendHold,
  HOLD_SECONDS,
  makeExpiryDue,
  postponedExpiry,
  reservationsOf,
  reserveOrder,
  statusOf,
} from '../support/holds.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

const DAY_MS = 86_400_000;

/** The database runs on the same machine; the rest is for a loaded one. */
const CLOSE_SECONDS = 5;

/** Less than the service takes to measure the clock of the database again. */
const SOON_MS = 5_000;

let sandbox: Sandbox;
let database: ClockedDatabase;
let service: TestService;

beforeAll(async () => {
  sandbox = await startSandbox({ ports: { inventory: 0, notification: 0, catalog: 0, carts: 0 } });
  database = await withClock(await createTestDatabase());
});

// A new instance knows the time of the database as it is now.
async function start(): Promise<void> {
  service = await startTestService({ beside: { sandbox, database } });
}

afterEach(async () => {
  setLocalClock(0);
  await service.stop();
  await database.setClock(0);
});

afterAll(async () => {
  await sandbox.close();
  await database.drop();
});

const reserve = (product = newProduct(sandbox)): Promise<string> => reserveOrder(service, [line(product, 2)]);

/** Seconds until the hold ends, by the clock of the database. */
async function secondsLeft(id: string): Promise<number> {
  const sql = 'SELECT extract(epoch FROM expires_at - now())::float8 AS left FROM orders WHERE id = $1';
  return (await selectRows<{ left: number }>(database, sql, [id]))[0]?.left ?? NaN;
}

describe.each([DAY_MS, -DAY_MS])('while the clock of an instance is off by %d ms', (aheadMs) => {
  beforeEach(start);

  it('a hold begins and ends by the time of the database', async () => {
    const before = await reserve();
    setLocalClock(aheadMs);
    const after = await reserve();
    for (const id of [before, after])
      expect(Math.abs((await secondsLeft(id)) - HOLD_SECONDS)).toBeLessThan(CLOSE_SECONDS);

    // Each looks at its hold, which is not over.
    for (const id of [before, after]) await makeExpiryDue(service, id);
    for (const id of [before, after]) {
      const { waits } = await postponedExpiry(service, id);
      expect(Math.abs(waits - HOLD_SECONDS)).toBeLessThan(CLOSE_SECONDS);
      expect(await statusOf(service, id)).toBe('reserved');
    }

    await endHolds(service, [before, after]);
    await eventually(async () => (await statusOf(service, before)) === 'expired');
    await eventually(async () => (await statusOf(service, after)) === 'expired');
  });

  it('an extension and a late payment keep the time of the database', async () => {
    const product = newProduct(sandbox);
    const [id, extended] = [await reserve(product), await reserve()];
    setLocalClock(aheadMs);
    expect((await extendHold(service, extended, 2 * HOLD_SECONDS)).status).toBe(200);
    expect(Math.abs((await secondsLeft(extended)) - 2 * HOLD_SECONDS)).toBeLessThan(CLOSE_SECONDS);

    await endHolds(service, [id]);
    await eventually(async () => (await reservationsOf(service, id)).every((state) => state === 'released'));
    const confirmed = await confirmUntilSettled(service, id, { reference: 'pay_1', state: 'captured' });
    expect(confirmed).toMatchObject({ status: 200, body: { status: 'confirmed' } });
    expect(stockOf(sandbox, product)).toBe(8);

    setLocalClock(0);
    const { payments } = await getOrder(service, id);
    const times = [
      ...payments.map(({ recorded_at: at }) => at),
      ...(await listEvents(service, id)).map(({ timestamp: at }) => at),
    ];
    const farthest = Math.max(...times.map((time) => Math.abs(Date.parse(time) - Date.now())));
    expect(farthest / 1_000).toBeLessThan(60);
  });
});

describe('when the clock of the database jumps', () => {
  beforeEach(start);

  it('forward beyond the end of a hold, the hold expires at once, and others wait', async () => {
    const product = newProduct(sandbox);
    const [over, open] = [await reserve(product), await reserve()];
    await extendHold(service, open, 3 * HOLD_SECONDS);
    await database.setClock(2 * HOLD_SECONDS * 1_000);
    await eventually(async () => (await statusOf(service, over)) === 'expired', SOON_MS);
    await eventually(() => stockOf(sandbox, product) === 10);
    const expiry = await postponedExpiry(service, open);
    expect(Math.abs(expiry.waits - HOLD_SECONDS)).toBeLessThan(CLOSE_SECONDS);
    expect(await statusOf(service, open)).toBe('reserved');
    const confirmed = await confirmUntilSettled(service, open, { reference: 'pay_1' });
    expect(confirmed).toMatchObject({ status: 200, body: { status: 'confirmed', version: 4 } });
  });

  it('back, holds go on, and are confirmed, extended and ended as before', async () => {
    const ids = [await reserve(), await reserve(), await reserve()];
    const [paid = '', extended = '', unpaid = ''] = ids;
    await database.setClock(-2 * HOLD_SECONDS * 1_000);
    for (const id of ids) await makeExpiryDue(service, id);
    for (const id of ids) {
      const { waits } = await postponedExpiry(service, id);
      expect(Math.abs(waits - 3 * HOLD_SECONDS)).toBeLessThan(CLOSE_SECONDS);
    }
    expect((await confirmUntilSettled(service, paid, { reference: 'pay_1' })).status).toBe(200);
    expect((await extendHold(service, extended, HOLD_SECONDS)).status).toBe(200);
    await endHolds(service, [unpaid]);
    await eventually(async () => (await statusOf(service, unpaid)) === 'expired');
    expect(await statusOf(service, extended)).toBe('reserved');
  });
});
