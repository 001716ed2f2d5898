import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Validates the check of the statuses. In a transaction of its own, because it reads the whole table: here it blocks neither reads
 * nor writes, while the statements that replaced the check block both.
 */
export class KnownStatuses1795811000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE orders VALIDATE CONSTRAINT orders_status_known');
  }

  /** A check stays valid. */
  async down(): Promise<void> {
    return;
  }
}
