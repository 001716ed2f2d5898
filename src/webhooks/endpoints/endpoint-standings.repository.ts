import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { BEGIN_BY_INDEX, queryAtOnce } from '../../platform/database/transaction.js';
import { webhookKind } from '../webhook-task.js';

/** Tasks are counted so far: a dead endpoint has many more, and a larger number says nothing new. */
export const MAX_COUNTED = 10_000;

/** What waits for an endpoint. */
export interface EndpointStanding {
  /** Events that wait for an attempt, for a retry, or behind another event of their order. */
  queued: number;
  /** Events that are out of attempts. */
  failed: number;
  /** Since when the oldest event waits that was not delivered; null without one. */
  oldestQueuedAt: Date | null;
}

/** Of an endpoint without tasks. */
export const IDLE: EndpointStanding = { queued: 0, failed: 0, oldestQueuedAt: null };

/** The first task of a lane is never blocked, so the indexes of ready and dead tasks find every lane of a kind. */
const MEASURE = `
WITH heads AS MATERIALIZED (
  (SELECT order_id, state, created_at FROM tasks WHERE kind = $1 AND state = 'ready' ORDER BY run_at LIMIT ${MAX_COUNTED})
  UNION ALL
  (SELECT order_id, state, created_at FROM tasks WHERE kind = $1 AND state = 'dead' ORDER BY order_id LIMIT ${MAX_COUNTED})
)
SELECT (
  SELECT count(*)::int FROM (
    SELECT 1 FROM heads h CROSS JOIN LATERAL (
      SELECT 1 FROM tasks t WHERE t.order_id = h.order_id AND t.lane = $2 AND t.state <> 'dead' OFFSET 0
    ) waiting LIMIT ${MAX_COUNTED}
  ) counted
) AS queued, (SELECT count(*)::int FROM heads WHERE state = 'dead') AS failed,
(SELECT min(created_at) FROM heads) AS "oldestQueuedAt"`;

/** Reads what waits for endpoints. Costs the same however many tasks there are beyond the counted ones. */
@Injectable()
export class EndpointStandingsRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** In the order of the ids. */
  async measure(endpointIds: readonly string[]): Promise<EndpointStanding[]> {
    const statements = endpointIds.map((id) => {
      const { name, lane } = webhookKind(id);
      return { text: MEASURE, values: [name, lane] };
    });
    const results = await queryAtOnce(this.dataSource, BEGIN_BY_INDEX, statements);
    return results.map(({ rows }) => (rows as EndpointStanding[])[0] ?? IDLE);
  }
}
