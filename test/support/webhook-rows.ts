import type { DeliveryState } from '../../src/webhooks/webhook-delivery.entity.js';
import type { TaskState } from '../../src/tasks/task.entity.js';
import { selectRows } from './builders.js';
import type { TestDatabase } from './database.js';

/** Why the last attempt of a failed delivery failed. */
export const WEBHOOK_ERROR = 'webhook endpoint: answered 503';

/** A task that sends an event to an endpoint. */
export interface WebhookTaskRow {
  orderId: string;
  endpointId: string;
  seq: number;
  state: TaskState;
}

/** Inserts tasks of endpoints; dead ones have failed for the usual reason. */
export async function insertWebhookTasks(
  database: TestDatabase,
  rows: readonly WebhookTaskRow[],
  error = WEBHOOK_ERROR,
): Promise<void> {
  await selectRows(
    database,
    `INSERT INTO tasks (order_id, lane, seq, id, kind, payload, state, run_at, lease_version, attempts, max_attempts,
       last_error, created_at, dead_at)
     SELECT order_id, 'webhook:' || endpoint_id, seq, gen_random_uuid(), 'webhook:' || endpoint_id,
       '{"feedNo": 1, "previousFeedNo": null}', state, now() + interval '1 hour', 1,
       CASE state WHEN 'dead' THEN 80 ELSE 0 END, 80, CASE state WHEN 'dead' THEN $5::text END, now(),
       CASE state WHEN 'dead' THEN now() END
     FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[]) AS t (order_id, endpoint_id, seq, state)`,
    [
      rows.map((row) => row.orderId),
      rows.map((row) => row.endpointId),
      rows.map((row) => row.seq),
      rows.map((row) => row.state),
      error,
    ],
  );
}

/** Inserts a delivery that has been attempted. */
export async function insertDelivery(
  database: TestDatabase,
  { orderId, endpointId, seq }: Pick<WebhookTaskRow, 'orderId' | 'endpointId' | 'seq'>,
  state: DeliveryState,
  answer: string | null = null,
  daysAgo = 0,
): Promise<void> {
  await selectRows(
    database,
    `INSERT INTO webhook_deliveries (order_id, endpoint_id, seq, feed_no, state, attempts, status, duration_ms, answer,
       error, attempted_at)
     VALUES ($1, $2, $3, 1, $4, 80, 503, 12, $5, $5, now() - $6 * interval '1 day')`,
    [orderId, endpointId, seq, state, answer, daysAgo],
  );
}

/** States of what was sent about an order, by endpoint and event. */
export async function deliveryStates(database: TestDatabase, orderId: string): Promise<string[]> {
  const rows = await selectRows<{ state: string }>(
    database,
    `SELECT state FROM webhook_deliveries WHERE order_id = $1 ORDER BY endpoint_id, seq`,
    [orderId],
  );
  return rows.map(({ state }) => state);
}
