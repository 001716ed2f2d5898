import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { NOT_LIVE } from '../../orders/order-status.js';
import type { Baseline, Books } from './drift.js';

/** Results of the last reports, over all products. */
export interface DriftSummary {
  surplus: number;
  missing: number;
  /** When a product was last looked at; null if none ever was. */
  checkedAt: Date | null;
}

/** The stored result of a report on one product. */
export interface DriftRow {
  productId: string;
  baseline: Baseline;
  quantity: number | null;
  drift: number;
}

/** The statements of the drift report, on its own table and on those of orders. */
@Injectable()
export class DriftRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** The products of orders from an id on, which is a time of placement. */
  async findProducts(fromOrderId: string): Promise<string[]> {
    const rows = await this.dataSource.query<{ id: string }[]>(
      `SELECT DISTINCT product_id AS id FROM order_items WHERE order_id >= $1 ORDER BY product_id`,
      [fromOrderId],
    );
    return rows.map((row) => row.id);
  }

  async sumBooks(productIds: readonly string[]): Promise<Map<string, Books>> {
    const rows = await this.dataSource.query<(Books & { productId: string })[]>(
      `SELECT i.product_id AS "productId",
         coalesce(sum(i.quantity) FILTER (WHERE o.status NOT IN ('pending', ${NOT_LIVE})), 0)::float8
           AS sold,
         coalesce(sum(i.quantity) FILTER (WHERE o.status NOT IN (${NOT_LIVE})
           OR i.reservation <> 'released'), 0)::float8 AS held
       FROM order_items i JOIN orders o ON o.id = i.order_id
       WHERE i.product_id = ANY ($1) GROUP BY i.product_id`,
      [productIds],
    );
    return new Map(rows.map(({ productId, sold, held }) => [productId, { sold, held }]));
  }

  /** Units that incidents were written off for since the baseline, although the inventory may still hold them. */
  async sumWrittenOff(productIds: readonly string[]): Promise<Map<string, number>> {
    const rows = await this.dataSource.query<{ productId: string; units: number }[]>(
      `SELECT i.product_id AS "productId", sum(i.quantity)::float8 AS units
       FROM order_items i JOIN orders o ON o.id = i.order_id JOIN order_events e ON e.order_id = o.id
         JOIN stock_drift d ON d.product_id = i.product_id
       WHERE i.product_id = ANY ($1) AND o.status IN (${NOT_LIVE})
         AND e.type = 'incident_settled' AND e.occurred_at > d.baseline_at
         AND e.data->'units_perhaps_held' @> jsonb_build_array(jsonb_build_object('line', i.id))
       GROUP BY i.product_id`,
      [productIds],
    );
    return new Map(rows.map(({ productId, units }) => [productId, units]));
  }

  async findBaselines(productIds: readonly string[]): Promise<Map<string, Baseline>> {
    const rows = await this.dataSource.query<(Baseline & { productId: string })[]>(
      `SELECT product_id AS "productId", baseline_quantity::float8 AS quantity, baseline_sold::float8 AS sold,
         baseline_held::float8 AS held, baseline_at AS at
       FROM stock_drift WHERE product_id = ANY ($1)`,
      [productIds],
    );
    return new Map(rows.map(({ productId, ...baseline }) => [productId, baseline]));
  }

  async save({ productId, baseline, quantity, drift }: DriftRow, checkedAt: Date): Promise<void> {
    await this.dataSource.query(
      `INSERT INTO stock_drift (product_id, baseline_quantity, baseline_sold, baseline_held, baseline_at, quantity,
         drift, checked_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
       ON CONFLICT (product_id) DO UPDATE SET baseline_quantity = excluded.baseline_quantity,
         baseline_sold = excluded.baseline_sold, baseline_held = excluded.baseline_held,
         baseline_at = excluded.baseline_at, quantity = excluded.quantity, drift = excluded.drift,
         checked_at = excluded.checked_at`,
      [productId, baseline.quantity, baseline.sold, baseline.held, baseline.at, quantity, drift, checkedAt],
    );
  }

  async summarise(): Promise<DriftSummary> {
    const [row] = await this.dataSource.query<DriftSummary[]>(
      `SELECT (SELECT coalesce(sum(drift) FILTER (WHERE drift > 0), 0)::float8 FROM stock_drift WHERE drift <> 0)
           AS surplus,
         (SELECT coalesce(-sum(drift) FILTER (WHERE drift < 0), 0)::float8 FROM stock_drift WHERE drift <> 0)
           AS missing,
         (SELECT max(checked_at) FROM stock_drift) AS "checkedAt"`,
    );
    return row ?? { surplus: 0, missing: 0, checkedAt: null };
  }
}
