import { EXTENDED_SECONDS, HOLD_SECONDS } from '../clients/hold-wishes.ts';
import type { CampaignDatabase } from './database.ts';

/** Ends that are later than this were extended. */
const EXTENDED_FROM_SECONDS = (HOLD_SECONDS + EXTENDED_SECONDS) / 2;

/** The database may be failing statements on purpose. */
const ATTEMPTS = 20;

/** Lets the time of a hold pass, unless it was extended: its task is due. */
export async function endHold(database: CampaignDatabase, orderId: string): Promise<void> {
  await untilDone(() =>
    database.query(
      `UPDATE orders SET expires_at = now()
       WHERE id = $1 AND status = 'reserved' AND expires_at < now() + make_interval(secs => $2)`,
      [orderId, EXTENDED_FROM_SECONDS],
    ),
  );
  // On its own: together the two could deadlock with the service.
  await untilDone(() =>
    database.query(
      `UPDATE tasks SET run_at = now() WHERE order_id = $1 AND kind = 'expire-hold' AND lease_until IS NULL`,
      [orderId],
    ),
  );
}

async function untilDone(run: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await run();
      return;
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}
