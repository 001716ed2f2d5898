import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The tasks of the durable engine: what has to happen after a commit. */
const STATEMENTS = [
  // Every task is inserted, updated and deleted within seconds: vacuum early, so that the indexes stay small.
  `CREATE TABLE tasks (
     order_id uuid NOT NULL,
     lane text NOT NULL,
     seq integer NOT NULL,
     id uuid NOT NULL,
     kind text NOT NULL,
     payload json NOT NULL,
     context json,
     state text NOT NULL,
     run_at timestamptz NOT NULL,
     lease_until timestamptz,
     lease_version integer NOT NULL,
     attempts integer NOT NULL,
     max_attempts integer NOT NULL,
     last_error text,
     created_at timestamptz NOT NULL,
     dead_at timestamptz,
     CONSTRAINT tasks_pkey PRIMARY KEY (order_id, lane, seq),
     CONSTRAINT tasks_state CHECK (state IN ('ready', 'blocked', 'dead'))
   ) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
     autovacuum_analyze_scale_factor = 0.05)`,
  `CREATE INDEX tasks_due ON tasks (kind, run_at) WHERE state = 'ready'`,
  `CREATE INDEX tasks_dead ON tasks (kind, order_id) WHERE state = 'dead'`,
  `COMMENT ON TABLE tasks IS 'What has to happen after a commit: a row exists until its task has succeeded. Tasks of one (order_id, lane) run one after another, by seq.'`,
  `COMMENT ON COLUMN tasks.lane IS 'Tasks of different lanes of an order are independent of each other.'`,
  `COMMENT ON COLUMN tasks.seq IS 'The version of the order that made the task necessary.'`,
  `COMMENT ON COLUMN tasks.id IS 'Names the task in the API; the id of its delivery once it has succeeded.'`,
  `COMMENT ON COLUMN tasks.context IS 'The request that made the task necessary: its id and its trace context.'`,
  `COMMENT ON COLUMN tasks.state IS 'ready: first of its lane. blocked: behind another task of its lane. dead: out of attempts, blocks its lane until a person retries it or writes it off.'`,
  `COMMENT ON COLUMN tasks.run_at IS 'When a ready task is due. A claim moves it to the end of its lease, so that a task of a dead process is due again by itself.'`,
  `COMMENT ON COLUMN tasks.lease_until IS 'Until when an instance may work on the task; null while none does.'`,
  `COMMENT ON COLUMN tasks.lease_version IS 'Fencing token: raised by every claim and compared by everything that an attempt writes.'`,
  `COMMENT ON COLUMN tasks.attempts IS 'Attempts that have begun.'`,
  `COMMENT ON COLUMN tasks.max_attempts IS 'After so many attempts the task is dead. A retry by a person raises it.'`,
  `COMMENT ON COLUMN tasks.dead_at IS 'When the last attempt failed; null while the task is not dead.'`,
  `UPDATE deliveries SET queue = CASE queue WHEN 'order-notifications' THEN 'notify' WHEN 'stock-releases' THEN 'release-stock'
     WHEN 'cart-checkouts' THEN 'check-out-cart' ELSE queue END`,
  `COMMENT ON TABLE deliveries IS 'Completed deliveries of an order: notifications, returned stock, cart checkouts. A row is written in the transaction that finishes its task, and is deleted with its order.'`,
  `COMMENT ON COLUMN deliveries.id IS 'The id of the task.'`,
  `COMMENT ON COLUMN deliveries.event_seq IS 'The version of the order that made the delivery necessary; of a notification, the event that it is about. Deliveries that were made before the table tasks existed have 0 unless they are notifications.'`,
  `COMMENT ON COLUMN deliveries.queue IS 'The kind of the task.'`,
];

export class Tasks1795765500000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE tasks');
  }
}
