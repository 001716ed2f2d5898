import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

export const CLAIM_KINDS = ['cart', 'number', 'reference'] as const;

export type ClaimKind = (typeof CLAIM_KINDS)[number];

const KIND_LIST = CLAIM_KINDS.map((kind) => `'${kind}'`).join(', ');

/** Something that only one order may have. The migration that creates the table documents the columns. */
@Entity('order_claims')
@Check('order_claims_kind_known', `kind IN (${KIND_LIST})`)
export class OrderClaim {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'order_claims_pkey' })
  kind!: ClaimKind;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'order_claims_pkey' })
  value!: string;

  @Column('uuid', { name: 'order_id' })
  orderId!: string;

  /** Of a reference, until its personal data are erased. */
  @Column('text', { name: 'request_hash', nullable: true })
  requestHash!: string | null;
}
