import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A completed delivery about an order, kept as long as the order. */
@Entity('deliveries')
export class CompletedDelivery {
  @PrimaryColumn('uuid', { name: 'order_id', primaryKeyConstraintName: 'deliveries_pkey' })
  orderId!: string;

  /** Id of the job that made it. */
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'deliveries_pkey' })
  id!: string;

  @Column('text')
  queue!: string;

  /** The event that a notification is about; 0 for other deliveries. */
  @Column('integer', { name: 'event_seq' })
  eventSeq!: number;

  @Column('integer')
  attempts!: number;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'completed_at' })
  completedAt!: Date;
}
