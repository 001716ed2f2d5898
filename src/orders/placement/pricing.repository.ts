import { Injectable } from '@nestjs/common';
import type { Sql } from '../../platform/database/connection.js';

/** Every statement that prices an order which was stored without prices. */
@Injectable()
export class PricingRepository {
  /**
   * Sets the total of an unpriced order.
   *
   * @returns false when the order is already priced, or no longer pending
   */
  async setTotal(sql: Sql, orderId: string, total: string | null): Promise<boolean> {
    const [, affected] = await sql.query<[unknown, number]>(
      `UPDATE orders SET total_amount = $2, to_price = NULL
       WHERE id = $1 AND status = 'pending' AND to_price IS NOT NULL`,
      [orderId, total],
    );
    return affected === 1;
  }

  /** Sets names and prices of all lines, which are given in the order of their numbers. */
  async setPrices(
    sql: Sql,
    orderId: string,
    lines: readonly { productName: string | null; price: string | null }[],
  ): Promise<void> {
    await sql.query(
      `UPDATE order_items i SET product_name = l.name, price = l.price
       FROM unnest($2::text[], $3::numeric[]) WITH ORDINALITY AS l (name, price, line)
       WHERE i.order_id = $1 AND i.id = l.line`,
      [orderId, lines.map((line) => line.productName), lines.map((line) => line.price)],
    );
  }
}
