import { Injectable } from '@nestjs/common';
import type { Sql } from '../../platform/database/connection.js';
import type { Order } from '../order.entity.js';

/** The statements on the hold of an order, all of them parts of a transaction. */
@Injectable()
export class HoldsRepository {
  /** Raises the version of a reserved order and sets the end of its hold. @returns whether it was at that version */
  async extend(sql: Sql, { id, version }: Pick<Order, 'id' | 'version'>, next: Order): Promise<boolean> {
    const [, affected] = await sql.query<[unknown, number]>(
      `UPDATE orders SET version = $3, updated_at = $4, expires_at = $5, stock_until = $6
       WHERE id = $1 AND version = $2 AND status = 'reserved'`,
      [id, version, next.version, next.updatedAt, next.expiresAt, next.stockUntil],
    );
    return affected === 1;
  }

  /** Milliseconds until the hold of an order ends by the clock of the database, rounded up; 0 or less once it is over. */
  async findRemainingMs(sql: Sql, orderId: string): Promise<number> {
    const [row] = await sql.query<{ ms: number }[]>(
      `SELECT ceil(extract(epoch FROM expires_at - now()) * 1000)::float8 AS ms FROM orders WHERE id = $1`,
      [orderId],
    );
    return row?.ms ?? 0;
  }

  /**
   * Begins to reserve the stock of an expired order again. No event tells of it: the version stays.
   *
   * @returns whether the order is expired and nothing is being reserved for it
   */
  async beginReservingAgain(sql: Sql, orderId: string, stockGeneration: number): Promise<boolean> {
    const [, affected] = await sql.query<[unknown, number]>(
      `UPDATE orders SET is_reserving_again = true, stock_generation = $2
       WHERE id = $1 AND status = 'expired' AND NOT is_reserving_again`,
      [orderId, stockGeneration],
    );
    return affected === 1;
  }

  async isReservingAgain(sql: Sql, orderId: string): Promise<boolean> {
    const [row] = await sql.query<{ isReserving: boolean }[]>(
      `SELECT is_reserving_again AS "isReserving" FROM orders WHERE id = $1`,
      [orderId],
    );
    return row?.isReserving ?? false;
  }

  /** Locks an order that is still at the version it was read at. @returns whether it was */
  async lock(sql: Sql, { id, version }: Pick<Order, 'id' | 'version'>): Promise<boolean> {
    const rows = await sql.query<unknown[]>(
      `SELECT 1 FROM orders WHERE id = $1 AND version = $2 FOR NO KEY UPDATE`,
      [id, version],
    );
    return rows.length === 1;
  }

  /** @param stockUntil when the inventory gives what was reserved away by itself; null where it does not */
  async endReservingAgain(sql: Sql, orderId: string, stockUntil: Date | null): Promise<void> {
    await sql.query(`UPDATE orders SET is_reserving_again = false, stock_until = $2 WHERE id = $1`, [
      orderId,
      stockUntil,
    ]);
  }
}
