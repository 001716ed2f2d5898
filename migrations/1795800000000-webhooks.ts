import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Endpoints that receive events of orders, and what was sent to them. Adds two empty tables and changes no other. */
const STATEMENTS = [
  `CREATE TABLE webhook_endpoints (
     id uuid CONSTRAINT webhook_endpoints_pkey PRIMARY KEY,
     url text NOT NULL,
     description text,
     event_types text[],
     state text NOT NULL CONSTRAINT webhook_endpoints_state CHECK (state IN ('enabled', 'disabled', 'deleted')),
     disabled_reason text CONSTRAINT webhook_endpoints_disabled_reason CHECK (disabled_reason IN ('operator', 'gone')),
     disabled_at timestamptz,
     secrets json NOT NULL,
     read_until bigint NOT NULL,
     last_matched bigint,
     replay_after bigint,
     replay_read_until bigint,
     replay_until bigint,
     replay_last_matched bigint,
     created_at timestamptz NOT NULL,
     updated_at timestamptz NOT NULL
   )`,
  `COMMENT ON TABLE webhook_endpoints IS 'Receivers of events. Each is a cursor on the feed: events up to read_until are queued as tasks of the kind webhook:<id>, or do not match.'`,
  `COMMENT ON COLUMN webhook_endpoints.event_types IS 'Types of events as in the API; null for all.'`,
  `COMMENT ON COLUMN webhook_endpoints.state IS 'deleted: hidden, until the tasks and deliveries are deleted.'`,
  `COMMENT ON COLUMN webhook_endpoints.disabled_reason IS 'gone: the endpoint answered 410.'`,
  `COMMENT ON COLUMN webhook_endpoints.secrets IS 'Array of {secret, created_at, valid_until}, the newest first; valid_until is null of the current one. Secrets are encrypted where WEBHOOK_SECRET_KEY is set.'`,
  `COMMENT ON COLUMN webhook_endpoints.read_until IS 'Number of the feed up to which events are queued or do not match.'`,
  `COMMENT ON COLUMN webhook_endpoints.last_matched IS 'Number of the last event that was queued; null before the first one. A delivery names the one before it, so that the receiver sees a gap.'`,
  `COMMENT ON COLUMN webhook_endpoints.replay_after IS 'Events after this number and up to replay_until are queued again, as far as replay_read_until; null without a replay.'`,
  `CREATE TABLE webhook_deliveries (
     order_id uuid NOT NULL,
     endpoint_id uuid NOT NULL,
     seq integer NOT NULL,
     feed_no bigint NOT NULL,
     state text NOT NULL CONSTRAINT webhook_deliveries_state CHECK (state IN ('delivered', 'retrying', 'failed', 'skipped')),
     attempts integer NOT NULL,
     status integer,
     duration_ms integer NOT NULL,
     answer text,
     error text,
     attempted_at timestamptz NOT NULL,
     CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (order_id, endpoint_id, seq)
   )`,
  `CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (endpoint_id, attempted_at, order_id, seq)`,
  `CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (attempted_at)`,
  `COMMENT ON TABLE webhook_deliveries IS 'Events that were sent to an endpoint at least once, with the last attempt. Deleted some time after it.'`,
  `COMMENT ON COLUMN webhook_deliveries.seq IS 'The version of the order that the event led to.'`,
  `COMMENT ON COLUMN webhook_deliveries.status IS 'HTTP status of the last answer; null where none came.'`,
  `COMMENT ON COLUMN webhook_deliveries.answer IS 'The first 1,024 bytes of the last answer. May be personal.'`,
  `COMMENT ON COLUMN webhook_deliveries.error IS 'Why the last attempt failed; null when it succeeded.'`,
];

export class Webhooks1795800000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DELETE FROM tasks WHERE kind LIKE 'webhook:%'`);
    await queryRunner.query('DROP TABLE webhook_deliveries');
    await queryRunner.query('DROP TABLE webhook_endpoints');
  }
}
