import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { EMAIL_KEY, emailKey } from '../../orders/addresses/email-address.js';
import type { Sql } from '../../platform/database/connection.js';

/** The orders whose personal data to erase. */
export type Subject =
  | { by: 'customer_id'; value: string }
  | { by: 'customer_email'; value: string }
  | { by: 'order_id'; value: string };

/** Each has an index: orders_by_customer, orders_by_email_key, orders_pkey. */
const CONDITIONS = {
  customer_id: 'o.customer_id = $1',
  customer_email: `${EMAIL_KEY} = $1`,
  order_id: 'o.id = $1',
} as const satisfies Record<Subject['by'], string>;

const HAS_PERSONAL_DATA =
  '(o.customer_name IS NOT NULL OR o.customer_email IS NOT NULL OR o.customer_email_key IS NOT NULL)';

/** The payload of an erasure's event. */
export interface Erasure {
  actor: string;
  data: Record<string, unknown>;
  at: Date;
}

/** Every statement that erases personal data. It is kept in three columns of orders, and nowhere else. */
@Injectable()
export class PersonalDataRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Orders that still hold personal data, by id, behind the given one. */
  async findOrders({ by, value }: Subject, afterId: string, limit: number): Promise<string[]> {
    const rows = await this.dataSource.query<{ id: string }[]>(
      `SELECT o.id FROM orders o
       WHERE ${CONDITIONS[by]} AND ${HAS_PERSONAL_DATA} AND o.id > $2 ORDER BY o.id LIMIT $3`,
      [by === 'customer_email' ? emailKey(value) : value.normalize('NFC'), afterId, limit],
    );
    return rows.map((row) => row.id);
  }

  /**
   * Erases name and address of orders and raises their versions, whichever those are: the rows stay locked until the
   * end of the transaction, and a concurrent writer finds the version changed.
   *
   * @returns the orders that still had any
   */
  async erase(sql: Sql, orderIds: readonly string[], at: Date): Promise<string[]> {
    const [rows] = await sql.query<[{ id: string }[], number]>(
      `UPDATE orders o SET customer_name = NULL, customer_email = NULL, customer_email_key = NULL,
         version = version + 1, updated_at = $2
       WHERE o.id = ANY ($1) AND ${HAS_PERSONAL_DATA} RETURNING o.id`,
      [orderIds, at],
    );
    return rows.map((row) => row.id);
  }

  /** Adds the event that led each of the orders, which are locked, to its version. */
  async insertEvents(sql: Sql, orderIds: readonly string[], { actor, data, at }: Erasure): Promise<void> {
    await sql.query(
      `INSERT INTO order_events (order_id, seq, type, actor, data, occurred_at)
       SELECT id, version, 'personal_data_erased', $2, $3::jsonb, $4::timestamptz FROM orders WHERE id = ANY ($1)`,
      [orderIds, actor, JSON.stringify(data), at],
    );
  }
}
