import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What a shop needs besides lines: addresses, charges, numbers, references and fields of its own.
 *
 * Fast on large tables: every column may be null and has no default, so no row is rewritten. Claims of carts are copied.
 * Their table stays, because migrations only add.
 */
const ORDER_COLUMNS: [name: string, type: string, comment: string][] = [
  [
    'number',
    'text',
    'What people call the order; unique by its row in order_claims. Null of orders of releases up to 0.1.',
  ],
  ['customer_phone', 'text', 'As the client wrote it. Personal.'],
  ['shipping_address', 'json', 'Members as in the API. Personal.'],
  ['billing_address', 'json', 'Members as in the API. Personal.'],
  ['note', 'text', 'Free text about the order. Personal.'],
  ['tags', 'text[]', 'Labels for people and filters; null where there are none.'],
  ['metadata', 'jsonb', 'Fields of the client, which the service does not interpret. Personal.'],
  ['charges', 'json', 'Shipping, taxes, discounts and fees, as in the API; null where there are none.'],
  [
    'charges_amount',
    'numeric(19,4)',
    'Sum of the charges that are not included in the prices; may be negative. Null where there are no charges.',
  ],
  ['source', 'text', 'The channel that the order came through.'],
  [
    'source_order_id',
    'text',
    'Id of the order in its source; unique together with it by its row in order_claims.',
  ],
  [
    'detail_bytes',
    'integer',
    'Bytes of all of these fields and of those of the lines, as JSON. Null where there are none. Bounds the pages of lists.',
  ],
];

const ITEM_COLUMNS: [name: string, type: string, comment: string][] = [
  ['sku', 'text', 'Stock keeping unit, as the client names it.'],
  ['options', 'jsonb', 'What was chosen, such as size and colour.'],
  ['metadata', 'jsonb', 'Fields of the client, which the service does not interpret. Personal.'],
];

const COLUMNS = [
  ...ORDER_COLUMNS.map((column) => ['orders', ...column] as const),
  ...ITEM_COLUMNS.map((column) => ['order_items', ...column] as const),
];

const STATEMENTS = [
  ...COLUMNS.flatMap(([table, name, type, comment]) => [
    `ALTER TABLE ${table} ADD COLUMN ${name} ${type}`,
    `COMMENT ON COLUMN ${table}.${name} IS '${comment}'`,
  ]),
  `COMMENT ON COLUMN orders.total_amount IS 'Sum of price times quantity of all lines and of charges_amount, in units of currency; null as long as the order is not priced.'`,

  `CREATE SEQUENCE order_numbers AS bigint START WITH 1001`,
  `COMMENT ON SEQUENCE order_numbers IS 'Numbers of orders whose client gave none. Gaps are normal.'`,

  `CREATE TABLE order_claims (
     kind text NOT NULL,
     value text NOT NULL,
     order_id uuid NOT NULL,
     request_hash text,
     CONSTRAINT order_claims_pkey PRIMARY KEY (kind, value),
     CONSTRAINT order_claims_kind_known CHECK (kind IN ('cart', 'number', 'reference'))
   )`,
  `COMMENT ON TABLE order_claims IS 'What only one order may have: its cart, its number, its reference. A table of its own, because a unique index on orders could not be distributed by order.'`,
  `COMMENT ON COLUMN order_claims.value IS 'Of a cart its id. Of a reference source and source_order_id, and the customer where a customer placed the order, separated by line feeds.'`,
  `COMMENT ON COLUMN order_claims.request_hash IS 'Of a reference: SHA-256 of the request in a canonical form, to tell a repeated request from another one. Null once its personal data are erased.'`,
  `INSERT INTO order_claims (kind, value, order_id) SELECT 'cart', cart_id, order_id FROM cart_claims`,
  `COMMENT ON TABLE cart_claims IS 'Of releases up to 0.1: the claims are in order_claims.'`,
];

export class OrderDetails1795786000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await queryRunner.query(statement);
  }

  /** Claims of carts return to their table; numbers and references are lost. */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DELETE FROM cart_claims`);
    await queryRunner.query(
      `INSERT INTO cart_claims (cart_id, order_id, claimed_at)
       SELECT value, order_id, now() FROM order_claims WHERE kind = 'cart'`,
    );
    await queryRunner.query(`DROP TABLE order_claims`);
    await queryRunner.query(`DROP SEQUENCE order_numbers`);
    for (const [table, name] of COLUMNS) await queryRunner.query(`ALTER TABLE ${table} DROP COLUMN ${name}`);
  }
}
