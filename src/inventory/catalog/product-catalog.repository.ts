import type { PoolClient } from 'pg';
import type { MovementState } from './product-catalog-movement.entity.js';

/** A row of `product_catalog_movements`. */
export interface Movement {
  productId: string;
  key: string;
  delta: number;
  /** The stock as it was read; null where it never came to that. */
  quantityBefore: number | null;
  /** The stock as it was to be set; null for a refusal. */
  quantityAfter: number | null;
  state: MovementState;
  reason: string | null;
}

/** A movement with an unknown outcome. */
export interface UnfinishedMovement extends Movement {
  quantityBefore: number;
  quantityAfter: number;
  /** Milliseconds since its last call was begun, by the clock of the database. */
  ageMs: number;
}

/** Keeps the locks of this service apart from those of other users of the database. */
const LOCK_NAME = `hashtextextended('product-catalog/' || $1::text, 0)`;

/** As floating point, which holds every stock that JSON carries, because the driver gives 64-bit integers as text. */
const COLUMNS = `product_id AS "productId", key, delta, quantity_before::float8 AS "quantityBefore",
       quantity_after::float8 AS "quantityAfter", state, reason`;

/** @returns whether the lock was free and is now held by this session */
export async function tryLock(session: PoolClient, productId: string): Promise<boolean> {
  const { rows } = await session.query<{ locked: boolean }>(
    `SELECT pg_try_advisory_lock(${LOCK_NAME}) AS locked`,
    [productId],
  );
  return rows[0]?.locked === true;
}

/** Limits how long this session waits for a lock; milliseconds, above 0. */
export async function setLockTimeout(session: PoolClient, milliseconds: number): Promise<void> {
  await session.query(`SELECT set_config('lock_timeout', $1, false)`, [String(milliseconds)]);
}

export async function resetLockTimeout(session: PoolClient): Promise<void> {
  // Not RESET, which takes the default of the database in place of the pinned setting.
  await session.query('SET lock_timeout = 0');
}

/** @throws SQLSTATE 55P03 when `lock_timeout` passes */
export async function waitForLock(session: PoolClient, productId: string): Promise<void> {
  await session.query(`SELECT pg_advisory_lock(${LOCK_NAME})`, [productId]);
}

/** @returns whether the lock was still held */
export async function unlock(session: PoolClient, productId: string): Promise<boolean> {
  const { rows } = await session.query<{ unlocked: boolean }>(
    `SELECT pg_advisory_unlock(${LOCK_NAME}) AS unlocked`,
    [productId],
  );
  return rows[0]?.unlocked === true;
}

export async function findMovements(
  session: PoolClient,
  productId: string,
  keys: readonly string[],
): Promise<Map<string, Movement>> {
  const { rows } = await session.query<Movement>(
    `SELECT ${COLUMNS} FROM product_catalog_movements WHERE product_id = $1 AND key = ANY($2::text[])`,
    [productId, keys],
  );
  return new Map(rows.map((movement) => [movement.key, movement]));
}

/** Oldest first. There is more than one only after a lock was lost in the middle of a call. */
export async function findUnfinished(session: PoolClient, productId: string): Promise<UnfinishedMovement[]> {
  const { rows } = await session.query<UnfinishedMovement>(
    `SELECT ${COLUMNS}, (extract(epoch FROM now() - started_at) * 1000)::float8 AS "ageMs"
       FROM product_catalog_movements
      WHERE product_id = $1 AND state = 'started'
      ORDER BY started_at`,
    [productId],
  );
  return rows;
}

/** Notes that the stock is about to be set. Its time is the database's, because it is compared with that clock. */
export async function insertStarted(
  session: PoolClient,
  movement: Pick<UnfinishedMovement, 'productId' | 'key' | 'delta' | 'quantityBefore' | 'quantityAfter'>,
): Promise<void> {
  await session.query(
    `INSERT INTO product_catalog_movements (product_id, key, delta, quantity_before, quantity_after, state)
     VALUES ($1, $2, $3, $4, $5, 'started')`,
    [movement.productId, movement.key, movement.delta, movement.quantityBefore, movement.quantityAfter],
  );
}

/** Notes that the same call is about to be sent again. */
export async function restart(session: PoolClient, productId: string, key: string): Promise<void> {
  await session.query(
    `UPDATE product_catalog_movements SET started_at = now()
      WHERE product_id = $1 AND key = $2 AND state = 'started'`,
    [productId, key],
  );
}

/** Notes a movement that did not take place and never will under this key. */
export async function insertRefused(
  session: PoolClient,
  movement: Pick<Movement, 'productId' | 'key' | 'delta' | 'quantityBefore' | 'reason'>,
): Promise<void> {
  await session.query(
    `INSERT INTO product_catalog_movements (product_id, key, delta, quantity_before, state, reason, settled_at)
     VALUES ($1, $2, $3, $4, 'refused', $5, now())`,
    [movement.productId, movement.key, movement.delta, movement.quantityBefore, movement.reason],
  );
}

export async function settle(
  session: PoolClient,
  productId: string,
  key: string,
  state: 'applied' | 'in_doubt',
): Promise<void> {
  await session.query(
    `UPDATE product_catalog_movements SET state = $3, settled_at = now()
      WHERE product_id = $1 AND key = $2 AND state = 'started'`,
    [productId, key, state],
  );
}

/** Deletes a movement whose call certainly never reached the catalog. */
export async function deleteStarted(session: PoolClient, productId: string, key: string): Promise<void> {
  await session.query(
    `DELETE FROM product_catalog_movements WHERE product_id = $1 AND key = $2 AND state = 'started'`,
    [productId, key],
  );
}
