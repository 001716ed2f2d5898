import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** What fragments are looked for in. Written in the background; holds personal data. */
@Entity('order_search')
@Index('order_search_trigrams', { synchronize: false })
export class OrderSearchText {
  @PrimaryColumn('uuid', { name: 'order_id', primaryKeyConstraintName: 'order_search_pkey' })
  orderId!: string;

  @Column('text')
  text!: string;
}

/** One row: how far the search texts are. */
@Entity('order_search_state')
@Check('order_search_state_one_row', 'id = 1')
export class OrderSearchState {
  @PrimaryColumn('integer', { primaryKeyConstraintName: 'order_search_state_pkey' })
  id!: number;

  /** Number in the feed of the last event whose order has its text. */
  @Column('bigint', { name: 'feed_no' })
  feedNo!: string;

  /** The next order of the backfill, which goes from new to old; null when it is complete. */
  @Column('uuid', { name: 'backfill_order_id', nullable: true })
  backfillOrderId!: string | null;
}
