import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Orders whose stock is held while the customer pays, and what the payment provider said.
 *
 * Fast on large tables: no row is rewritten, and the check of the statuses, which only becomes wider, is validated by the next
 * migration.
 */
const COLUMNS: [name: string, type: string, comment: string][] = [
  [
    'hold_seconds',
    'integer',
    'How long the stock is held for a payment; null of an order that is confirmed at once.',
  ],
  [
    'expires_at',
    'timestamptz',
    'When the hold ends unless the order is confirmed or cancelled before; kept afterwards. Null until the stock is held.',
  ],
  [
    'stock_until',
    'timestamptz',
    'How long the inventory itself keeps the units; null where it keeps them until they are released.',
  ],
  [
    'stock_generation',
    'smallint NOT NULL DEFAULT 1',
    'Part of the idempotency keys of inventory calls. Raised when the stock of an expired hold is reserved again, because released keys stay dead.',
  ],
  [
    'is_reserving_again',
    'boolean NOT NULL DEFAULT false',
    'An expired order is being confirmed: lines that are held may be reserved under stock_generation.',
  ],
  [
    'payments',
    'json',
    'What was reported about payments, oldest first, as in the API; null where nothing was. The service moves no money.',
  ],
];

const OLD_STATUSES = `'pending', 'confirmed', 'rejected', 'failed', 'processing', 'shipped', 'delivered', 'cancelled', 'returned'`;

function checkOfStatuses(statuses: string): string[] {
  return [
    `ALTER TABLE orders DROP CONSTRAINT orders_status_known`,
    `ALTER TABLE orders ADD CONSTRAINT orders_status_known CHECK (status IN (${statuses})) NOT VALID`,
  ];
}

const STATEMENTS = [
  ...COLUMNS.flatMap(([name, type, comment]) => [
    `ALTER TABLE orders ADD COLUMN ${name} ${type}`,
    `COMMENT ON COLUMN orders.${name} IS '${comment}'`,
  ]),
  ...checkOfStatuses(`${OLD_STATUSES}, 'reserved', 'expired'`),
];

export class Holds1795810000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await queryRunner.query(statement);
  }

  /** Fails while there are orders that the earlier release does not know. */
  async down(queryRunner: QueryRunner): Promise<void> {
    for (const statement of checkOfStatuses(OLD_STATUSES)) await queryRunner.query(statement);
    await queryRunner.query('ALTER TABLE orders VALIDATE CONSTRAINT orders_status_known');
    for (const [name] of COLUMNS) await queryRunner.query(`ALTER TABLE orders DROP COLUMN ${name}`);
  }
}
