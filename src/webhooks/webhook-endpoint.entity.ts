import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** `deleted`: hidden, until its tasks and deliveries are deleted. */
export type EndpointState = 'enabled' | 'disabled' | 'deleted';

/** `gone`: the endpoint answered 410. */
export type DisabledReason = 'operator' | 'gone';

/** A secret that signs deliveries, as it is stored. */
export interface StoredSecret {
  /** Encrypted where `WEBHOOK_SECRET_KEY` is set. */
  secret: string;
  /** RFC 3339. */
  created_at: string;
  /** Until when it signs, RFC 3339; null of the current one. */
  valid_until: string | null;
}

/** A receiver of events: a cursor on the feed. 64-bit integers are text. */
@Entity('webhook_endpoints')
@Check('webhook_endpoints_state', `state IN ('enabled', 'disabled', 'deleted')`)
@Check('webhook_endpoints_disabled_reason', `disabled_reason IN ('operator', 'gone')`)
export class WebhookEndpoint {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'webhook_endpoints_pkey' })
  id!: string;

  @Column('text')
  url!: string;

  @Column('text', { nullable: true })
  description!: string | null;

  /** Types of events as in the API; null for all. */
  @Column('text', { name: 'event_types', array: true, nullable: true })
  eventTypes!: string[] | null;

  @Column('text')
  state!: EndpointState;

  @Column('text', { name: 'disabled_reason', nullable: true })
  disabledReason!: DisabledReason | null;

  @Column('timestamptz', { name: 'disabled_at', nullable: true })
  disabledAt!: Date | null;

  /** The newest first. */
  @Column('json')
  secrets!: StoredSecret[];

  /** Number of the feed up to which events are queued or do not match. */
  @Column('bigint', { name: 'read_until' })
  readUntil!: string;

  /** Number of the last event that was queued. */
  @Column('bigint', { name: 'last_matched', nullable: true })
  lastMatched!: string | null;

  /** Events after it and up to `replayUntil` are queued again; null without a replay. */
  @Column('bigint', { name: 'replay_after', nullable: true })
  replayAfter!: string | null;

  @Column('bigint', { name: 'replay_read_until', nullable: true })
  replayReadUntil!: string | null;

  @Column('bigint', { name: 'replay_until', nullable: true })
  replayUntil!: string | null;

  @Column('bigint', { name: 'replay_last_matched', nullable: true })
  replayLastMatched!: string | null;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'updated_at' })
  updatedAt!: Date;
}
