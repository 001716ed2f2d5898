import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A client's `Idempotency-Key`, with its order or its stored response. */
@Entity('idempotency_keys')
@Index('idempotency_keys_by_expiry', ['expiresAt'])
export class IdempotencyKey {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'idempotency_keys_pkey' })
  scope!: string;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'idempotency_keys_pkey' })
  key!: string;

  @Column('text', { name: 'request_hash' })
  requestHash!: string;

  @Column('uuid', { name: 'order_id', nullable: true })
  orderId!: string | null;

  @Column('integer', { name: 'response_status', nullable: true })
  responseStatus!: number | null;

  @Column('json', { name: 'response_headers', nullable: true })
  responseHeaders!: Record<string, string> | null;

  @Column('json', { name: 'response_body', nullable: true })
  responseBody!: Record<string, unknown> | null;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;
}
