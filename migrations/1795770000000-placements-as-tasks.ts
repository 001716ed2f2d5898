import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The placement of an order is a task; its lease was in the row of the order. */
const STATEMENTS = [
  `INSERT INTO tasks (order_id, lane, seq, id, kind, payload, state, run_at, lease_version, attempts, max_attempts, created_at)
   SELECT id, 'placement', 1, gen_random_uuid(), 'place-order', '{}', 'ready', coalesce(lease_until, now()), attempt,
     attempt, 2147483647, placed_at
   FROM orders WHERE status = 'pending'
   ON CONFLICT (order_id, lane, seq) DO NOTHING`,
  `ALTER TABLE orders ALTER COLUMN attempt SET DEFAULT 1`,
  `DROP INDEX orders_to_recover`,
  `COMMENT ON COLUMN orders.attempt IS 'Of releases up to 0.1: the lease of a placement is in the table of tasks.'`,
  `COMMENT ON COLUMN orders.lease_until IS 'Of releases up to 0.1: the lease of a placement is in the table of tasks.'`,
];

export class PlacementsAsTasks1795770000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `CREATE INDEX orders_to_recover ON orders (lease_until) WHERE status = 'pending'`,
    );
    await queryRunner.query(`ALTER TABLE orders ALTER COLUMN attempt DROP DEFAULT`);
    await queryRunner.query(`DELETE FROM tasks WHERE kind = 'place-order'`);
  }
}
