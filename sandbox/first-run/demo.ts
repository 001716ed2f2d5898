import { Refusal } from './options.ts';

/** The customers of the demo orders. */
const CUSTOMERS = ['Alice Johnson', 'Bob Meyer', 'Chiara Rossi', 'Dele Adeyemi', 'Emma Dubois', 'Finn Olsen'];

/** Products of the stand-ins, with their prices. */
const PRODUCTS = [
  { product_id: 'PROD001', price: 79.99 },
  { product_id: 'PROD002', price: 29.99 },
];

/** The last status of every fourth order; the others stay confirmed. */
const STATUSES = ['processing', 'shipped', 'cancelled'];

async function send(method: string, url: string, body: unknown, key?: string): Promise<{ order_id: string }> {
  const headers = { 'content-type': 'application/json', ...(key && { 'idempotency-key': key }) };
  const response = await fetch(url, { method, headers, body: JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Refusal(`A demo order was refused with ${response.status}: ${text}`);
  return JSON.parse(text) as { order_id: string };
}

/** Places demo orders, two for each customer, and moves some of them on. @returns how many */
export async function placeDemoOrders(url: string): Promise<number> {
  const count = 2 * CUSTOMERS.length;
  for (let n = 0; n < count; n += 1) {
    const name = CUSTOMERS[n % CUSTOMERS.length] ?? '';
    const order = {
      customer_name: name,
      customer_email: `${name.split(' ', 1)[0]?.toLowerCase()}@example.com`,
      items: PRODUCTS.slice(n % 2).map((product) => ({ ...product, quantity: 1 + (n % 3) })),
    };
    const { order_id: id } = await send('POST', `${url}/orders`, order, `demo-${Date.now()}-${n}`);
    const status = STATUSES[n / 4];
    if (status !== undefined) await send('PUT', `${url}/orders/${id}`, { status });
  }
  return count;
}
