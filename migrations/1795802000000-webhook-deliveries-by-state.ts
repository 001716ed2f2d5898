import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Lists the deliveries of an endpoint in a state. Almost all are `delivered` and are found without it, so that a delivery which
 * succeeds at once costs no entry.
 *
 * Built without blocking writes, because the table may be large.
 */
const NAME = 'webhook_deliveries_by_state';

const DEFINITION = `(endpoint_id, state, attempted_at, order_id, seq) WHERE state <> 'delivered'`;

/** Building an index waits for all transactions that are open. One that never ends fails the migration, not the shop. */
const LOCK_TIMEOUT = '60s';

export class WebhookDeliveriesByState1795802000000 implements MigrationInterface {
  /** Indexes can't be built concurrently within a transaction; every statement can be run again. */
  readonly transaction = false;

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`SET lock_timeout = '${LOCK_TIMEOUT}'`);
    // What an interrupted build has left is invalid.
    await queryRunner.query(`DROP INDEX CONCURRENTLY IF EXISTS ${NAME}`);
    await queryRunner.query(`CREATE INDEX CONCURRENTLY ${NAME} ON webhook_deliveries ${DEFINITION}`);
    await queryRunner.query(`RESET lock_timeout`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP INDEX ${NAME}`);
  }
}
