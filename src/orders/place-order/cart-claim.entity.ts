import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The live order of a cart. */
@Entity('cart_claims')
export class CartClaim {
  @PrimaryColumn('text', { name: 'cart_id', primaryKeyConstraintName: 'cart_claims_pkey' })
  cartId!: string;

  @Column('uuid', { name: 'order_id' })
  orderId!: string;

  @Column('timestamptz', { name: 'claimed_at' })
  claimedAt!: Date;
}
