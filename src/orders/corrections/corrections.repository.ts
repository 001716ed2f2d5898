import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { IdempotencyRepository, type KeyClaim } from '../../idempotency/idempotency.repository.js';
import { reachPausePoint } from '../../pause-points/pause-points.js';
import type { Sql } from '../../platform/database/connection.js';
import { inTransaction } from '../../platform/database/transaction.js';
import { storedEmailKey } from '../addresses/email-address.js';
import { detailBytesOf } from '../details/order-details.js';
import type { Order } from '../order.entity.js';
import { type NewEvent, OrderRepository } from '../order.repository.js';

/** Why a correction was not stored: the order is at another version, or the key belongs to another request. */
export type CorrectionConflict = 'changed' | 'key_taken';

/** The transaction of a correction, with every statement that it makes of an order. */
@Injectable()
export class CorrectionsRepository {
  constructor(
    private readonly dataSource: DataSource,
    private readonly orders: OrderRepository,
    private readonly keys: IdempotencyRepository,
  ) {}

  /** Whether the personal data of an order were erased. A later erasure raises the version of the order. */
  async isErased(orderId: string): Promise<boolean> {
    const rows = await this.dataSource.query<unknown[]>(
      `SELECT 1 FROM order_events WHERE order_id = $1 AND type = 'personal_data_erased' LIMIT 1`,
      [orderId],
    );
    return rows.length > 0;
  }

  /** Binds the key of a request that changes nothing. @returns false when the key is taken */
  async bindKey(claim: KeyClaim, orderId: string): Promise<boolean> {
    return this.keys.bindToOrder(this.dataSource, claim, orderId);
  }

  /**
   * Stores a corrected order with its event, and binds the key of the request to it.
   *
   * @param order as it will be, at its next version
   */
  async save(
    order: Order,
    event: NewEvent,
    claim: KeyClaim | undefined,
  ): Promise<'written' | CorrectionConflict> {
    await reachPausePoint('correction.before-change', order.id);
    const verdict = await inTransaction(this.dataSource, async (transaction) => {
      if (!(await this.lock(transaction, order.id, order.version - 1))) return 'changed';
      if (claim && !(await this.keys.bindToOrder(transaction, claim, order.id))) return 'key_taken';
      await Promise.all([
        this.update(transaction, order),
        this.orders.insertEvent(transaction, order.id, order.version, event, event.from, event.to),
      ]);
      await reachPausePoint('correction.inside-change', order.id);
      return 'written';
    });
    await reachPausePoint('correction.after-change', order.id);
    return verdict;
  }

  /** Locks an order that is still at the version it was read at. @returns whether it was */
  private async lock(sql: Sql, orderId: string, version: number): Promise<boolean> {
    const rows = await sql.query<unknown[]>(
      `SELECT 1 FROM orders WHERE id = $1 AND version = $2 FOR NO KEY UPDATE`,
      [orderId, version],
    );
    return rows.length === 1;
  }

  /** Writes what can be corrected of an order, which is locked. */
  private async update(sql: Sql, order: Order): Promise<void> {
    await sql.query(
      `UPDATE orders SET customer_name = $2, customer_email = $3, customer_email_key = $4, customer_phone = $5,
         shipping_address = $6, billing_address = $7, note = $8, tags = $9, metadata = $10, detail_bytes = $11,
         version = $12, updated_at = $13
       WHERE id = $1`,
      [
        order.id,
        order.customerName,
        order.customerEmail,
        storedEmailKey(order.customerEmail),
        order.customerPhone,
        order.shippingAddress,
        order.billingAddress,
        order.note,
        order.tags,
        order.metadata,
        detailBytesOf(order, order.items),
        order.version,
        order.updatedAt,
      ],
    );
  }
}
