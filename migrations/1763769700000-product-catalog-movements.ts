import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The journal that makes changes to the stock of the Product Catalog Service (system B) repeatable. */
const STATEMENTS = [
  `CREATE TABLE product_catalog_movements (
     product_id text NOT NULL,
     key text NOT NULL,
     delta integer NOT NULL,
     quantity_before bigint,
     quantity_after bigint,
     state text NOT NULL,
     reason text,
     started_at timestamptz NOT NULL DEFAULT now(),
     settled_at timestamptz,
     CONSTRAINT product_catalog_movements_pkey PRIMARY KEY (product_id, key),
     CONSTRAINT product_catalog_movements_state_known CHECK (state IN ('started', 'applied', 'refused', 'in_doubt')),
     CONSTRAINT product_catalog_movements_quantities_known CHECK (state = 'refused' OR (quantity_before IS NOT NULL
       AND quantity_after IS NOT NULL))
   )`,
  `COMMENT ON TABLE product_catalog_movements IS 'Changes to the stock of the product catalog, each noted before its call: what makes that call repeatable. Rows are kept, since an order may be given back long after it was placed.'`,
  `COMMENT ON COLUMN product_catalog_movements.key IS 'Order, line and direction, as in <order id>/<line>/reserve; sent as the Idempotency-Key.'`,
  `COMMENT ON COLUMN product_catalog_movements.delta IS 'Units added to the stock; negative for a reservation.'`,
  `COMMENT ON COLUMN product_catalog_movements.quantity_before IS 'Stock as it was read; null where it never came to that.'`,
  `COMMENT ON COLUMN product_catalog_movements.quantity_after IS 'Stock as it was to be set; null for a refusal.'`,
  `COMMENT ON COLUMN product_catalog_movements.state IS 'started: the call may be under way. applied. refused: never takes place, whenever it is asked for again. in_doubt: the stock does not tell whether it happened, as when others changed it meanwhile; a person sets applied, or deletes the row.'`,
  `COMMENT ON COLUMN product_catalog_movements.reason IS 'Why it was refused, to say the same when asked again.'`,
  `COMMENT ON COLUMN product_catalog_movements.started_at IS 'When its last call was begun, by the clock of the database.'`,
  `CREATE INDEX product_catalog_movements_unfinished ON product_catalog_movements (product_id)
     WHERE state = 'started'`,
];

export class ProductCatalogMovements1763769700000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE product_catalog_movements');
  }
}
