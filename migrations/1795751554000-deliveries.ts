import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What was delivered about an order, for as long as the order is kept. Completed jobs are moved here. */
const STATEMENTS = [
  `CREATE TABLE deliveries (
     order_id uuid NOT NULL,
     id uuid NOT NULL,
     queue text NOT NULL,
     event_seq integer NOT NULL,
     attempts integer NOT NULL,
     created_at timestamptz NOT NULL,
     completed_at timestamptz NOT NULL,
     CONSTRAINT deliveries_pkey PRIMARY KEY (order_id, id)
   )`,
  `COMMENT ON TABLE deliveries IS 'Completed deliveries of an order: notifications, returned stock, cart checkouts. A row is written when its job has been complete for COMPLETED_JOB_HOURS, and is deleted with its order.'`,
  `COMMENT ON COLUMN deliveries.id IS 'The id of the job.'`,
  `COMMENT ON COLUMN deliveries.event_seq IS 'The event that a notification is about; 0 for other deliveries.'`,
  `COMMENT ON COLUMN deliveries.attempts IS 'Attempts until it succeeded, the last one included.'`,
];

export class Deliveries1795751554000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE deliveries');
  }
}
