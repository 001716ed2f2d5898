import type { DataSource } from 'typeorm';
import { orderIdOf } from '../../orders/reservation/reservation-id.js';
import { type ReservedLine, StockJournal, type StuckLine } from '../../orders/order.ports.js';
import type { Sql } from '../../platform/database/connection.js';
import { databaseNow } from '../../platform/database/database-clock.js';

interface StuckMovement {
  productId: string;
  key: string;
  since: Date;
}

/** A reservation that a person has resolved, so that the next release knows its outcome. */
const NOT_RESERVED = 'A person found that the units were not reserved';

/** The two movements of a line, under the keys that the catalog's adapter gives them. */
function keysOf({ reservationId, line }: ReservedLine): { reserve: string; release: string } {
  return { reserve: `${reservationId}/${line}/reserve`, release: `${reservationId}/${line}/release` };
}

/** The journal of the catalog's movements, for the people who resolve incidents. */
export class CatalogJournalRepository extends StockJournal {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  override async findStuck(fromOrderId: string, limit: number): Promise<StuckLine[]> {
    const movements = await this.dataSource.query<StuckMovement[]>(
      `SELECT product_id AS "productId", key, coalesce(settled_at, started_at) AS since
       FROM product_catalog_movements WHERE state = 'in_doubt' AND key >= $1 ORDER BY key LIMIT $2`,
      [fromOrderId, limit],
    );
    return movements.map(({ productId, key, since }) => {
      const [reservationId = '', line, direction] = key.split('/');
      const what = direction === 'release' ? 'released' : 'reserved';
      const reason = `product catalog service: its stock of product ${productId} does not show whether the units were ${what}`;
      const orderId = orderIdOf(reservationId);
      return { orderId, reservationId, line: Number(line), productId, reason, since };
    });
  }

  override async resolveStuck(sql: Sql, line: ReservedLine, isHeld: boolean): Promise<boolean> {
    const { reserve, release } = keysOf(line);
    const settled = isHeld
      ? [
          await this.markApplied(sql, line.productId, reserve),
          await this.forget(sql, line.productId, release),
        ]
      : [
          await this.markRefused(sql, line.productId, reserve),
          await this.markApplied(sql, line.productId, release),
        ];
    return settled.some((affected) => affected > 0);
  }

  override async sumTaken(productIds: readonly string[]): Promise<Map<string, number>> {
    const rows = await this.dataSource.query<{ productId: string; taken: number }[]>(
      `SELECT product_id AS "productId", (-sum(delta))::float8 AS taken FROM product_catalog_movements
       WHERE state = 'applied' AND product_id = ANY ($1) GROUP BY product_id`,
      [productIds],
    );
    return new Map(rows.map((row) => [row.productId, row.taken]));
  }

  private async markApplied(sql: Sql, productId: string, key: string): Promise<number> {
    const [, affected] = await sql.query<[unknown, number]>(
      `UPDATE product_catalog_movements SET state = 'applied', settled_at = $3
       WHERE product_id = $1 AND key = $2 AND state = 'in_doubt'`,
      [productId, key, databaseNow()],
    );
    return affected;
  }

  private async markRefused(sql: Sql, productId: string, key: string): Promise<number> {
    const [, affected] = await sql.query<[unknown, number]>(
      `UPDATE product_catalog_movements SET state = 'refused', reason = $3, settled_at = $4
       WHERE product_id = $1 AND key = $2 AND state = 'in_doubt'`,
      [productId, key, NOT_RESERVED, databaseNow()],
    );
    return affected;
  }

  /** Deletes a movement that did not happen, so that it can be made under the same key. */
  private async forget(sql: Sql, productId: string, key: string): Promise<number> {
    const [, affected] = await sql.query<[unknown, number]>(
      `DELETE FROM product_catalog_movements WHERE product_id = $1 AND key = $2 AND state = 'in_doubt'`,
      [productId, key],
    );
    return affected;
  }
}

/** For inventories that need no journal: idempotent ones, and those that can't be asked at all. */
export class NoStockJournal extends StockJournal {
  override findStuck(): Promise<StuckLine[]> {
    return Promise.resolve([]);
  }

  override resolveStuck(): Promise<boolean> {
    return Promise.resolve(false);
  }

  override sumTaken(): Promise<null> {
    return Promise.resolve(null);
  }
}
