import type { TestDatabase } from './database.js';
import { queryDatabase } from './invariants.js';

/** Adds the task that completes a pending order, due now, as a process leaves it that died during the first attempt. */
export async function addPlacementTask({ url }: Pick<TestDatabase, 'url'>, orderId: string): Promise<void> {
  await queryDatabase(
    url,
    `INSERT INTO tasks (order_id, lane, seq, id, kind, payload, state, run_at, lease_version, attempts, max_attempts,
       created_at)
     VALUES ($1, 'placement', 1, gen_random_uuid(), 'place-order', '{}', 'ready', now(), 1, 1, 2147483647, now())`,
    [orderId],
  );
}
