import { type Answer, answer, refusal } from './idempotency.ts';
import { idToJson, MAX_QUANTITY, readFields, readInteger, readNumber, readText } from './input.ts';
import type { Call, ServiceServer } from './service-server.ts';
import type { Stock, StockedProduct } from './stock.ts';

/** Prices have no upper limit of their own; this keeps out what isn't a price. */
const MAX_PRICE = 1e15;

function unknownProduct(id: string): Answer {
  return refusal(404, `Product ${id} not found`);
}

function idOf({ params }: Call): string {
  return params['id'] ?? '';
}

/** The ledger entry for the product of a replayed call. */
function notesReplay(stock: Stock): (call: Call) => void {
  return (call) => stock.recordReplay(idOf(call), call);
}

/** System A's Inventory Service, without the calls of `addReservations`. */
export function addInventory(server: ServiceServer, stock: Stock): void {
  server.read('/inventory/:id', (call) => {
    const product = stock.find(idOf(call));
    if (!product) return unknownProduct(idOf(call));
    const { id, name, quantity, price } = product;
    return answer(200, { product_id: id, name, quantity, price });
  });
  server.mutate('PUT', '/inventory/:id/reserve', {
    effect: (call) => moveUnits(stock, call, -1),
    replayed: notesReplay(stock),
  });
  server.mutate('PUT', '/inventory/:id/replenish', {
    effect: (call) => moveUnits(stock, call, 1),
    replayed: notesReplay(stock),
  });
}

function moveUnits(stock: Stock, call: Call, sign: 1 | -1): Answer {
  const id = idOf(call);
  const units = readInteger(readFields(call.body, 'the body')['quantity'], 'quantity', 1, MAX_QUANTITY);
  const product = stock.find(id);
  if (!product) return unknownProduct(id);
  const before = product.quantity;
  if (!stock.move(id, sign * units, call)) {
    return refusal(400, `Insufficient stock for ${id}: requested ${units}, available ${before}`);
  }
  const common = { product_id: id, name: product.name, previous_quantity: before };
  const timestamp = new Date().toISOString();
  return sign < 0
    ? answer(200, { ...common, reserved_quantity: units, remaining_quantity: before - units, timestamp })
    : answer(200, { ...common, replenished_quantity: units, current_quantity: before + units, timestamp });
}

function presentDetail({ id, name, price, quantity }: StockedProduct): Answer {
  return answer(200, { product_detail: { id: idToJson(id), name, price, quantity } });
}

/** Latency of a row from the database: long enough for another thread to use the cursor. */
const FETCH_MS = 2;

/** With this many statements at once the database driver gives up. */
const MAX_STATEMENTS = 4;

/**
 * A database cursor that all threads of a service share, as in the catalog of the specification. A thread that executes
 * its statement before another one has fetched replaces that one's row.
 */
class SharedCursor {
  #row: StockedProduct | undefined;
  #statements = 0;

  /** Executes a statement without a result, which drops the row that another thread is about to fetch. */
  execute(): void {
    this.#row = undefined;
  }

  /** @returns the response to a look-up: the row, or the part that another thread has left of it */
  async look(id: string, row: StockedProduct | undefined): Promise<Answer> {
    this.#row = row;
    this.#statements += 1;
    const isOutOfSync = this.#statements > MAX_STATEMENTS;
    await new Promise((resolve) => setTimeout(resolve, FETCH_MS));
    this.#statements -= 1;
    if (isOutOfSync) return refusal(500, 'Commands out of sync');
    const fetched = this.#row;
    this.#row = undefined;
    return fetched ? presentDetail(fetched) : unknownProduct(id);
  }
}

/** System B's Product Catalog Service. @param sharesCursor whether parallel calls disturb each other */
export function addCatalog(server: ServiceServer, stock: Stock, sharesCursor: boolean): void {
  const cursor = sharesCursor ? new SharedCursor() : undefined;
  server.read('/products/:id', (call) => {
    const product = stock.find(idOf(call));
    if (cursor) return cursor.look(idOf(call), product);
    return product ? presentDetail(product) : unknownProduct(idOf(call));
  });
  server.mutate('PUT', '/products/:id', {
    effect: (call) => {
      const id = idOf(call);
      const fields = readFields(call.body, 'the body');
      const product: StockedProduct = {
        id,
        name: readText(fields['name'], 'name'),
        price: readNumber(fields['price'], 'price', 0, MAX_PRICE),
        quantity: readInteger(fields['quantity'], 'quantity', 0, MAX_QUANTITY),
      };
      cursor?.execute();
      if (!stock.find(id)) return unknownProduct(id);
      stock.put(product, call);
      return presentDetail(product);
    },
    replayed: notesReplay(stock),
  });
}
