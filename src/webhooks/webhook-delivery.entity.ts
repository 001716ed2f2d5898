import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** `failed`: out of attempts. `skipped`: a person gave it up. */
export const DELIVERY_STATES = ['delivered', 'retrying', 'failed', 'skipped'] as const;

export type DeliveryState = (typeof DELIVERY_STATES)[number];

const STATE_LIST = DELIVERY_STATES.map((state) => `'${state}'`).join(', ');

/** An event that was sent to an endpoint at least once, with the last attempt. */
@Entity('webhook_deliveries')
@Check('webhook_deliveries_state', `state IN (${STATE_LIST})`)
@Index('webhook_deliveries_by_endpoint', ['endpointId', 'attemptedAt', 'orderId', 'seq'])
@Index('webhook_deliveries_by_state', ['endpointId', 'state', 'attemptedAt', 'orderId', 'seq'], {
  where: `state <> 'delivered'`,
})
@Index('webhook_deliveries_by_time', ['attemptedAt'])
export class WebhookDelivery {
  @PrimaryColumn('uuid', { name: 'order_id', primaryKeyConstraintName: 'webhook_deliveries_pkey' })
  orderId!: string;

  @PrimaryColumn('uuid', { name: 'endpoint_id', primaryKeyConstraintName: 'webhook_deliveries_pkey' })
  endpointId!: string;

  /** The version of the order that the event led to. */
  @PrimaryColumn('integer', { primaryKeyConstraintName: 'webhook_deliveries_pkey' })
  seq!: number;

  @Column('bigint', { name: 'feed_no' })
  feedNo!: string;

  @Column('text')
  state!: DeliveryState;

  @Column('integer')
  attempts!: number;

  /** HTTP status of the last answer; null where none came. */
  @Column('integer', { nullable: true })
  status!: number | null;

  @Column('integer', { name: 'duration_ms' })
  durationMs!: number;

  /** The first 1,024 bytes of the last answer. May be personal. */
  @Column('text', { nullable: true })
  answer!: string | null;

  /** Why the last attempt failed; null when it succeeded. */
  @Column('text', { nullable: true })
  error!: string | null;

  @Column('timestamptz', { name: 'attempted_at' })
  attemptedAt!: Date;
}
