import { expect } from '@jest/globals';
import { type OrderLine, orderBody, selectRows } from './builders.js';
import type { PlaceOrderBody } from './client.js';
import { eventually, type TestResponse, type TestService } from './service.js';

/** Longer than any test. */
export const HOLD_SECONDS = 3_600;

/** Places an order whose stock is held for a payment. @returns its id */
export async function reserveOrder(
  service: TestService,
  items: OrderLine[],
  more: Partial<PlaceOrderBody> = {},
): Promise<string> {
  const body = { ...orderBody(items, more), hold_seconds: HOLD_SECONDS };
  const placed = await service.request('POST', '/orders', body);
  expect([placed.status, placed.body.status]).toEqual([201, 'reserved']);
  return placed.body.order_id as string;
}

export function confirmOrder(service: TestService, id: string, payment?: object): Promise<TestResponse> {
  return service.request('POST', `/orders/${id}/confirm`, payment && { payment });
}

/** Confirms an order as a client does that repeats its request while the outcome is not known. */
export async function confirmUntilSettled(
  ...request: Parameters<typeof confirmOrder>
): Promise<TestResponse> {
  return eventually(async () => {
    const answer = await confirmOrder(...request);
    return answer.status === 503 ? undefined : answer;
  });
}

export function extendHold(service: TestService, id: string, seconds: number): Promise<TestResponse> {
  return service.request('POST', `/orders/${id}/extend`, { hold_seconds: seconds });
}

export function cancelOrder(service: TestService, id: string): Promise<TestResponse> {
  return service.request('PUT', `/orders/${id}`, { status: 'cancelled' });
}

/** Lets the time of holds pass that were not extended: they are due now. */
export async function endHolds({ database }: TestService, ids: readonly string[]): Promise<void> {
  const orders = `UPDATE orders SET expires_at = now() WHERE id = ANY ($1) AND status = 'reserved' AND version = 2`;
  await selectRows(database, orders, [ids]);
  // On its own: together the two could deadlock with the service.
  const tasks = `UPDATE tasks SET run_at = now() WHERE order_id = ANY ($1) AND kind = 'expire-hold'`;
  await selectRows(database, tasks, [ids]);
}

export async function statusOf({ database }: TestService, id: string): Promise<string> {
  const [row] = await selectRows<{ status: string }>(database, 'SELECT status FROM orders WHERE id = $1', [
    id,
  ]);
  return row?.status ?? '';
}

/** Ends the hold of an order, and waits until its stock is released. */
export async function expireOrder(service: TestService, id: string): Promise<void> {
  await endHolds(service, [id]);
  await eventually(async () => (await reservationsOf(service, id)).every((state) => state === 'released'));
  expect(await statusOf(service, id)).toBe('expired');
}

/** The reservation of each line. */
export async function reservationsOf({ database }: TestService, id: string): Promise<string[]> {
  const rows = await selectRows<{ reservation: string }>(
    database,
    'SELECT reservation FROM order_items WHERE order_id = $1 ORDER BY id',
    [id],
  );
  return rows.map(({ reservation }) => reservation);
}

/** Kinds of the tasks that an order has. */
export async function tasksOf({ database }: TestService, id: string): Promise<string[]> {
  const sql = 'SELECT kind FROM tasks WHERE order_id = $1 ORDER BY kind';
  return (await selectRows<{ kind: string }>(database, sql, [id])).map(({ kind }) => kind);
}

const EXPIRY = `order_id = $1 AND kind = 'expire-hold'`;

/** Makes the task that ends a hold due, while the hold goes on. */
export async function makeExpiryDue({ database }: TestService, id: string): Promise<void> {
  await selectRows(database, `UPDATE tasks SET run_at = now() WHERE ${EXPIRY}`, [id]);
}

/** The expiry as it waits; undefined while it runs. */
export async function waitingExpiry(
  { database }: TestService,
  id: string,
): Promise<{ claims: number; waits: number } | undefined> {
  const sql = `SELECT lease_version AS claims, extract(epoch FROM run_at - now())::float8 AS waits FROM tasks
    WHERE ${EXPIRY} AND lease_until IS NULL`;
  return (await selectRows<{ claims: number; waits: number }>(database, sql, [id]))[0];
}

/** The expiry once an attempt has found that the hold goes on. */
export function postponedExpiry(
  service: TestService,
  id: string,
): Promise<{ claims: number; waits: number }> {
  return eventually(async () => {
    const expiry = await waitingExpiry(service, id);
    return expiry && expiry.claims > 0 ? expiry : undefined;
  });
}
