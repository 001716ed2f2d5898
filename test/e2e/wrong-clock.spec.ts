import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { clearFaults, line, newProduct, orderBody, selectRows } from '../support/builders.js';
import { setLocalClock } from '../support/clocks.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

const DAY_MS = 86_400_000;

/** Longer than two retries of recovery, and shorter than its window. */
const SEVERAL_RETRIES_MS = 3_000;

/** The database runs on the same machine; the rest is for a loaded one. */
const CLOSE_MS = 2_000;

let service: TestService;

beforeAll(async () => {
  service = await startTestService({
    settings: {
      UPSTREAM_TIMEOUT_MS: '300',
      REQUEST_DEADLINE_MS: '1000',
      RECOVERY_WINDOW_MS: '60000',
      RECOVERY_INTERVAL_MS: '100',
    },
  });
});
afterEach(() => {
  setLocalClock(0);
  clearFaults(service.sandbox);
});
afterAll(() => service.stop());

async function place(headers: Record<string, string> = {}) {
  const product = newProduct(service.sandbox, 100);
  const { status, body } = await service.request('POST', '/orders', orderBody([line(product)]), headers);
  return { status, id: String(body.id ?? body.order_id) };
}

/** The time of placement, and the largest difference between a stored time and the database's clock. */
async function storedTimes(id: string): Promise<{ offMs: number; placedAt: Date }> {
  const [row] = await selectRows<{ offMs: number; placedAt: Date }>(
    service.database,
    `SELECT placed_at AS "placedAt", (SELECT max(abs(extract(epoch FROM clock_timestamp() - t)) * 1000)::float8
       FROM (SELECT o.placed_at UNION ALL SELECT o.updated_at
             UNION ALL SELECT e.occurred_at FROM order_events e WHERE e.order_id = o.id) times (t)) AS "offMs"
     FROM orders o WHERE o.id = $1`,
    [id],
  );
  if (!row) throw new Error(`order ${id} is not stored`);
  return row;
}

it('does not fail young orders when the clock of the recovering instance is five minutes ahead', async () => {
  service.sandbox.services.inventory.faults.add({ kind: 'away' });
  const { id, status } = await place({ Prefer: 'respond-async' });
  expect(status).toBe(202);
  setLocalClock(300_000);
  await sleep(SEVERAL_RETRIES_MS);
  const [pending] = await selectRows<{ status: string; attempt: number }>(
    service.database,
    `SELECT o.status, t.attempts AS attempt FROM orders o JOIN tasks t ON t.order_id = o.id AND t.kind = 'place-order'
     WHERE o.id = $1`,
    [id],
  );
  expect(pending?.status).toBe('pending');
  expect(pending?.attempt).toBeGreaterThan(1);
  clearFaults(service.sandbox);
  await eventually(async () => {
    const { body } = await service.request('GET', `/orders/${id}`);
    return body.status === 'confirmed';
  });
});

it.each([DAY_MS, -DAY_MS])(
  'stores the time of the database when the local clock is off by %d ms',
  async (ms) => {
    setLocalClock(ms);
    const { id } = await place();
    expect((await storedTimes(id)).offMs).toBeLessThan(CLOSE_MS);
  },
);

it('assigns ascending ids and distinct times after the clock was a day ahead and set back', async () => {
  setLocalClock(DAY_MS);
  const ahead = await place();
  setLocalClock(0);
  const first = await place();
  await sleep(5);
  const second = await place();
  expect([ahead.id, first.id, second.id].toSorted()).toEqual([ahead.id, first.id, second.id]);
  const [one, two] = [await storedTimes(first.id), await storedTimes(second.id)];
  expect(two.placedAt.getTime()).toBeGreaterThan(one.placedAt.getTime());
  expect(two.offMs).toBeLessThan(CLOSE_MS);
});
