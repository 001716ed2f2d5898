import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { CompletedDelivery } from './delivery.entity.js';

/** Jobs of orders have the id of their order as key. Other jobs in the tables of the queue are deleted without an entry. */
const ORDER_ID = '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';

/** Completed deliveries of orders, which outlive the jobs that made them. */
@Injectable()
export class DeliveryArchiveRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Moves jobs that were completed more than `hours` ago to the archive, oldest first. Jobs that were completed in the same
   * moment as the last of a batch go with it, so a batch may be slightly larger than `limit`.
   *
   * @returns whether there may be more
   */
  async archiveCompleted(hours: number, limit: number): Promise<boolean> {
    // As text, which keeps the microseconds that a Date would lose.
    const [last] = await this.dataSource.query<{ completedOn: string }[]>(
      `SELECT completed_on::text AS "completedOn" FROM pgboss.job
       WHERE state = 'completed' AND completed_on <= now() - $1 * interval '1 hour'
       ORDER BY completed_on OFFSET $2 LIMIT 1`,
      [hours, limit - 1],
    );
    await this.dataSource.query(
      `WITH completed AS (
         DELETE FROM pgboss.job WHERE state = 'completed'
           AND completed_on <= coalesce($2::timestamptz, now() - $1 * interval '1 hour')
         RETURNING id, name, CASE WHEN singleton_key ~ $3 THEN singleton_key::uuid END AS order_id,
           CASE WHEN data->>'seq' ~ '^[0-9]{1,9}$' THEN (data->>'seq')::integer ELSE 0 END AS event_seq,
           retry_count + 1 AS attempts, created_on, completed_on
       )
       INSERT INTO deliveries (order_id, id, queue, event_seq, attempts, created_at, completed_at)
       SELECT c.order_id, c.id, c.name, c.event_seq, c.attempts, c.created_on, c.completed_on
       FROM completed c JOIN orders o ON o.id = c.order_id`,
      [hours, last?.completedOn, ORDER_ID],
    );
    return last !== undefined;
  }

  /** The archived deliveries of an order, oldest first. */
  async findByOrder(orderId: string, limit: number): Promise<CompletedDelivery[]> {
    return this.dataSource.query<CompletedDelivery[]>(
      `SELECT order_id AS "orderId", id, queue, event_seq AS "eventSeq", attempts, created_at AS "createdAt",
         completed_at AS "completedAt"
       FROM deliveries WHERE order_id = $1 ORDER BY created_at, id LIMIT $2`,
      [orderId, limit],
    );
  }
}
