import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Orders may be stored before anybody knows what they cost: names, prices and the total follow. */
const STATEMENTS = [
  `ALTER TABLE orders ALTER COLUMN total_amount DROP NOT NULL`,
  `ALTER TABLE order_items ALTER COLUMN product_name DROP NOT NULL`,
  `ALTER TABLE order_items ALTER COLUMN price DROP NOT NULL`,
  `ALTER TABLE orders ADD COLUMN to_price json`,
  `COMMENT ON COLUMN orders.to_price IS 'What the client took the prices and the total for, of an order that is not priced yet; null once it is.'`,
  `COMMENT ON COLUMN orders.total_amount IS 'Sum of price times quantity of all lines, in units of currency; null as long as the order is not priced.'`,
  `COMMENT ON COLUMN order_items.price IS 'Price of one unit, in the currency of the order; null, as the name, as long as the order is not priced.'`,
];

export class OrdersPricedLater1763769900000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await queryRunner.query(statement);
  }

  /** Fails, and changes nothing, while there are orders that were never priced. */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE order_items ALTER COLUMN price SET NOT NULL`);
    await queryRunner.query(`ALTER TABLE order_items ALTER COLUMN product_name SET NOT NULL`);
    await queryRunner.query(`ALTER TABLE orders ALTER COLUMN total_amount SET NOT NULL`);
    await queryRunner.query(`ALTER TABLE orders DROP COLUMN to_price`);
  }
}
