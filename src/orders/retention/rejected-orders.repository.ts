import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction } from '../../platform/database/transaction.js';
import { smallestIdAt } from '../dto/list-orders.dto.js';
import { deleteSearchTexts } from '../search/order-search.repository.js';

/**
 * How much longer a rejected order is kept for webhook endpoints that have not read its events: long enough to notice and repair an
 * endpoint that is down or disabled.
 */
const KEPT_FOR_WEBHOOKS_DAYS = 30;

/** An endpoint that has not read an event of an order `o`. Events without a number were read by none. */
const WAITS_FOR_ENDPOINT = `EXISTS (
  SELECT 1 FROM order_events e JOIN webhook_endpoints w ON w.state <> 'deleted' AND (e.feed_no > w.read_until OR e.feed_no = 0)
  WHERE e.order_id = o.id
)`;

/**
 * The bounds of a search by the clock of the database. Orders placed after the first event that an endpoint has not read wait for it
 * too, so the search ends there: it would go through all of them each time.
 */
const FIND_BOUNDS = `
SELECT least(age.before, greatest(age.before_anyway, coalesce((
  SELECT e.occurred_at FROM order_events e WHERE e.feed_no > 0 AND e.feed_no > (
    SELECT min(w.read_until) FROM webhook_endpoints w WHERE w.state <> 'deleted'
  ) ORDER BY e.feed_no LIMIT 1
), 'infinity'))) AS before, age.before_anyway AS "beforeAnyway"
FROM (
  SELECT now() - $1 * interval '1 hour' AS before,
    now() - $1 * interval '1 hour' - interval '${KEPT_FOR_WEBHOOKS_DAYS} days' AS before_anyway
) age`;

/** Deletes rejected orders. They hold no stock, and their customers were never notified. */
@Injectable()
export class RejectedOrdersRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Deletes rejected orders that were placed more than `hours` ago, oldest first, with their lines and events. Orders
   * with a task, or whose stock is not certainly released, are kept; so are, for some time more, those with an event that a webhook
   * endpoint has not read.
   *
   * @returns whether there may be more
   */
  async deleteOlderThan(hours: number, limit: number): Promise<boolean> {
    const ids = await this.findOlderThan(hours, limit);
    if (ids.length > 0) await this.deleteAll(ids);
    return ids.length === limit;
  }

  private async findOlderThan(hours: number, limit: number): Promise<string[]> {
    const [bounds] = await this.dataSource.query<{ before: Date; beforeAnyway: Date }[]>(FIND_BOUNDS, [
      hours,
    ]);
    const { before = new Date(0), beforeAnyway = new Date(0) } = bounds ?? {};
    // Ids begin with the time, so that the index by status finds the oldest at once.
    const rows = await this.dataSource.query<{ id: string }[]>(
      `SELECT o.id FROM orders o WHERE o.status = 'rejected' AND o.id < $1
         AND NOT EXISTS (SELECT 1 FROM order_items i WHERE i.order_id = o.id AND i.reservation <> 'released')
         AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.order_id = o.id)
         AND (o.id < $3 OR NOT ${WAITS_FOR_ENDPOINT})
       ORDER BY o.id LIMIT $2`,
      [smallestIdAt(before.toISOString()), limit, smallestIdAt(beforeAnyway.toISOString())],
    );
    return rows.map(({ id }) => id);
  }

  /** The orders are locked first, so that a concurrent erasure of personal data finds either all of an order or nothing. */
  private async deleteAll(ids: readonly string[]): Promise<void> {
    await inTransaction(this.dataSource, async (transaction) => {
      await transaction.query(`SELECT id FROM orders WHERE id = ANY ($1) ORDER BY id FOR UPDATE`, [ids]);
      await deleteSearchTexts(transaction, ids);
      await transaction.query(`DELETE FROM deliveries WHERE order_id = ANY ($1)`, [ids]);
      await transaction.query(`DELETE FROM webhook_deliveries WHERE order_id = ANY ($1)`, [ids]);
      await transaction.query(`DELETE FROM order_events WHERE order_id = ANY ($1)`, [ids]);
      await transaction.query(`DELETE FROM order_items WHERE order_id = ANY ($1)`, [ids]);
      await transaction.query(`DELETE FROM orders WHERE id = ANY ($1)`, [ids]);
    });
  }
}
