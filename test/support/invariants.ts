import { Client } from 'pg';
import type { Sandbox } from '../../sandbox/sandbox.js';

/** Runs one query on a separate connection, outside the service. */
export async function queryDatabase<Row>(url: string, text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text, values)).rows as Row[];
  } finally {
    await client.end();
  }
}

const LIVE = `('pending', 'confirmed', 'processing', 'shipped', 'delivered', 'returned')`;

/** Pending orders, and stock that is not released yet; empty once the service is idle. */
export async function findUnsettled(url: string): Promise<unknown[]> {
  return queryDatabase(
    url,
    `SELECT o.id, o.status, i.reservation FROM orders o JOIN order_items i ON i.order_id = o.id
     WHERE o.status = 'pending' OR (o.status NOT IN ${LIVE} AND i.reservation <> 'released')`,
  );
}

/** Tasks that are not finished or that the sequencer will insert, without dead ones. */
export async function countOpenTasks(url: string): Promise<number> {
  const rows = await queryDatabase<{ count: number }>(
    url,
    `SELECT (SELECT count(*) FROM tasks WHERE state <> 'dead')::int
       + (SELECT count(*) FROM order_events WHERE notification IS NOT NULL)::int AS count`,
  );
  return rows[0]?.count ?? 0;
}

/** Units of each product for which those taken at the stand-in differ from those sold by live orders or in doubt. */
export async function findStockDifferences(url: string, sandbox: Sandbox): Promise<unknown[]> {
  const rows = await queryDatabase<{ product: string; sold: number; doubtful: number }>(
    url,
    `SELECT i.product_id AS product, sum(i.quantity) FILTER (WHERE o.status IN ${LIVE})::int AS sold,
       sum(i.quantity) FILTER (WHERE o.status NOT IN ${LIVE} AND i.reservation = 'in_doubt')::int AS doubtful
     FROM orders o JOIN order_items i ON i.order_id = o.id GROUP BY i.product_id`,
  );
  const books = new Map(rows.map((row) => [row.product, row]));
  return sandbox.stock.list().flatMap((product) => {
    const taken = product.initial_quantity - product.quantity;
    const sold = books.get(product.id)?.sold ?? 0;
    const doubtful = books.get(product.id)?.doubtful ?? 0;
    const isRight = sold <= taken && taken <= sold + doubtful;
    return isRight ? [] : [{ product: product.id, taken, sold, doubtful }];
  });
}

/** Orders whose events are not numbered from 1 to their version. */
export async function findEventGaps(url: string): Promise<unknown[]> {
  return queryDatabase(
    url,
    `SELECT o.id, o.version, array_agg(e.seq ORDER BY e.seq) AS seqs FROM orders o
     LEFT JOIN order_events e ON e.order_id = o.id GROUP BY o.id, o.version
     HAVING count(e.seq) <> o.version OR max(e.seq) IS DISTINCT FROM o.version OR min(e.seq) IS DISTINCT FROM 1`,
  );
}

/** Orders with an address whose notifications differ from the statuses in their history. */
export async function findUntoldEvents(url: string, sandbox: Sandbox): Promise<unknown[]> {
  const events = await queryDatabase<{ orderId: string; statuses: string[] }>(
    url,
    `SELECT o.id AS "orderId", array_agg(e.to_status ORDER BY e.seq) AS statuses
     FROM orders o JOIN order_events e ON e.order_id = o.id
     WHERE o.customer_email IS NOT NULL AND e.to_status IS NOT NULL
       AND e.to_status NOT IN ('pending', 'rejected', 'failed') GROUP BY o.id`,
  );
  const messages = sandbox.notifications.messages.all().filter((message) => message.delivered);
  return events.flatMap(({ orderId, statuses }) => {
    const told = messages.filter((message) => message.order_id === orderId).map((message) => message.status);
    return told.join() === statuses.join() ? [] : [{ orderId, statuses, told }];
  });
}
