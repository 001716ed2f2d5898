import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** State of a movement. `in_doubt`: only a person can resolve it. */
export type MovementState = 'started' | 'applied' | 'refused' | 'in_doubt';

/**
 * The journal of changes to the stock of the Product Catalog Service (system B), whose `PUT` sets the stock without
 * naming a reason. The migration that creates the table documents the columns.
 */
@Entity('product_catalog_movements')
@Check('product_catalog_movements_state_known', `state IN ('started', 'applied', 'refused', 'in_doubt')`)
@Check(
  'product_catalog_movements_quantities_known',
  `state = 'refused' OR (quantity_before IS NOT NULL AND quantity_after IS NOT NULL)`,
)
@Index('product_catalog_movements_unfinished', ['productId'], { where: `state = 'started'` })
@Index('product_catalog_movements_in_doubt', ['key'], { where: `state = 'in_doubt'` })
export class ProductCatalogMovement {
  @PrimaryColumn('text', {
    name: 'product_id',
    primaryKeyConstraintName: 'product_catalog_movements_pkey',
  })
  productId!: string;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'product_catalog_movements_pkey' })
  key!: string;

  @Column('integer')
  delta!: number;

  /** Digits, as the driver gives 64-bit integers. */
  @Column('bigint', { name: 'quantity_before', nullable: true })
  quantityBefore!: string | null;

  @Column('bigint', { name: 'quantity_after', nullable: true })
  quantityAfter!: string | null;

  @Column('text')
  state!: MovementState;

  @Column('text', { nullable: true })
  reason!: string | null;

  @Column('timestamptz', { name: 'started_at', default: () => 'now()' })
  startedAt!: Date;

  @Column('timestamptz', { name: 'settled_at', nullable: true })
  settledAt!: Date | null;
}
