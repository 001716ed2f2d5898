import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { OrderEventType } from '../order-event.entity.js';
import type { OrderStatus } from '../order-status.js';
import { isBehind, ORIGIN, type StreamPosition } from './stream-position.js';

/** One event of an order, as followers of all orders receive it. */
export interface OrderChange {
  orderId: string;
  seq: number;
  type: OrderEventType;
  fromStatus: OrderStatus | null;
  toStatus: OrderStatus | null;
  actor: string;
  occurredAt: Date;
  /** The customer who owns the order. */
  customerId: string | null;
  position: StreamPosition;
}

interface EventRow {
  transactionId: string;
  orderId: string;
  seq: number;
  id: string;
}

/** A row of `findChanges`. There is always one, without an event where there is none. */
type ChangeRow = { isKnown: boolean } & (({ orderId: null } | EventRow) & Omit<OrderChange, 'position'>);

/**
 * The oldest transaction in progress, or the next one. All earlier ones have ended, so their events are visible, and none
 * are ever added.
 */
const HORIZON = `pg_snapshot_xmin(pg_current_snapshot())::text::bigint`;

/**
 * Identifies an event for clients. The transaction and the number of an event can be reused after a failover that lost
 * it; with its time it is unique. A digest, because customers must not learn the ids of other customers' orders.
 */
const EVENT_ID = `e.transaction_id || '-' || left(encode(sha256(convert_to(
  e.order_id || '/' || e.seq || '/' || extract(epoch FROM e.occurred_at), 'UTF8')), 'hex'), 16)`;

const POSITION_COLUMNS = `e.transaction_id::text AS "transactionId", e.order_id AS "orderId", e.seq, ${EVENT_ID} AS id`;

/** Every statement that reads the events of all orders. */
@Injectable()
export class OrderChangesRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Complete events after a position, in their order. The statement checks the position in the same snapshot, so that a
   * failover between two statements can't go unnoticed.
   *
   * @returns null when the database does not have the event of the position (any more)
   */
  async findChanges(
    { transaction, orderId, seq, id }: StreamPosition,
    limit: number,
  ): Promise<OrderChange[] | null> {
    const rows = await this.dataSource.query<ChangeRow[]>(
      `SELECT known."isKnown", changes.*
       FROM (SELECT $3 = 0 OR EXISTS (
           SELECT 1 FROM order_events e WHERE e.order_id = $2 AND e.seq = $3 AND ${EVENT_ID} = $4
         ) AS "isKnown") known
       LEFT JOIN LATERAL (
         SELECT ${POSITION_COLUMNS}, e.type, e.from_status AS "fromStatus", e.to_status AS "toStatus", e.actor,
           e.occurred_at AS "occurredAt", o.customer_id AS "customerId"
         FROM order_events e JOIN orders o ON o.id = e.order_id
         WHERE known."isKnown" AND e.transaction_id >= $1 AND e.transaction_id < ${HORIZON}
           AND (e.transaction_id, e.order_id, e.seq) > ($1, $2, $3)
         ORDER BY e.transaction_id, e.order_id, e.seq LIMIT $5
       ) changes ON true`,
      [String(transaction), orderId, seq, id, limit],
    );
    if (!rows[0]?.isKnown) return null;
    return rows.flatMap(({ isKnown: _isKnown, ...row }) => (row.orderId === null ? [] : [toChange(row)]));
  }

  /** The last events of the transactions up to this one, in their order. */
  async findLastChanges(transaction: bigint, limit: number): Promise<OrderChange[]> {
    const rows = await this.dataSource.query<(EventRow & Omit<OrderChange, 'position'>)[]>(
      `SELECT e.*, o.customer_id AS "customerId"
       FROM (SELECT ${POSITION_COLUMNS}, e.type, e.from_status AS "fromStatus", e.to_status AS "toStatus", e.actor,
               e.occurred_at AS "occurredAt"
             FROM order_events e
             WHERE e.transaction_id <= $1 AND e.transaction_id >= (
               -- Sorts only the transactions of these events.
               SELECT coalesce(min(transaction_id), 0)
               FROM (SELECT transaction_id FROM order_events WHERE transaction_id <= $1
                     ORDER BY transaction_id DESC LIMIT $2) newest)
             ORDER BY e.transaction_id DESC, e.order_id DESC, e.seq DESC LIMIT $2) e
       JOIN orders o ON o.id = e."orderId"`,
      [String(transaction), limit],
    );
    return rows
      .map(toChange)
      .toSorted(({ position: one }, { position: other }) => (isBehind(one, other) ? 1 : -1));
  }

  /** The position after the last complete event. */
  async findLast(): Promise<StreamPosition> {
    const [row] = await this.dataSource.query<EventRow[]>(
      `SELECT ${POSITION_COLUMNS} FROM order_events e WHERE e.transaction_id < ${HORIZON}
       ORDER BY e.transaction_id DESC, e.order_id DESC, e.seq DESC LIMIT 1`,
    );
    return row ? toPosition(row) : ORIGIN;
  }

  async findById(transaction: bigint, id: string): Promise<StreamPosition | undefined> {
    const [row] = await this.dataSource.query<EventRow[]>(
      `SELECT ${POSITION_COLUMNS} FROM order_events e WHERE e.transaction_id = $1 AND ${EVENT_ID} = $2`,
      [String(transaction), id],
    );
    return row && toPosition(row);
  }

  async findByNumber(transaction: bigint, orderId: string, seq: number): Promise<StreamPosition | undefined> {
    const [row] = await this.dataSource.query<EventRow[]>(
      `SELECT ${POSITION_COLUMNS} FROM order_events e
       WHERE e.order_id = $1 AND e.seq = $2 AND e.transaction_id = $3`,
      [orderId, seq, String(transaction)],
    );
    return row && toPosition(row);
  }

  /** Whether all transactions before this one have ended. */
  async hasReached(transaction: bigint): Promise<boolean> {
    const [row] = await this.dataSource.query<{ hasReached: boolean }[]>(
      `SELECT $1 <= ${HORIZON} AS "hasReached"`,
      [String(transaction)],
    );
    return row?.hasReached ?? false;
  }
}

function toPosition({ transactionId, orderId, seq, id }: EventRow): StreamPosition {
  return { transaction: BigInt(transactionId), orderId, seq, id };
}

function toChange({ transactionId, id, ...change }: EventRow & Omit<OrderChange, 'position'>): OrderChange {
  const { orderId, seq } = change;
  return { ...change, position: toPosition({ transactionId, orderId, seq, id }) };
}
