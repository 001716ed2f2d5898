import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { OrderStatus } from '../../orders/order-status.js';

/** The database's data of an order. */
export interface StoredOrder {
  id: string;
  status: OrderStatus;
  updatedAt: Date;
  /** See `reservationIdOf`. */
  stockGeneration: number;
  /** Whether the inventory has confirmed that it holds nothing for any line. */
  isReleased: boolean;
}

/** An order that holds stock, according to the database. */
export type LiveOrder = Pick<StoredOrder, 'id' | 'status' | 'stockGeneration'>;

/** Every statement that compares orders with outside data. */
@Injectable()
export class ReconcileRepository {
  constructor(private readonly dataSource: DataSource) {}

  async isStandby(): Promise<boolean> {
    const [row] = await this.dataSource.query<{ isStandby: boolean }[]>(
      `SELECT pg_is_in_recovery() AS "isStandby"`,
    );
    return row?.isStandby ?? false;
  }

  async findOrders(ids: readonly string[]): Promise<Map<string, StoredOrder>> {
    const rows = await this.dataSource.query<StoredOrder[]>(
      `SELECT o.id, o.status, o.updated_at AS "updatedAt", o.stock_generation AS "stockGeneration",
         NOT o.is_reserving_again AND NOT EXISTS (
           SELECT 1 FROM order_items i WHERE i.order_id = o.id AND i.reservation <> 'released'
         ) AS "isReleased"
       FROM orders o WHERE o.id = ANY ($1::uuid[])`,
      [ids],
    );
    return new Map(rows.map((row) => [row.id, row]));
  }

  /** The statuses that each order ever had. */
  async findStatuses(ids: readonly string[]): Promise<Map<string, OrderStatus[]>> {
    const rows = await this.dataSource.query<{ id: string; statuses: OrderStatus[] }[]>(
      `SELECT order_id AS id, array_agg(DISTINCT to_status) AS statuses FROM order_events
       WHERE order_id = ANY ($1::uuid[]) AND to_status IS NOT NULL GROUP BY order_id`,
      [ids],
    );
    return new Map(rows.map((row) => [row.id, row.statuses]));
  }

  /**
   * Orders that wait to be paid or shipped and did not change since a time, so that their stock was reserved before it. Those
   * that were shipped are left out: an inventory may forget their reservations. Holds that have ended are left out too: their
   * stock is about to be released.
   */
  async findLiveOrders(
    after: string,
    upTo: string,
    unchangedSince: Date,
    limit: number,
  ): Promise<LiveOrder[]> {
    return this.dataSource.query<LiveOrder[]>(
      `SELECT id, status, stock_generation AS "stockGeneration" FROM orders
       WHERE id > $1 AND id <= $2 AND updated_at < $3
         AND (status IN ('confirmed', 'processing') OR (status = 'reserved' AND expires_at > $3))
       ORDER BY id LIMIT $4`,
      [after, upTo, unchangedSince, limit],
    );
  }
}
