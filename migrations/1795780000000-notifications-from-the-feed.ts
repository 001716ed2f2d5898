import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Existing events get NULL without a rewrite of the table, so that none of them notifies a customer again. */
const STATEMENTS = [
  `ALTER TABLE order_events ADD COLUMN notification json`,
  `COMMENT ON COLUMN order_events.notification IS 'Set while a message to the customer about the event is due: headers of its request for that call. Null: no message is due, or the sequencer has inserted its task.'`,
];

export class NotificationsFromTheFeed1795780000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await queryRunner.query(statement);
  }

  /** Stop the service before: messages that are due are lost with the column. */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE order_events DROP COLUMN notification');
  }
}
