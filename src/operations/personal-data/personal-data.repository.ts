import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Sql } from '../../platform/database/connection.js';

/** How the orders are named from which personal data is to be erased. */
export type Subject =
  | { by: 'customer_id'; value: string }
  | { by: 'customer_email'; value: string }
  | { by: 'order_id'; value: string };

/** Each is served by an index of its own: orders_by_customer, orders_by_email, orders_pkey. */
const CONDITIONS = {
  customer_id: 'customer_id = $1',
  customer_email: 'lower(customer_email) = lower($1)',
  order_id: 'id = $1',
} as const satisfies Record<Subject['by'], string>;

const HAS_PERSONAL_DATA = '(customer_name IS NOT NULL OR customer_email IS NOT NULL)';

/** Smaller than every id of an order. */
export const NIL_ID = '00000000-0000-0000-0000-000000000000';

/** What the history says of an erasure. */
export interface Erasure {
  actor: string;
  data: Record<string, unknown>;
  at: Date;
}

/** Every statement that erases personal data. It is kept in two columns of orders, and nowhere else. */
@Injectable()
export class PersonalDataRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Orders that still hold personal data, by id, behind the given one. */
  async findOrders({ by, value }: Subject, afterId: string, limit: number): Promise<string[]> {
    const rows = await this.dataSource.query<{ id: string }[]>(
      `SELECT id FROM orders WHERE ${CONDITIONS[by]} AND ${HAS_PERSONAL_DATA} AND id > $2 ORDER BY id LIMIT $3`,
      [value, afterId, limit],
    );
    return rows.map((row) => row.id);
  }

  /**
   * Erases name and address of orders and raises their versions, whatever those are by now: the rows are locked from
   * here to the end of the transaction, and whoever has read them before finds the version changed.
   *
   * @returns the orders that still had any
   */
  async erase(sql: Sql, orderIds: readonly string[], at: Date): Promise<string[]> {
    const [rows] = await sql.query<[{ id: string }[], number]>(
      `UPDATE orders SET customer_name = NULL, customer_email = NULL, version = version + 1, updated_at = $2
       WHERE id = ANY ($1) AND ${HAS_PERSONAL_DATA} RETURNING id`,
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
