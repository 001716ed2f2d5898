import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the drift report compares with and what it found last, and an index by which incidents are found. */
const STATEMENTS = [
  `CREATE TABLE stock_drift (
     product_id text NOT NULL,
     baseline_quantity bigint NOT NULL,
     baseline_sold bigint NOT NULL,
     baseline_held bigint NOT NULL,
     baseline_at timestamptz NOT NULL,
     quantity bigint,
     drift bigint NOT NULL,
     checked_at timestamptz NOT NULL,
     CONSTRAINT stock_drift_pkey PRIMARY KEY (product_id)
   )`,
  `COMMENT ON TABLE stock_drift IS 'One row per product that the drift report has seen: what it compares with, and what it found last. Written by npm run drift alone; rows may be deleted to begin anew.'`,
  `COMMENT ON COLUMN stock_drift.baseline_quantity IS 'Units at the inventory when the product was first looked at, or since the last --rebase.'`,
  `COMMENT ON COLUMN stock_drift.baseline_sold IS 'Units that were certainly taken at that time: those of live, settled orders.'`,
  `COMMENT ON COLUMN stock_drift.baseline_held IS 'Units that may have been taken at that time: those sold, and those of orders on their way or given back.'`,
  `COMMENT ON COLUMN stock_drift.quantity IS 'Units at the inventory when it was last asked; null when it did not know the product.'`,
  `COMMENT ON COLUMN stock_drift.drift IS 'Units that the inventory has more than the books can explain (positive) or fewer (negative), at the last report.'`,
  `CREATE INDEX stock_drift_found ON stock_drift (product_id) WHERE drift <> 0`,
  `CREATE INDEX stock_drift_by_check ON stock_drift (checked_at)`,
  `CREATE INDEX product_catalog_movements_in_doubt ON product_catalog_movements (key) WHERE state = 'in_doubt'`,
];

export class StockDrift1763769800000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP INDEX product_catalog_movements_in_doubt');
    await queryRunner.query('DROP TABLE stock_drift');
  }
}
