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

  /** @param stockUntil when the inventory gives what was reserved away by itself; null where it does not */
  async endReservingAgain(sql: Sql, orderId: string, stockUntil: Date | null): Promise<void> {
    await sql.query(`UPDATE orders SET is_reserving_again = false, stock_until = $2 WHERE id = $1`, [
      orderId,
      stockUntil,
    ]);
  }
}
