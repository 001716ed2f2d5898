import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { EMAIL_KEY, emailKey } from '../../orders/addresses/email-address.js';
import type { Claimant } from '../../orders/claims/claims-of.js';
import { deleteSearchTexts } from '../../orders/search/order-search.repository.js';
import type { Sql } from '../../platform/database/connection.js';
import { ANSWERS_LOCK } from '../../webhooks/history/webhook-history.repository.js';

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

/** The columns of orders with personal data; the migrations mark them in their comments. */
const PERSONAL = [
  'customer_name',
  'customer_email',
  'customer_email_key',
  'customer_phone',
  'shipping_address',
  'billing_address',
  'note',
  'metadata',
];

/** No EXISTS: of one beside OR, the planner may make a hash of the lines of all orders. */
const HAS_PERSONAL_DATA = `(${PERSONAL.map((column) => `o.${column} IS NOT NULL`).join(' OR ')}
  OR (SELECT true FROM order_items i WHERE i.order_id = o.id AND i.metadata IS NOT NULL LIMIT 1))`;

const ERASE = PERSONAL.map((column) => `${column} = NULL`).join(', ');

/** An order whose personal data were erased, with what it may have claims by. */
export type ErasedOrder = Claimant & { id: string };

/** The payload of an erasure's event. */
export interface Erasure {
  actor: string;
  data: Record<string, unknown>;
  at: Date;
}

/**
 * Every statement that erases personal data of orders: in their columns, the metadata of their lines,
 * order_search, and the answers of webhooks.
 */
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
   * Erases the personal data of orders and raises their versions, whichever those are: the rows stay locked until the
   * end of the transaction, and a concurrent writer finds the version changed. Their search texts are deleted; the event
   * of the erasure lets the search find the orders again, by what remains.
   *
   * @returns the orders that still had any
   */
  async erase(sql: Sql, orderIds: readonly string[], at: Date): Promise<ErasedOrder[]> {
    // By id, as everywhere where several orders are locked: otherwise two transactions could deadlock.
    await sql.query(`SELECT id FROM orders WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE`, [orderIds]);
    const [rows] = await sql.query<[ErasedOrder[], number]>(
      `UPDATE orders o SET ${ERASE}, version = version + 1, updated_at = $2
       WHERE o.id = ANY ($1) AND ${HAS_PERSONAL_DATA}
       RETURNING o.id, o.customer_id AS "customerId", o.cart_id AS "cartId", o.number, o.source,
         o.source_order_id AS "sourceOrderId"`,
      [orderIds, at],
    );
    if (rows.length > 0)
      await deleteSearchTexts(
        sql,
        rows.map(({ id }) => id),
      );
    return rows;
  }

  /** Erases the metadata of the lines of orders, which are locked. */
  async eraseLines(sql: Sql, orderIds: readonly string[]): Promise<void> {
    await sql.query(
      `UPDATE order_items SET metadata = NULL WHERE order_id = ANY ($1) AND metadata IS NOT NULL`,
      [orderIds],
    );
  }

  /**
   * Erases what webhooks have answered about orders, which are locked: a receiver may repeat what it got. An answer that is
   * recorded later is left out, since the order has the event of the erasure.
   */
  async eraseAnswers(sql: Sql, orderIds: readonly string[]): Promise<void> {
    await sql.query(
      `SELECT pg_advisory_xact_lock(${ANSWERS_LOCK}, lock) FROM (
         SELECT DISTINCT hashtext(order_id) AS lock FROM unnest($1::text[]) AS order_id ORDER BY lock
       ) locks`,
      [orderIds],
    );
    await sql.query(
      `UPDATE webhook_deliveries SET answer = NULL, error = NULL
       WHERE order_id = ANY ($1) AND (answer IS NOT NULL OR error IS NOT NULL)`,
      [orderIds],
    );
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
