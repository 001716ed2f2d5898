import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { Order } from './order.entity.js';
import type { OrderStatus } from './order-status.js';

export const ORDER_EVENT_TYPES = [
  'placed',
  'status_changed',
  'corrected',
  'hold_extended',
  'payment_recorded',
  'paid_without_stock',
  'stock_released',
  'stock_in_doubt',
  'incident_settled',
  'personal_data_erased',
] as const;

export type OrderEventType = (typeof ORDER_EVENT_TYPES)[number];

/** One entry of an order's history. */
@Entity('order_events')
@Index('order_events_unnumbered', ['orderId', 'seq'], { where: 'feed_no = 0' })
@Index('order_events_feed', ['feedNo'], { where: 'feed_no > 0' })
export class OrderEvent {
  @PrimaryColumn('uuid', { name: 'order_id', primaryKeyConstraintName: 'order_events_pkey' })
  orderId!: string;

  @PrimaryColumn('integer', { primaryKeyConstraintName: 'order_events_pkey' })
  seq!: number;

  @Column('text')
  type!: OrderEventType;

  @Column('text', { name: 'from_status', nullable: true })
  fromStatus!: OrderStatus | null;

  @Column('text', { name: 'to_status', nullable: true })
  toStatus!: OrderStatus | null;

  @Column('text')
  actor!: string;

  @Column('text', { nullable: true })
  reason!: string | null;

  @Column('jsonb', { nullable: true })
  data!: Record<string, unknown> | null;

  @Column('timestamptz', { name: 'occurred_at' })
  occurredAt!: Date;

  /** Of releases up to 0.1, whose stream followed transactions. */
  @Column('bigint', { name: 'transaction_id', nullable: true, select: false })
  transactionId?: string | null;

  /** Position in the feed of all events; 0 until it is assigned, null of events from before there was a feed. */
  @Column('bigint', { name: 'feed_no', nullable: true, default: 0, select: false })
  feedNo?: string | null;

  /** Headers for the call that notifies the customer, until the sequencer has inserted its task. */
  @Column('json', { nullable: true, select: false })
  notification?: Record<string, string> | null;

  @ManyToOne(() => Order)
  @JoinColumn({ name: 'order_id', foreignKeyConstraintName: 'order_events_order_fkey' })
  order?: Order;
}
