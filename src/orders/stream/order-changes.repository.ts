import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { OrderEventType } from '../order-event.entity.js';
import type { OrderStatus } from '../order-status.js';
import type { StreamPosition } from './stream-position.js';

/** One event of an order, as those learn of it who follow all orders. */
export interface OrderChange {
  orderId: string;
  seq: number;
  type: OrderEventType;
  fromStatus: OrderStatus | null;
  toStatus: OrderStatus | null;
  actor: string;
  occurredAt: Date;
  /** Whose order it is. */
  customerId: string | null;
  position: StreamPosition;
}

/** Every statement by which the events of all orders are followed. */
@Injectable()
export class OrderChangesRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * The oldest transaction that is under way, or the next that will be. All older ones have ended, so whatever they wrote
   * is to be seen from now on, and there will never be more of it.
   */
  async findHorizon(): Promise<bigint> {
    const [row] = await this.dataSource.query<{ horizon: string }[]>(
      `SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon`,
    );
    if (!row) throw new Error('the database does not know its transactions');
    return BigInt(row.horizon);
  }

  /** Events behind a place, of transactions before another, in their order. */
  async findChanges(
    { transaction, orderId, seq }: StreamPosition,
    before: bigint,
    limit: number,
  ): Promise<OrderChange[]> {
    const rows = await this.dataSource.query<(Omit<OrderChange, 'position'> & { transactionId: string })[]>(
      `SELECT e.transaction_id::text AS "transactionId", e.order_id AS "orderId", e.seq, e.type,
         e.from_status AS "fromStatus", e.to_status AS "toStatus", e.actor, e.occurred_at AS "occurredAt",
         o.customer_id AS "customerId"
       FROM order_events e JOIN orders o ON o.id = e.order_id
       WHERE e.transaction_id >= $1 AND e.transaction_id < $2 AND (e.transaction_id, e.order_id, e.seq) > ($1, $3, $4)
       ORDER BY e.transaction_id, e.order_id, e.seq LIMIT $5`,
      [String(transaction), String(before), orderId, seq, limit],
    );
    return rows.map(({ transactionId, ...change }) => ({
      ...change,
      position: { transaction: BigInt(transactionId), orderId: change.orderId, seq: change.seq },
    }));
  }

  /** Whether there are more events than so many from a transaction on. Reads no more than those. */
  async isFarBehind({ transaction }: StreamPosition, limit: number): Promise<boolean> {
    const rows = await this.dataSource.query<unknown[]>(
      `SELECT 1 FROM order_events WHERE transaction_id >= $1 ORDER BY transaction_id OFFSET $2 LIMIT 1`,
      [String(transaction), limit],
    );
    return rows.length > 0;
  }
}
