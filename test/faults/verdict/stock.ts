import { type Evidence, type ItemRow, LIVE } from './evidence.ts';
import type { Verdict, Violation } from './violation.ts';

/**
 * The keys of calls that move stock: `<order>/<line>/reserve`, or without a line for a whole reservation. The order's stock that is
 * reserved again after an expiry has another generation: `<order>-2`.
 */
const STOCK_KEY = /^([0-9a-f-]{36})(?:-(\d+))?\/(?:(\d+)\/)?(reserve|release)$/;

/** Units of one order and one product, from the inventory's ledger. */
interface Moved {
  reserved: number;
  released: number;
  /** What is reserved and not released, by generation. */
  generations: Map<number, number>;
}

function nameOf(orderId: string, productId: string): string {
  return `${orderId} ${productId}`;
}

/** Sums up the ledger by order and product, and reports entries without an order and duplicate effects. */
function readLedger({ ledger, orders }: Evidence, violations: Violation[]): Map<string, Moved> {
  const moved = new Map<string, Moved>();
  const effects = new Set<string>();
  for (const entry of ledger) {
    if (entry.replay || entry.product === null || entry.route.includes('/sandbox/')) continue;
    const [, orderId, generation = '1', , action] = STOCK_KEY.exec(entry.key ?? '') ?? [];
    if (orderId === undefined) {
      const what = `${entry.delta} units of ${entry.product} were moved under the key ${entry.key}, which names no order`;
      violations.push({ promise: 'P3', what });
      continue;
    }
    if (!orders.has(orderId)) {
      const what = `${entry.delta} units of ${entry.product} were moved for an order that does not exist`;
      violations.push({ promise: 'P4', what, orderId });
    }
    const effect = `${entry.product} ${entry.key}`;
    if (effects.has(effect)) {
      violations.push({ promise: 'P3', what: `${entry.key} took effect on ${entry.product} twice`, orderId });
    }
    effects.add(effect);
    const sums = moved.get(nameOf(orderId, entry.product)) ?? noneMoved();
    const { generations } = sums;
    generations.set(Number(generation), (generations.get(Number(generation)) ?? 0) - entry.delta);
    if (action === 'reserve') sums.reserved -= entry.delta;
    else sums.released += entry.delta;
    moved.set(nameOf(orderId, entry.product), sums);
  }
  return moved;
}

function noneMoved(): Moved {
  return { reserved: 0, released: 0, generations: new Map() };
}

function units(lines: readonly ItemRow[]): number {
  return lines.reduce((sum, line) => sum + line.quantity, 0);
}

/** P3: a generation begins once all units of the ones before it are released. */
function checkGenerations(
  orderId: string,
  productId: string,
  generations: Moved['generations'],
  violations: Violation[],
): void {
  const latest = Math.max(...generations.keys());
  for (const [generation, held] of generations) {
    if (generation === latest || held === 0) continue;
    const what = `generation ${generation} still holds ${held} units of ${productId}, and generation ${latest} was begun`;
    violations.push({ promise: 'P3', what, orderId });
  }
}

/** Compares what the inventory holds for one order with the order's lines. */
function checkOrder(
  orderId: string,
  status: string,
  items: readonly ItemRow[],
  moved: ReadonlyMap<string, Moved>,
  violations: Violation[],
): void {
  for (const [productId, lines] of Map.groupBy(items, (item) => item.productId)) {
    const { reserved, released, generations } = moved.get(nameOf(orderId, productId)) ?? noneMoved();
    checkGenerations(orderId, productId, generations, violations);
    const held = reserved - released;
    const wanted = LIVE.has(status) ? units(lines) : 0;
    const doubtful = LIVE.has(status) ? 0 : units(lines.filter((line) => line.reservation === 'in_doubt'));
    const says = `the order is ${status} and needs ${wanted} units of ${productId}, the inventory holds ${held} for it`;
    // P4 covers a pending order; what it holds so far is neither too much nor too little.
    if (status === 'pending') continue;
    if (held < wanted) violations.push({ promise: 'P2', what: says, orderId });
    if (held > wanted + doubtful) {
      const isDoubled = reserved > units(lines);
      violations.push({ promise: isDoubled ? 'P3' : 'P4', what: says, orderId });
    }
  }
}

/** Units of each product that the campaign has taken from the stock itself, without those that it has brought back. */
function soldElsewhere({ ledger }: Evidence): Map<string, number> {
  const sold = new Map<string, number>();
  for (const { product, delta, route } of ledger) {
    if (product === null || !route.includes('/sandbox/')) continue;
    sold.set(product, (sold.get(product) ?? 0) - delta);
  }
  return sold;
}

/** P2: the units missing from the stock of a product are those of live orders, in total and per order. */
export function judgeStock(evidence: Evidence): Verdict {
  const violations: Violation[] = [];
  const moved = readLedger(evidence, violations);
  const inDoubt: Verdict['inDoubt'] = [];
  const books = new Map<string, { sold: number; doubtful: number }>();
  for (const order of evidence.orders.values()) {
    const items = evidence.items.get(order.id) ?? [];
    checkOrder(order.id, order.status, items, moved, violations);
    for (const { orderId, line, productId, quantity, reservation } of items) {
      const book = books.get(productId) ?? { sold: 0, doubtful: 0 };
      if (LIVE.has(order.status)) book.sold += quantity;
      else if (reservation === 'in_doubt') {
        book.doubtful += quantity;
        inDoubt.push({ orderId, line, productId, quantity });
      }
      books.set(productId, book);
    }
  }
  const elsewhere = soldElsewhere(evidence);
  for (const product of evidence.stock) {
    const { sold, doubtful } = books.get(product.id) ?? { sold: 0, doubtful: 0 };
    const taken = product.initial_quantity - product.quantity - (elsewhere.get(product.id) ?? 0);
    const sums = `of ${product.id} ${taken} units are gone, live orders have ${sold}, ${doubtful} are in doubt`;
    if (taken < sold) violations.push({ promise: 'P2', what: sums });
    if (taken > sold + doubtful) violations.push({ promise: 'P4', what: sums });
  }
  return { violations, inDoubt };
}
