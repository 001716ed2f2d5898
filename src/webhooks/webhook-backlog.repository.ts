import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { BEGIN_BY_INDEX, queryAtOnce } from '../platform/database/transaction.js';
import { WEBHOOK_KINDS } from './webhook-task.js';

/** How many endpoints there can be. */
export const MAX_ENDPOINTS = 100;

/** What an endpoint has not received. */
export interface WebhookBacklog {
  endpointId: string;
  isEnabled: boolean;
  /** Queued events, counted up to the limit. */
  waiting: number;
  /** Events out of attempts, counted up to the limit. */
  failed: number;
  /** When the oldest event that is neither delivered nor out of attempts was queued, or happened if it is not queued. */
  oldest: Date | null;
}

/**
 * The cost does not grow with the number of tasks and events: each count stops at a limit, and the oldest task and the first
 * event behind the cursor are the first entries of an index. An event behind the cursor counts before the dispatcher has
 * looked whether it matches.
 */
export const MEASURE = `
SELECT e.id AS "endpointId", e.state = 'enabled' AS "isEnabled", waiting.count AS waiting, failed.count AS failed,
  LEAST(queued.at, unread.at) AS oldest
FROM webhook_endpoints e CROSS JOIN LATERAL (
  SELECT count(*)::int AS count FROM (
    SELECT 1 FROM tasks t WHERE t.kind = '${WEBHOOK_KINDS}' || e.id AND t.kind LIKE '${WEBHOOK_KINDS}%'
      AND t.state <> 'dead' ORDER BY t.created_at LIMIT $1
  ) some
) waiting CROSS JOIN LATERAL (
  SELECT count(*)::int AS count FROM (
    SELECT 1 FROM tasks t WHERE t.kind = '${WEBHOOK_KINDS}' || e.id AND t.state = 'dead' LIMIT $1
  ) some
) failed CROSS JOIN LATERAL (
  SELECT (
    SELECT t.created_at FROM tasks t WHERE t.kind = '${WEBHOOK_KINDS}' || e.id AND t.kind LIKE '${WEBHOOK_KINDS}%'
      AND t.state <> 'dead' ORDER BY t.created_at LIMIT 1
  ) AS at
) queued CROSS JOIN LATERAL (
  SELECT (
    SELECT o.occurred_at FROM order_events o WHERE o.feed_no > 0 AND o.feed_no > e.read_until ORDER BY o.feed_no LIMIT 1
  ) AS at
) unread
WHERE e.state <> 'deleted' ORDER BY e.id LIMIT ${MAX_ENDPOINTS}`;

/** Reads of what endpoints have not received. */
@Injectable()
export class WebhookBacklogRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** All endpoints that are not deleted. */
  async findEndpointIds(): Promise<string[]> {
    const rows = await this.dataSource.query<{ id: string }[]>(
      `SELECT id FROM webhook_endpoints WHERE state <> 'deleted' ORDER BY id LIMIT ${MAX_ENDPOINTS}`,
    );
    return rows.map(({ id }) => id);
  }

  /** @param limit up to which tasks are counted */
  async measure(limit: number): Promise<WebhookBacklog[]> {
    const results = await queryAtOnce(this.dataSource, BEGIN_BY_INDEX, [{ text: MEASURE, values: [limit] }]);
    return results.flatMap(({ rows }) => rows as WebhookBacklog[]);
  }
}
