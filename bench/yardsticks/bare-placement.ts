import { randomUUID } from 'node:crypto';
import { fastify } from 'fastify';
import { Pool, type PoolClient } from 'pg';
import { Pool as HttpPool } from 'undici';
import { v7 as uuidv7 } from 'uuid';

/**
 * The least work that places an order: `POST /orders` looks for the key, asks for both products, stores the order,
 * reserves, and confirms it, with the same calls and rows as the service. It validates nothing, retries nothing,
 * notifies no customer and writes no log. It runs in a process of its own.
 *
 * Usage: node bench/yardsticks/bare-placement.ts <port>, with DATABASE_URL and STAND_INS_URL in the environment
 */
const pool = new Pool({ connectionString: process.env['DATABASE_URL'], max: 10, pipeline: true });
const http = new HttpPool(process.env['STAND_INS_URL'] ?? '', { connections: 10 });

const STATEMENTS = {
  findKey: 'SELECT request_hash, order_id FROM idempotency_keys WHERE scope = $1 AND key = $2',
  claimKey: `INSERT INTO idempotency_keys (scope, key, request_hash, order_id, created_at, expires_at)
    VALUES ($1, $2, repeat('a', 64), $3, now(), now() + 24 * interval '1 hour')
    ON CONFLICT (scope, key) DO NOTHING RETURNING order_id`,
  insertOrder: `INSERT INTO orders (id, customer_id, customer_name, customer_email, status, currency, total_amount, version,
      placed_at, updated_at)
    VALUES ($1, $2, $3, $4, 'pending', 'USD', 30, 1, now(), now())`,
  insertItems: `INSERT INTO order_items (order_id, id, product_id, product_name, quantity, price, reservation)
    VALUES ($1, 1, $2, $2, 1, 10, 'held'), ($1, 2, $3, $3, 2, 10, 'held')`,
  insertEvent: `INSERT INTO order_events (order_id, seq, type, from_status, to_status, actor, occurred_at)
    VALUES ($1, $2, $3, $4, $5, 'anonymous', now())`,
  confirm: `UPDATE orders SET status = 'confirmed', version = version + 1, updated_at = now()
    WHERE id = $1 AND version = 1 AND status = 'pending'`,
};

function run(on: Pool | PoolClient, name: keyof typeof STATEMENTS, values: unknown[]): Promise<unknown> {
  return on.query({ name, text: STATEMENTS[name], values });
}

async function inTransaction(work: (client: PoolClient) => Promise<unknown>[]): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await Promise.all(work(client));
    await client.query('COMMIT');
    client.release();
  } catch (error) {
    // Destroyed rather than leaked: a client that is never released keeps its permit of the pool.
    client.release(true);
    throw error;
  }
}

async function call(method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> {
  const headers = { 'content-type': 'application/json' };
  const answer = await http.request({ method, path, ...(body && { headers, body: JSON.stringify(body) }) });
  return answer.body.json();
}

interface NewOrder {
  customer_id: string;
  customer_name: string;
  customer_email: string;
  items: { product_id: string; quantity: number }[];
}

const app = fastify();
app.post<{ Body: NewOrder }>('/orders', async ({ body, headers }, reply) => {
  const key = headers['idempotency-key'] ?? randomUUID();
  const { customer_id, customer_name, customer_email, items } = body;
  const [id, products] = [uuidv7(), items.map(({ product_id }) => product_id)];
  await run(pool, 'findKey', ['anonymous', key]);
  await Promise.all(products.map((product) => call('GET', `/inventory/${product}`)));
  await inTransaction((client) => [
    run(client, 'claimKey', ['anonymous', key, id]),
    run(client, 'insertOrder', [id, customer_id, customer_name, customer_email]),
    run(client, 'insertItems', [id, ...products]),
    run(client, 'insertEvent', [id, 1, 'placed', null, 'pending']),
  ]);
  await call('POST', '/reservations', { reservation_id: id, items });
  await inTransaction((client) => [
    run(client, 'confirm', [id]),
    run(client, 'insertEvent', [id, 2, 'status_changed', 'pending', 'confirmed']),
  ]);
  return reply.code(201).send({ order_id: id, status: 'confirmed', total_amount: 30, currency: 'USD' });
});
app.get('/health', () => ({ status: 'healthy' }));
await app.listen({ port: Number(process.argv[2]), host: '127.0.0.1' });
process.once('SIGTERM', () => void app.close().then(() => Promise.all([pool.end(), http.close()])));
