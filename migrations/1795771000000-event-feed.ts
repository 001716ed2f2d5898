import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The number of each event in the feed. The column is added without its default first: existing events keep NULL and the
 * table is not rewritten. Both indexes are empty when they are built, so each build reads the table once and sorts nothing.
 */
const STATEMENTS = [
  `ALTER TABLE order_events ADD COLUMN feed_no bigint`,
  `ALTER TABLE order_events ALTER COLUMN feed_no SET DEFAULT 0`,
  `COMMENT ON COLUMN order_events.feed_no IS 'Position in GET /events, from 1 without a gap, set once by the sequencer. 0: waits for its number. Null: written before the column existed and not numbered yet.'`,
  `CREATE INDEX order_events_unnumbered ON order_events (order_id, seq) WHERE feed_no = 0`,
  `CREATE INDEX order_events_feed ON order_events (feed_no) WHERE feed_no > 0`,
  `CREATE TABLE event_feed (
     id integer NOT NULL,
     last_no bigint NOT NULL,
     backfill_order_id uuid,
     backfill_seq integer,
     CONSTRAINT event_feed_pkey PRIMARY KEY (id),
     CONSTRAINT event_feed_one_row CHECK (id = 1)
   )`,
  `COMMENT ON TABLE event_feed IS 'One row: the state of the sequencer of order_events. Its lock lets one instance at a time assign numbers.'`,
  `COMMENT ON COLUMN event_feed.last_no IS 'The last feed_no that was assigned.'`,
  `COMMENT ON COLUMN event_feed.backfill_order_id IS 'Events that existed before the feed have a number up to this order and backfill_seq; null when all of them have one.'`,
  `COMMENT ON COLUMN event_feed.backfill_seq IS 'See backfill_order_id.'`,
  `INSERT INTO event_feed (id, last_no, backfill_order_id, backfill_seq)
     SELECT 1, 0, first.order_id, CASE WHEN first.order_id IS NOT NULL THEN 0 END
     FROM (SELECT 1) one LEFT JOIN (SELECT order_id FROM order_events ORDER BY order_id LIMIT 1) first ON true`,
];

export class EventFeed1795771000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE event_feed');
    await queryRunner.query('ALTER TABLE order_events DROP COLUMN feed_no');
  }
}
