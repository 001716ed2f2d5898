import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Which transaction has written each event, so that events can be read in an order to which nothing is ever added in the
 * middle. Added without a default first: with one that differs from row to row all rows would be written anew.
 */
const STATEMENTS = [
  `ALTER TABLE order_events ADD COLUMN transaction_id bigint`,
  `ALTER TABLE order_events ALTER COLUMN transaction_id SET DEFAULT ((pg_current_xact_id())::text)::bigint`,
  `COMMENT ON COLUMN order_events.transaction_id IS 'The transaction that wrote the event, for GET /orders/stream: events of transactions older than all that are under way are complete. Null of events from before there was the column.'`,
  `CREATE INDEX order_events_by_transaction ON order_events (transaction_id) WHERE transaction_id IS NOT NULL`,
];

export class OrderEventsByTransaction1763770100000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP INDEX order_events_by_transaction');
    await queryRunner.query('ALTER TABLE order_events DROP COLUMN transaction_id');
  }
}
