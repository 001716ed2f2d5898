import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { MultiRowStatement } from '../../platform/database/batching/multi-row-statement.js';
import type { Sql } from '../../platform/database/connection.js';
import type { Statement } from '../../platform/database/statement-message.js';
import type { Write } from '../../platform/database/transaction.js';
import type { ClaimKind, OrderClaim } from './order-claim.entity.js';

/** Something that only one order may have. */
export interface Claim {
  kind: ClaimKind;
  value: string;
  /** Of a reference: SHA-256 of the request in a canonical form. */
  requestHash?: string;
}

/** Why an order was not stored: another order has what it claims. */
export type ClaimConflict = `${ClaimKind}_taken`;

/** A repeated request for an order is answered by its reference first. */
const KINDS = ['reference', 'cart', 'number'] as const satisfies readonly ClaimKind[];

/** Divides by zero when another order has it. */
const UNLESS_TAKEN = `ON CONFLICT (kind, value) DO UPDATE SET order_id = excluded.order_id
     WHERE 1 / (order_claims.order_id = excluded.order_id)::integer = 1`;

const CLAIM = new MultiRowStatement(
  '(?, ?, ?, ?)',
  (rows) => `INSERT INTO order_claims (kind, value, order_id, request_hash) VALUES ${rows} ${UNLESS_TAKEN}`,
);

const CLAIM_NUMBERS = `INSERT INTO order_claims (kind, value, order_id)
     SELECT 'number', o.number, o.id FROM orders o WHERE o.id = ANY ($1) ${UNLESS_TAKEN}`;

/** Every statement on claims. */
@Injectable()
export class OrderClaimsRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** The order that has what is claimed; undefined where none has. */
  async find({ kind, value }: Claim): Promise<Pick<OrderClaim, 'orderId' | 'requestHash'> | undefined> {
    const [row] = await this.dataSource.query<Pick<OrderClaim, 'orderId' | 'requestHash'>[]>(
      `SELECT order_id AS "orderId", request_hash AS "requestHash" FROM order_claims
       WHERE kind = $1 AND value = $2`,
      [kind, value],
    );
    return row;
  }

  /** Claims for orders. All transactions claim in the same order, so that concurrent ones can't deadlock. */
  inserts(claims: readonly (Claim & { orderId: string })[]): Write<ClaimConflict>[] {
    return KINDS.flatMap((kind) => {
      const rows = claims
        .filter((claim) => claim.kind === kind)
        .toSorted((left, right) => (left.value < right.value ? -1 : 1))
        .map(({ value, orderId, requestHash }) => [kind, value, orderId, requestHash ?? null]);
      return CLAIM.of(rows).map((statement) => ({ ...statement, refusal: `${kind}_taken` as const }));
    });
  }

  /** Claims something unless another order has it. @returns whether the order has it */
  async claimIfFree(sql: Sql, orderId: string, { kind, value }: Claim): Promise<boolean> {
    const rows = await sql.query<unknown[]>(
      `INSERT INTO order_claims (kind, value, order_id) VALUES ($1, $2, $3) ON CONFLICT (kind, value) DO NOTHING
       RETURNING 1`,
      [kind, value, orderId],
    );
    return rows.length === 1;
  }

  /** Claims the numbers that stored orders got from the sequence: a client may have taken one of them before. */
  numberInserts(orderIds: readonly string[]): Write<'number_taken'>[] {
    if (orderIds.length === 0) return [];
    return [{ text: CLAIM_NUMBERS, values: [orderIds], refusal: 'number_taken' }];
  }

  /** Releases what an order has, so that another may have it. What it does not have stays as it is. */
  free(orderId: string, claims: readonly Claim[]): Statement[] {
    return claims.map(({ kind, value }) => ({
      text: `DELETE FROM order_claims WHERE kind = $1 AND value = $2 AND order_id = $3`,
      values: [kind, value, orderId],
    }));
  }

  /**
   * Erases the hashes of the requests for orders: with the rest of a request, names could be tried against them. The
   * references stay.
   */
  async eraseHashes(sql: Sql, orderIds: readonly string[], claims: readonly Claim[]): Promise<void> {
    const references = claims.filter(({ kind }) => kind === 'reference').map(({ value }) => value);
    if (references.length === 0) return;
    await sql.query(
      `UPDATE order_claims SET request_hash = NULL
       WHERE kind = 'reference' AND value = ANY ($1) AND order_id = ANY ($2)`,
      [references, orderIds],
    );
  }

  /** Leaves out numbers of the sequence, because clients have taken those that come next. */
  async skipNumbers(count: number): Promise<void> {
    await this.dataSource.query(
      `SELECT count(nextval('order_numbers'))::int AS count FROM generate_series(1, $1::int)`,
      [count],
    );
  }
}
