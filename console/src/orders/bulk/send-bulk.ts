import { api, send } from '../../api/client.ts';
import { mayPass } from '../../api/problem.ts';
import type { BulkAnswer, Order } from '../../api/types.ts';
import type { StatusChoice } from '../../order/status-form.tsx';

const ATTEMPTS = 3;
const PAUSE_MS = 1_000;

/** 128 bits by chance; the browser makes UUIDs only on secure pages, which those of an intranet may not be. */
function randomKey(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join('-');
}

/**
 * Sets the status of up to 1,000 orders, of each only if it is still as it was seen. Without an answer it is asked again
 * with the same key, which does nothing twice.
 *
 * @throws {ProblemError}
 */
export async function sendBulk(orders: readonly Order[], choice: StatusChoice): Promise<BulkAnswer> {
  const body = { orders: orders.map(({ order_id, version }) => ({ order_id, version })), ...choice };
  const params = { header: { 'Idempotency-Key': randomKey() } };
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send(api.POST('/orders/bulk-status', { body, params }));
    } catch (error) {
      // Without a network it is not sent again: by the time the network returns, the person may want something else.
      if (!navigator.onLine || !mayPass(error) || attempt === ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * attempt));
      if (!navigator.onLine) throw error;
    }
  }
}
