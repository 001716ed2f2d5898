import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { MultiRowStatement } from '../../platform/database/batching/multi-row-statement.js';
import { runAll } from '../../platform/database/connection.js';
import { storedEmailKey } from './email-address.js';

/** The predicate of the partial index orders_to_normalize. */
const TO_NORMALIZE = `(
  (o.customer_email_key IS NULL AND octet_length(o.customer_email) <> char_length(o.customer_email))
  OR (o.customer_email IS NULL AND o.customer_email_key IS NOT NULL)
  OR (octet_length(o.customer_id) <> char_length(o.customer_id) AND o.customer_id IS NOT NFC NORMALIZED))`;

const NORMALIZE = new MultiRowStatement(
  '(?::uuid, ?::text, ?::text)',
  (rows) =>
    `UPDATE orders o SET customer_email_key = n.key, customer_id = normalize(o.customer_id, NFC)
     FROM (VALUES ${rows}) AS n (id, email, key)
     WHERE o.id = n.id AND o.customer_email IS NOT DISTINCT FROM n.email`,
);

/** Every statement that brings orders of earlier versions to the form in which addresses and customers are compared. */
@Injectable()
export class AddressRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Sets the keys of some addresses, and the normalization form of the ids of their customers. Versions stay as they
   * are: nothing has happened to the orders. An address that was erased in the meantime gets no key.
   *
   * @returns whether there may be more
   */
  async normalizeBatch(limit: number): Promise<boolean> {
    const orders = await this.dataSource.query<{ id: string; email: string | null }[]>(
      `SELECT o.id, o.customer_email AS email FROM orders o WHERE ${TO_NORMALIZE} ORDER BY o.id LIMIT $1`,
      [limit],
    );
    if (orders.length === 0) return false;
    const rows = orders.map(({ id, email }) => [id, email, storedEmailKey(email)]);
    await runAll(this.dataSource, NORMALIZE.of(rows));
    return orders.length === limit;
  }
}
