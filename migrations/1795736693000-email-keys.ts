import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What e-mail addresses are compared by, whatever the locale of the database.
 *
 * Fast on large tables and safe beside instances of the version before: the column has no default, addresses in ASCII
 * need no key, and the indexes are built without blocking writes. The other addresses get their keys from the service, in
 * batches, because punycode can't be computed in SQL. The version before goes on using orders_by_email.
 */
const COLUMN = [
  `ALTER TABLE orders ADD COLUMN IF NOT EXISTS customer_email_key text`,
  `COMMENT ON COLUMN orders.customer_email_key IS 'What customer_email is compared by if it is not in ASCII: NFC, lower case, no invisible characters, domain in punycode. Null for ASCII: the key is then the address in ASCII lower case.'`,
];

const INDEXES = {
  orders_by_email_key: `(coalesce(customer_email_key, lower(customer_email COLLATE "C")), id)`,
  // Rows of the version before: addresses without a key, keys of erased addresses, ids that are not in NFC.
  orders_to_normalize: `(id) WHERE
    (customer_email_key IS NULL AND octet_length(customer_email) <> char_length(customer_email))
    OR (customer_email IS NULL AND customer_email_key IS NOT NULL)
    OR (octet_length(customer_id) <> char_length(customer_id) AND customer_id IS NOT NFC NORMALIZED)`,
};

/** Building an index waits for all transactions that are open. One that never ends fails the migration, not the shop. */
const LOCK_TIMEOUT = '60s';

export class EmailKeys1795736693000 implements MigrationInterface {
  /** Indexes can't be built concurrently within a transaction; every statement can be run again. */
  readonly transaction = false;

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`SET lock_timeout = '${LOCK_TIMEOUT}'`);
    for (const statement of COLUMN) await queryRunner.query(statement);
    for (const [name, definition] of Object.entries(INDEXES)) {
      // What an interrupted build has left is invalid.
      await queryRunner.query(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`);
      await queryRunner.query(`CREATE INDEX CONCURRENTLY ${name} ON orders ${definition}`);
    }
    await queryRunner.query(`RESET lock_timeout`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    for (const name of Object.keys(INDEXES)) await queryRunner.query(`DROP INDEX ${name}`);
    await queryRunner.query('ALTER TABLE orders DROP COLUMN customer_email_key');
  }
}
