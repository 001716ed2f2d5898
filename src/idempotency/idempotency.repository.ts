import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { MultiRowStatement } from '../platform/database/batching/multi-row-statement.js';
import { PointReads } from '../platform/database/batching/point-reads.js';
import type { Sql } from '../platform/database/connection.js';
import type { Write } from '../platform/database/transaction.js';
import type { IdempotencyKey } from './idempotency-key.entity.js';

/** A client's key with the request that it came with. */
export interface KeyClaim {
  /** The caller: keys of different callers are independent. */
  scope: string;
  key: string;
  /** SHA-256 of the request in a canonical form. */
  requestHash: string;
  /** How long the key is remembered. */
  keepHours: number;
}

/** A response as it is stored with its key: the same for every retry. */
export interface StoredResponse {
  status: number;
  headers: Record<string, string>;
  body: Record<string, unknown>;
}

/** A key's record: it is bound to an order, or has the response to a request without one. */
export type KnownKey = Pick<IdempotencyKey, 'requestHash' | 'orderId'> & {
  response: StoredResponse;
  isExpired: boolean;
};

type KeyRow = Omit<KnownKey, 'response'> & { [Field in keyof StoredResponse]: StoredResponse[Field] | null };

/** Divides by zero when another request has the key. */
const CLAIM_FOR_ORDERS = new MultiRowStatement(
  `(?, ?, ?, ?, now(), now() + ? * interval '1 hour')`,
  (rows) =>
    `INSERT INTO idempotency_keys (scope, key, request_hash, order_id, created_at, expires_at) VALUES ${rows}
     ON CONFLICT (scope, key) DO UPDATE SET order_id = excluded.order_id
     WHERE 1 / (idempotency_keys.order_id IS NOT DISTINCT FROM excluded.order_id)::integer = 1`,
);

/** All transactions claim in this order, so that concurrent ones can't deadlock on the same keys. */
function byScopeAndKey(left: KeyClaim, right: KeyClaim): number {
  return compare(left.scope, right.scope) || compare(left.key, right.key);
}

function compare(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/**
 * Every statement on idempotency keys. Keys expire by the database's clock: an instance with a wrong clock would delete
 * valid keys, and retries would place the orders again.
 */
@Injectable()
export class IdempotencyRepository {
  constructor(
    private readonly dataSource: DataSource,
    private readonly reads: PointReads,
  ) {}

  /** The key's record, which may have expired. */
  async findKey(scope: string, key: string): Promise<KnownKey | undefined> {
    const [row] = await this.reads.query<KeyRow[]>(
      `SELECT request_hash AS "requestHash", order_id AS "orderId", response_status AS status,
         response_headers AS headers, response_body AS body, expires_at <= now() AS "isExpired"
       FROM idempotency_keys WHERE scope = $1 AND key = $2`,
      [scope, key],
    );
    if (!row) return undefined;
    const { status, headers, body, ...known } = row;
    return { ...known, response: { status: status ?? 500, headers: headers ?? {}, body: body ?? {} } };
  }

  /** Binds keys to orders. Refused when another request already has a key. */
  claimForOrders(claims: readonly (KeyClaim & { orderId: string })[]): Write<'key_taken'>[] {
    const rows = claims
      .toSorted(byScopeAndKey)
      .map(({ scope, key, requestHash, orderId, keepHours }) => [
        scope,
        key,
        requestHash,
        orderId,
        keepHours,
      ]);
    return CLAIM_FOR_ORDERS.of(rows).map((statement) => ({ ...statement, refusal: 'key_taken' }));
  }

  /**
   * Binds a key to an order that exists, so that it is known as soon as the transaction commits.
   *
   * @returns false when the key is taken
   */
  async bindToOrder(sql: Sql, claim: KeyClaim, orderId: string): Promise<boolean> {
    const rows = await sql.query<unknown[]>(
      `INSERT INTO idempotency_keys (scope, key, request_hash, order_id, created_at, expires_at)
       VALUES ($1, $2, $3, $4, now(), now() + $5 * interval '1 hour')
       ON CONFLICT (scope, key) DO NOTHING RETURNING 1`,
      [claim.scope, claim.key, claim.requestHash, orderId, claim.keepHours],
    );
    return rows.length === 1;
  }

  /** Stores the response to a request that belongs to no order. @returns false when the key is taken */
  async saveResponse(claim: KeyClaim, response: StoredResponse): Promise<boolean> {
    const rows = await this.dataSource.query<unknown[]>(
      `INSERT INTO idempotency_keys (scope, key, request_hash, response_status, response_headers, response_body,
         created_at, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, now(), now() + $7 * interval '1 hour')
       ON CONFLICT (scope, key) DO NOTHING RETURNING 1`,
      [
        claim.scope,
        claim.key,
        claim.requestHash,
        response.status,
        JSON.stringify(response.headers),
        JSON.stringify(response.body),
        claim.keepHours,
      ],
    );
    return rows.length === 1;
  }

  /** Deletes an expired key, so that it can be used again. */
  async deleteKeyIfExpired(scope: string, key: string): Promise<void> {
    await this.dataSource.query(
      `DELETE FROM idempotency_keys WHERE scope = $1 AND key = $2 AND expires_at <= now()`,
      [scope, key],
    );
  }

  /**
   * Forgets the keys that expired first, about as many as given: all that expired in the same moment as the last of
   * them go along. Two statements, since a DELETE that is limited by a subquery is not for every PostgreSQL.
   *
   * @returns whether there may be more
   */
  async deleteExpiredKeys(limit: number): Promise<boolean> {
    // As text, which keeps the microseconds that a Date would lose.
    const [last] = await this.dataSource.query<{ expiresAt: string }[]>(
      `SELECT expires_at::text AS "expiresAt" FROM idempotency_keys WHERE expires_at <= now()
       ORDER BY expires_at OFFSET $1 LIMIT 1`,
      [limit - 1],
    );
    await this.dataSource.query(
      `DELETE FROM idempotency_keys WHERE expires_at <= coalesce($1::timestamptz, now())`,
      [last?.expiresAt],
    );
    return last !== undefined;
  }
}
