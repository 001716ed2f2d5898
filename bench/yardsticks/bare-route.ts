import { fastify } from 'fastify';
import { Pool } from 'pg';

/**
 * The least that a service can do, in the framework of the service: `POST /orders` parses its body and answers the same
 * bytes as the service, `GET /orders/<id>` answers what one query has found. In a process of its own.
 *
 * Usage: node bench/yardsticks/bare-route.ts <port>, with DATABASE_URL in the environment
 */
const pool = new Pool({ connectionString: process.env['DATABASE_URL'], max: 10 });

const QUERY = `SELECT o.*, (SELECT json_agg(i ORDER BY i.id) FROM order_items i WHERE i.order_id = o.id) AS items
  FROM orders o WHERE o.id = $1`;

const CONFIRMATION = {
  order_id: '01999999-9999-7999-8999-999999999999',
  status: 'confirmed',
  message: 'Order placed successfully',
  timestamp: '2026-11-21T12:00:00.000Z',
  total_amount: 30,
  currency: 'USD',
};

const app = fastify();
app.post('/orders', (_request, reply) => reply.code(201).send(CONFIRMATION));
app.get<{ Params: { id: string } }>('/orders/:id', ({ params }) =>
  pool.query<object>({ name: 'get', text: QUERY, values: [params.id] }).then(({ rows }) => rows[0]),
);
app.get('/health', () => ({ status: 'healthy' }));
await app.listen({ port: Number(process.argv[2]), host: '127.0.0.1' });
process.once('SIGTERM', () => void app.close().then(() => pool.end()));
