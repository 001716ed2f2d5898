import { Client } from 'pg';
import type { TestDatabase } from './database.js';

/** Attributes of inserted orders, where a test needs them. */
export interface ManyOrders {
  /** A product with one unit in each of the orders. */
  product?: string;
  customerId?: string;
  status?: string;
  /** Placement time of the first; the others follow a millisecond apart. By default the last is placed now. */
  from?: Date;
}

/**
 * Inserts orders of one line directly into the database, for tests that need very many.
 *
 * @returns their ids, oldest first
 */
export async function insertOrders(
  database: TestDatabase,
  count: number,
  of: ManyOrders = {},
): Promise<string[]> {
  const {
    product = 'many',
    customerId = null,
    status = 'confirmed',
    from = new Date(Date.now() - count),
  } = of;
  const client = new Client({ connectionString: database.url });
  await client.connect();
  try {
    const { rows } = await client.query<{ id: string }>(
      `INSERT INTO orders (id, customer_id, customer_name, customer_email, status, currency, total_amount, version,
         placed_at, updated_at, attempt)
       SELECT (lpad(to_hex(ms), 12, '0') || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid,
         $3::text, 'Name ' || n, n || '@example.org', $4, 'USD', 9.99, 1,
         to_timestamp(ms / 1000.0), to_timestamp(ms / 1000.0), 1
       FROM generate_series(1, $1::bigint) n, LATERAL (SELECT $2::bigint + n AS ms) placed
       RETURNING id`,
      [count, from.getTime(), customerId, status],
    );
    const ids = rows.map(({ id }) => id);
    await client.query(
      `INSERT INTO order_items (order_id, id, product_id, product_name, quantity, price, reservation)
       SELECT id, 1, $2, 'Product', 1, 9.99, 'held' FROM unnest($1::uuid[]) id`,
      [ids, product],
    );
    await client.query(
      `INSERT INTO order_events (order_id, seq, type, to_status, actor, occurred_at)
       SELECT id, 1, 'placed', 'pending', 'test', now() FROM unnest($1::uuid[]) id`,
      [ids],
    );
    return ids;
  } finally {
    await client.end();
  }
}
