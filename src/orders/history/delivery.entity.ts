import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A task of an order that has succeeded. Kept as long as the order. */
@Entity('deliveries')
export class Delivery {
  @PrimaryColumn('uuid', { name: 'order_id', primaryKeyConstraintName: 'deliveries_pkey' })
  orderId!: string;

  /** Id of the task. */
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'deliveries_pkey' })
  id!: string;

  /** Kind of the task. */
  @Column('text')
  queue!: string;

  /** The version of the order that made it necessary. */
  @Column('integer', { name: 'event_seq' })
  eventSeq!: number;

  @Column('integer')
  attempts!: number;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'completed_at' })
  completedAt!: Date;
}
