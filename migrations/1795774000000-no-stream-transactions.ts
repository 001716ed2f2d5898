import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The stream of orders reads the feed. The column stays, because migrations only add; it costs an insert nothing any more. */
const STATEMENTS = [
  `DROP INDEX order_events_by_transaction`,
  `ALTER TABLE order_events ALTER COLUMN transaction_id DROP DEFAULT`,
  `COMMENT ON COLUMN order_events.transaction_id IS 'Of releases up to 0.1: their stream of orders followed transactions. Null of newer events.'`,
];

export class NoStreamTransactions1795774000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `ALTER TABLE order_events ALTER COLUMN transaction_id SET DEFAULT ((pg_current_xact_id())::text)::bigint`,
    );
    await queryRunner.query(
      `CREATE INDEX order_events_by_transaction ON order_events (transaction_id) WHERE transaction_id IS NOT NULL`,
    );
  }
}
