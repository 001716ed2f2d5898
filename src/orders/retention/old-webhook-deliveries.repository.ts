import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

/** Days from the last attempt on: far longer than the three days of the attempts, and long enough to look into a complaint. */
const KEPT_DAYS = 30;

const END = `now() - interval '${KEPT_DAYS} days'`;

/** Deletes the history of deliveries to webhooks. */
@Injectable()
export class OldWebhookDeliveriesRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Deletes the oldest deliveries with an old last attempt, about as many as given: all of the same moment as the last of them
   * go along.
   *
   * @returns whether there may be more
   */
  async deleteOld(limit: number): Promise<boolean> {
    // As text, which keeps the microseconds that a Date would lose.
    const [last] = await this.dataSource.query<{ attemptedAt: string }[]>(
      `SELECT attempted_at::text AS "attemptedAt" FROM webhook_deliveries WHERE attempted_at < ${END}
       ORDER BY attempted_at OFFSET $1 LIMIT 1`,
      [limit - 1],
    );
    await this.dataSource.query(
      `DELETE FROM webhook_deliveries WHERE attempted_at < ${END}
         AND attempted_at <= coalesce($1::timestamptz, 'infinity')`,
      [last?.attemptedAt],
    );
    return last !== undefined;
  }
}
