import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The texts in which fragments are looked for. Written in the background: the statements of a placement do not touch these
 * tables. No foreign key, because its check would lock every order once more.
 */
const TABLES = [
  `CREATE TABLE order_search (
     order_id uuid NOT NULL,
     text text NOT NULL,
     CONSTRAINT order_search_pkey PRIMARY KEY (order_id)
   )`,
  `COMMENT ON TABLE order_search IS 'What fragments are looked for in: a row for each order, derived from orders and order_items in the background. Holds personal data: rows are deleted by the transaction that erases or deletes an order.'`,
  `COMMENT ON COLUMN order_search.order_id IS 'orders.id'`,
  `COMMENT ON COLUMN order_search.text IS 'Order id, name, e-mail address, number, id in the source, and ids, names and SKUs of products, a line each, without case and accents.'`,
  `CREATE TABLE order_search_state (
     id integer NOT NULL,
     feed_no bigint NOT NULL,
     backfill_order_id uuid,
     CONSTRAINT order_search_state_pkey PRIMARY KEY (id),
     CONSTRAINT order_search_state_one_row CHECK (id = 1)
   )`,
  `COMMENT ON TABLE order_search_state IS 'One row: how far order_search is. Its lock lets one instance at a time write, and keeps texts from being written during an erasure.'`,
  `COMMENT ON COLUMN order_search_state.feed_no IS 'order_events.feed_no of the last event whose order has its text.'`,
  `COMMENT ON COLUMN order_search_state.backfill_order_id IS 'Orders that existed before the table have their text down to this one, which is next; null when all have one.'`,
  `INSERT INTO order_search_state (id, feed_no, backfill_order_id)
     SELECT 1, f.last_no, newest.id
     FROM event_feed f LEFT JOIN (SELECT id FROM orders ORDER BY id DESC LIMIT 1) newest ON true`,
];

/**
 * A role without the privilege, or a server without the extension, gets no index: a search then reads the newest orders
 * only, page by page. The index can be created later by the same statements (docs/operations.md). The short list of pending
 * entries is read by every search.
 */
const TRIGRAMS = `
DO $$ BEGIN
  CREATE EXTENSION IF NOT EXISTS pg_trgm;
  CREATE INDEX order_search_trigrams ON order_search USING gin (text gin_trgm_ops) WITH (gin_pending_list_limit = 512);
EXCEPTION WHEN OTHERS THEN
  RAISE WARNING 'no trigram index on order_search: %', SQLERRM;
END $$`;

export class OrderSearch1795789000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of TABLES) await queryRunner.query(statement);
    await queryRunner.query(TRIGRAMS);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE order_search_state');
    await queryRunner.query('DROP TABLE order_search');
  }
}
