import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** The baseline of a product and the result of the last report. */
@Entity('stock_drift')
@Index('stock_drift_found', ['productId'], { where: 'drift <> 0' })
@Index('stock_drift_by_check', ['checkedAt'])
export class StockDrift {
  @PrimaryColumn('text', { name: 'product_id', primaryKeyConstraintName: 'stock_drift_pkey' })
  productId!: string;

  /** Digits, as the driver gives 64-bit integers; so are the others. */
  @Column('bigint', { name: 'baseline_quantity' })
  baselineQuantity!: string;

  @Column('bigint', { name: 'baseline_sold' })
  baselineSold!: string;

  @Column('bigint', { name: 'baseline_held' })
  baselineHeld!: string;

  @Column('timestamptz', { name: 'baseline_at' })
  baselineAt!: Date;

  @Column('bigint', { nullable: true })
  quantity!: string | null;

  @Column('bigint')
  drift!: string;

  @Column('timestamptz', { name: 'checked_at' })
  checkedAt!: Date;
}
