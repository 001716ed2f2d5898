import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

/** Days from the last attempt on: far longer than the three days of the attempts, and long enough to look into a complaint. */
const KEPT_DAYS = 30;

/** Deletes the history of deliveries to webhooks. */
@Injectable()
export class OldWebhookDeliveriesRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Deletes deliveries with an old last attempt, the oldest first. @returns whether there may be more */
  async deleteOld(limit: number): Promise<boolean> {
    const [, deleted] = await this.dataSource.query<[unknown, number]>(
      `DELETE FROM webhook_deliveries d USING (
         SELECT order_id, endpoint_id, seq FROM webhook_deliveries
         WHERE attempted_at < now() - interval '${KEPT_DAYS} days' ORDER BY attempted_at LIMIT $1
       ) old
       WHERE d.order_id = old.order_id AND d.endpoint_id = old.endpoint_id AND d.seq = old.seq
         AND d.attempted_at < now() - interval '${KEPT_DAYS} days'`,
      [limit],
    );
    return deleted === limit;
  }
}
