import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { isDatabaseUnavailable } from '../../platform/database/session/database-errors.js';
import type { Bulkhead } from '../../platform/http/bounded-routes.js';
import { overloaded } from '../../platform/http/problem.js';
import { withDeadline } from '../../platform/telemetry/request-context.js';
import type { Order } from '../order.entity.js';
import { type OrderPage, OrderRepository } from '../order.repository.js';
import type { Owner } from '../ownership.js';
import type { OrderFilter } from '../search/order-conditions.js';
import type { OrderWriter } from './order-writers.js';

/** Orders read by one statement: some milliseconds, for the database and for the process that writes them. */
const PAGE_SIZE = 250;

/** Lines that are written without a pause: some milliseconds as CSV. */
export const LINES_OF_SLICE = 100;

/**
 * Each export keeps a connection and much of the instance's one processor busy. Four, so that one customer has one
 * and a permit is left for staff. Most exports are small and end at once, so others may queue.
 */
export const EXPORTS: Bulkhead = {
  kind: 'exports',
  permits: 4,
  maxWaiting: 8,
  admissionMs: 1_000,
  isLongLived: true,
};

/** The service is stopping; the client sees an aborted transfer. */
class Interrupted extends Error {
  constructor() {
    super('the service is being stopped');
    this.name = 'Interrupted';
  }
}

/**
 * Writes orders page by page. A page is read when the client has taken the one before, and none once the client has
 * gone. No transaction spans more than a page, so an export holds up neither vacuum nor locks. An order that changes
 * during the export is written as it is when its page is read; orders placed during the export are left out.
 */
@Injectable()
export class OrderExport implements OnModuleDestroy {
  private readonly logger = new Logger(OrderExport.name);
  private readonly open = new Set<Readable>();

  constructor(private readonly orders: OrderRepository) {}

  /** An export may take for longer than a stop is allowed to; its client can go on behind the last order that it got. */
  onModuleDestroy(): void {
    for (const stream of this.open) stream.destroy(new Interrupted());
  }

  /** Begins an export. Failures before the first page are thrown; later ones break the stream off. */
  async begin(owner: Owner, filter: OrderFilter, writer: OrderWriter): Promise<Readable> {
    const resolved = await this.resolve(owner, filter);
    const first = await this.orders.listOrdersOf(owner, resolved, PAGE_SIZE);
    const stream = Readable.from(this.write(first, owner, resolved, writer), { objectMode: false });
    this.open.add(stream);
    stream.on('error', (error) => this.tell(error));
    stream.on('close', () => this.open.delete(stream));
    return stream;
  }

  /** Counts the orders of an export. */
  async count(owner: Owner, filter: OrderFilter): Promise<number> {
    return this.orders.countOrdersOf(owner, await this.resolve(owner, filter));
  }

  /**
   * A search means the same for the whole file.
   *
   * @throws {Problem} overloaded, while a file would lack orders whose texts are not written yet
   */
  private async resolve(owner: Owner, filter: OrderFilter): Promise<OrderFilter> {
    const resolved = await this.orders.resolveFilter(owner, filter);
    if (!resolved.isComplete) throw overloaded('Older orders can not be searched for parts of values yet');
    return resolved.filter;
  }

  private async *write(
    first: OrderPage,
    owner: Owner,
    filter: OrderFilter,
    writer: OrderWriter,
  ): AsyncGenerator<string> {
    let count = 0;
    yield writer.begin();
    for (let page = first; ;) {
      for (const slice of slicesOf(page.orders)) {
        for (const part of writer.write(slice)) {
          yield part;
          // Other requests get their turn before the next rows are written.
          await setImmediate();
        }
      }
      count += page.orders.length;
      if (page.nextCursor === null) break;
      const next = { ...filter, beforeId: page.nextCursor };
      // An export lasts as long as its client reads. Each page has the time limit of a statement.
      page = await withDeadline(undefined, () => this.orders.listOrdersOf(owner, next, PAGE_SIZE));
    }
    yield writer.end(count);
  }

  /** The status line is already sent, so it can't report the error. */
  private tell(error: Error): void {
    if (error instanceof Interrupted || isDatabaseUnavailable(error)) {
      this.logger.warn(`An export has broken off: ${error.message}`);
    } else {
      this.logger.error({ err: error }, 'An export has broken off');
    }
  }
}

/** Parts of a page that are written without a pause. */
function* slicesOf(orders: readonly Order[]): Generator<Order[]> {
  let slice: Order[] = [];
  let lines = 0;
  for (const order of orders) {
    slice.push(order);
    lines += order.items.length;
    if (lines < LINES_OF_SLICE) continue;
    yield slice;
    slice = [];
    lines = 0;
  }
  if (slice.length > 0) yield slice;
}
