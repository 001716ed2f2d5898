import type { LoadedOrders } from './loaded-orders.ts';

/** Orders of the rare product, at every size: a full page that is expensive to find. */
const RARE_PRODUCT_ORDERS = 80;
export const RARE_PRODUCT = 'RARE';

const PRODUCTS = 200;

/** By age: the newest are confirmed, older ones shipped, all others delivered. */
const SHARE_SHIPPED = 0.07;

/** One order in this many was returned, and one was cancelled. */
const ONE_RETURNED_OF = 100;

/** What led an order to its status, from the placement on. */
const HISTORIES = {
  confirmed: ['pending', 'confirmed'],
  shipped: ['pending', 'confirmed', 'shipped'],
  delivered: ['pending', 'confirmed', 'shipped', 'delivered'],
  returned: ['pending', 'confirmed', 'shipped', 'delivered', 'returned'],
  cancelled: ['pending', 'confirmed', 'cancelled'],
} as const;

/** The tables that placing an order writes to, with the columns that are loaded. */
export const TABLES = [
  {
    name: 'orders',
    columns:
      'id customer_id customer_name customer_email status currency total_amount version placed_at updated_at attempt',
  },
  { name: 'order_items', columns: 'order_id id product_id product_name quantity price reservation' },
  { name: 'order_events', columns: 'order_id seq type from_status to_status actor occurred_at feed_no' },
  { name: 'idempotency_keys', columns: 'scope key request_hash order_id created_at expires_at' },
  {
    name: 'tasks',
    columns:
      'order_id lane seq id kind payload context state run_at lease_version attempts max_attempts created_at',
  },
  { name: 'deliveries', columns: 'order_id id queue event_seq attempts created_at completed_at' },
  { name: 'order_search', columns: 'order_id text' },
].map(({ name, columns }) => ({ name, columns: columns.split(' ') }));

const NULL = '\\N';

/** A new line within a value. */
const NEW_LINE = String.raw`\n`;

/** The events of loaded orders have their numbers in the feed, so that nothing numbers them while it is measured. */
export const NUMBERS_OF_ORDER = Math.max(...Object.values(HISTORIES).map(({ length }) => length));

const HASH = 'a'.repeat(64);
const A_DAY_MS = 86_400_000;

function line(...cells: (string | number)[]): string {
  return `${cells.join('\t')}\n`;
}

function statusOf(orders: LoadedOrders, n: number): keyof typeof HISTORIES {
  const newer = orders.count - n;
  if (newer <= orders.confirmed) return 'confirmed';
  if (newer <= orders.confirmed + orders.count * SHARE_SHIPPED) return 'shipped';
  if (n % ONE_RETURNED_OF === 0) return 'returned';
  return n % ONE_RETURNED_OF === 1 ? 'cancelled' : 'delivered';
}

function productsOf(orders: LoadedOrders, n: number): [first: string, second: string] {
  const isRare = n % Math.max(1, Math.floor(orders.count / RARE_PRODUCT_ORDERS)) === 0;
  return [isRare ? RARE_PRODUCT : `P${n % PRODUCTS}`, `P${(n * 7 + 1) % PRODUCTS}`];
}

/** The notification of a confirmed order, while it waits: every other one has failed once. */
function taskOf(n: number, id: string, at: string): string {
  const context = JSON.stringify({ 'x-request-id': id });
  const attempts = n % 2;
  return line(id, 'notification', 2, id, 'notify', '{}', context, 'ready', at, attempts, attempts, 9_001, at);
}

/** As the service writes it, of values in ASCII. */
function searchTextOf(values: readonly string[]): string {
  return [...new Set(values)].join(NEW_LINE).toLowerCase();
}

/** @returns what each of the tables gets for the n-th order, in the text format of COPY */
export function rowsOf(orders: LoadedOrders, n: number): string[] {
  const [id, customer, status] = [orders.id(n), orders.customer(n), statusOf(orders, n)];
  const at = new Date(orders.placedAt(n)).toISOString();
  const history = HISTORIES[status];
  const [first, second] = productsOf(orders, n);
  const who = [customer, 'Load', `${customer.toLowerCase()}@example.com`];
  const held = status === 'cancelled' ? 'released' : 'held';
  const isRecent = orders.isRecent(n);
  const isWaiting = n >= orders.count - orders.waiting;
  const expires = new Date(orders.placedAt(n) + A_DAY_MS).toISOString();
  return [
    line(id, ...who, status, 'USD', 30, history.length, at, at, 1),
    line(id, 1, first, `Product ${first}`, 1, 10, held) +
      line(id, 2, second, `Product ${second}`, 2, 10, held),
    history
      .map((to, step) => {
        const feedNo = n * NUMBERS_OF_ORDER + step + 1;
        const [type, actor] = step === 0 ? ['placed', 'anonymous'] : ['status_changed', 'placement'];
        return line(id, step + 1, type, history[step - 1] ?? NULL, to, actor, at, feedNo);
      })
      .join(''),
    isRecent ? line('anonymous', `loaded-${id.slice(-12)}-${n}`, HASH, id, at, expires) : '',
    isWaiting ? taskOf(n, id, at) : '',
    isWaiting ? '' : line(id, id, 'notify', 2, 1, at, at),
    line(id, searchTextOf([id, ...who.slice(1), first, `Product ${first}`, second, `Product ${second}`])),
  ];
}
