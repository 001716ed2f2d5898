import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * How lists find orders by their source, their id in it, and the number that a rejected order had. Orders without a source
 * are in none of these indexes; the number of every other order is found by its claim.
 *
 * Built without blocking writes, because existing tables may be large.
 */
const INDEXES = {
  orders_by_source: `(source, id) WHERE source IS NOT NULL`,
  orders_by_source_order_id: `(source_order_id, id) WHERE source_order_id IS NOT NULL`,
  orders_by_freed_number: `(number) WHERE number IS NOT NULL AND status IN ('rejected', 'failed')`,
};

/** Building an index waits for all transactions that are open. One that never ends fails the migration, not the shop. */
const LOCK_TIMEOUT = '60s';

export class OrderReferences1795790000000 implements MigrationInterface {
  /** Indexes can't be built concurrently within a transaction; every statement can be run again. */
  readonly transaction = false;

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`SET lock_timeout = '${LOCK_TIMEOUT}'`);
    for (const [name, definition] of Object.entries(INDEXES)) {
      // What an interrupted build has left is invalid.
      await queryRunner.query(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`);
      await queryRunner.query(`CREATE INDEX CONCURRENTLY ${name} ON orders ${definition}`);
    }
    await queryRunner.query(`RESET lock_timeout`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    for (const name of Object.keys(INDEXES)) await queryRunner.query(`DROP INDEX ${name}`);
  }
}
