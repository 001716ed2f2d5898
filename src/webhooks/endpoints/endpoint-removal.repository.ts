import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { BEGIN_BY_INDEX, queryAtOnce } from '../../platform/database/transaction.js';
import { REMOVAL_LOCK } from '../history/webhook-history.repository.js';
import { WEBHOOK_KINDS, webhookKind } from '../webhook-task.js';

/** The statements that delete what is left of a deleted endpoint, some rows at a time. */
@Injectable()
export class EndpointRemovalRepository {
  constructor(private readonly dataSource: DataSource) {}

  async findDeleted(): Promise<string[]> {
    const rows = await this.dataSource.query<{ id: string }[]>(
      `SELECT id FROM webhook_endpoints WHERE state = 'deleted' ORDER BY id`,
    );
    return rows.map(({ id }) => id);
  }

  /**
   * Deletes all tasks of an endpoint that are about some orders. Attempts under way lose their lease.
   *
   * @returns whether there may be more
   */
  async deleteTasks(endpointId: string, mostOrders: number): Promise<boolean> {
    const { name, lane } = webhookKind(endpointId);
    const orderIds = await this.findOrdersWithTasks(name, mostOrders);
    if (orderIds.length === 0) return false;
    await queryAtOnce(this.dataSource, BEGIN_BY_INDEX, [
      { text: `DELETE FROM tasks WHERE order_id = ANY ($1) AND lane = $2`, values: [orderIds, lane] },
    ]);
    return true;
  }

  /** By the indexes `tasks_of_webhooks`, whose condition the second one is, and `tasks_dead`. */
  private async findOrdersWithTasks(kind: string, most: number): Promise<string[]> {
    const [result] = await queryAtOnce(this.dataSource, BEGIN_BY_INDEX, [
      {
        text: `(SELECT order_id AS "orderId" FROM tasks WHERE kind = $1 AND kind LIKE '${WEBHOOK_KINDS}%' AND state <> 'dead'
           ORDER BY created_at LIMIT $2)
          UNION ALL
          (SELECT order_id FROM tasks WHERE kind = $1 AND state = 'dead' ORDER BY order_id LIMIT $2)`,
        values: [kind, most],
      },
    ]);
    return (result?.rows ?? []).map(({ orderId }: { orderId: string }) => orderId);
  }

  /**
   * Deletes the deliveries of an endpoint that are oldest, about as many as given: all of the same moment as the last of them go
   * along. Two statements, since a DELETE that is limited by a subquery is not for every PostgreSQL.
   *
   * @returns whether there may be more
   */
  async deleteDeliveries(endpointId: string, limit: number): Promise<boolean> {
    // As text, which keeps the microseconds that a Date would lose.
    const [last] = await this.dataSource.query<{ attemptedAt: string }[]>(
      `SELECT attempted_at::text AS "attemptedAt" FROM webhook_deliveries WHERE endpoint_id = $1
       ORDER BY attempted_at, order_id, seq OFFSET $2 LIMIT 1`,
      [endpointId, limit - 1],
    );
    await this.dataSource.query(
      `DELETE FROM webhook_deliveries WHERE endpoint_id = $1 AND attempted_at <= coalesce($2::timestamptz, 'infinity')`,
      [endpointId, last?.attemptedAt],
    );
    return last !== undefined;
  }

  /**
   * Deletes the row of an endpoint, and what attempts that were under way have recorded since its deliveries were deleted. Later ones
   * record nothing.
   */
  async deleteEndpoint(endpointId: string): Promise<void> {
    await queryAtOnce(this.dataSource, BEGIN_BY_INDEX, [
      { text: `SELECT pg_advisory_xact_lock(${REMOVAL_LOCK}, hashtext($1))`, values: [endpointId] },
      { text: `DELETE FROM webhook_deliveries WHERE endpoint_id = $1`, values: [endpointId] },
      { text: `DELETE FROM webhook_endpoints WHERE id = $1 AND state = 'deleted'`, values: [endpointId] },
    ]);
  }
}
