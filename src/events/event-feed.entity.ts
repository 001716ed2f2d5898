import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** One row: the state of the sequencer. */
@Entity('event_feed')
@Check('event_feed_one_row', 'id = 1')
export class EventFeed {
  @PrimaryColumn('integer', { primaryKeyConstraintName: 'event_feed_pkey' })
  id!: number;

  /** The last number that was assigned. */
  @Column('bigint', { name: 'last_no' })
  lastNo!: string;

  /** Events that existed before the feed are numbered up to here; null when all are. */
  @Column('uuid', { name: 'backfill_order_id', nullable: true })
  backfillOrderId!: string | null;

  @Column('integer', { name: 'backfill_seq', nullable: true })
  backfillSeq!: number | null;
}
