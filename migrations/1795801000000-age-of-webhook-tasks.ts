import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Finds the oldest waiting delivery of each endpoint, and counts them, at every scrape of the metrics. No task of another
 * kind is in the index.
 */
const STATEMENTS = [
  `CREATE INDEX tasks_of_webhooks ON tasks (kind, created_at) WHERE state <> 'dead' AND kind LIKE 'webhook:%'`,
];

export class AgeOfWebhookTasks1795801000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP INDEX tasks_of_webhooks');
  }
}
