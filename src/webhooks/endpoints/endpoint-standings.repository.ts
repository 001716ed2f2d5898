import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { BEGIN_BY_INDEX, queryAtOnce } from '../../platform/database/transaction.js';
import { WEBHOOK_KINDS } from '../webhook-task.js';

/** Tasks are counted so far: a dead endpoint has many more, and a larger number says nothing new. */
export const MAX_COUNTED = 10_000;

/**
 * The same where all endpoints are read again and again, as by each scrape of the metrics and each page of the console: a hundred dead ones cost some tens of
 * milliseconds.
 */
export const MAX_COUNTED_OFTEN = 1_000;

/** What waits for an endpoint. */
export interface EndpointStanding {
  /** Events that wait for an attempt, for a retry, or behind another event of their order. */
  queued: number;
  /** Events that are out of attempts. */
  failed: number;
  /**
   * Since when the oldest event waits that is neither delivered nor out of attempts: since it was queued, or, while an enabled
   * endpoint, or one that is gone, has not read it, since it happened. Null without one.
   */
  oldestAt: Date | null;
}

/** Of an endpoint that has nothing to wait for. */
export const IDLE: EndpointStanding = { queued: 0, failed: 0, oldestAt: null };

/** Tasks of an endpoint `e`. The second condition is that of the index `tasks_of_webhooks`. */
const WAITING = `t.kind = '${WEBHOOK_KINDS}' || e.id AND t.kind LIKE '${WEBHOOK_KINDS}%' AND t.state <> 'dead'`;

/** Whether a person has not disabled the endpoint `e`, so that events that it does not get are a fault. */
const IS_AWAITED = `(e.state = 'enabled' OR e.disabled_reason = 'gone')`;

/**
 * Each count stops at a limit, and the oldest task and the first event behind the cursor are the first entries of an index. Such
 * an event counts before the dispatcher has looked whether it matches.
 */
export const MEASURE = `
SELECT e.id, (
  SELECT count(*)::int FROM (SELECT 1 FROM tasks t WHERE ${WAITING} ORDER BY t.created_at LIMIT $2) waiting
) AS queued, (
  SELECT count(*)::int FROM (
    SELECT 1 FROM tasks t WHERE t.kind = '${WEBHOOK_KINDS}' || e.id AND t.state = 'dead' LIMIT $2
  ) dead
) AS failed, LEAST(
  (SELECT t.created_at FROM tasks t WHERE ${WAITING} ORDER BY t.created_at LIMIT 1),
  CASE WHEN ${IS_AWAITED} THEN (
    SELECT o.occurred_at FROM order_events o WHERE o.feed_no > 0 AND o.feed_no > e.read_until ORDER BY o.feed_no LIMIT 1
  ) END
) AS "oldestAt"
FROM webhook_endpoints e WHERE e.id = ANY ($1)`;

/** Reads what waits for endpoints. Costs the same however many tasks and events there are beyond the counted ones. */
@Injectable()
export class EndpointStandingsRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** All endpoints that are not deleted. */
  async findEndpoints(): Promise<{ id: string; isAwaited: boolean }[]> {
    return this.dataSource.query(
      `SELECT e.id, coalesce(${IS_AWAITED}, false) AS "isAwaited" FROM webhook_endpoints e
       WHERE e.state <> 'deleted' ORDER BY e.id`,
    );
  }

  /** In the order of the ids. @param limit up to which tasks are counted */
  async measure(endpointIds: readonly string[], limit = MAX_COUNTED): Promise<EndpointStanding[]> {
    const statement = { text: MEASURE, values: [endpointIds, limit] };
    const results = await queryAtOnce(this.dataSource, BEGIN_BY_INDEX, [statement]);
    const rows = results.flatMap((result) => result.rows as (EndpointStanding & { id: string })[]);
    const standings = new Map(rows.map(({ id, ...standing }) => [id, standing]));
    return endpointIds.map((id) => standings.get(id) ?? IDLE);
  }
}
