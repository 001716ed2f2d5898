import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { feedTypeOf, KIND_OF_EVENT, kindsOf } from '../../events/event-type.js';
import type { OrderEventType } from '../../orders/order-event.entity.js';
import type { OrderStatus } from '../../orders/order-status.js';
import { reachPausePoint } from '../../pause-points/pause-points.js';
import { MultiRowStatement } from '../../platform/database/batching/multi-row-statement.js';
import { runAll, type Sql } from '../../platform/database/connection.js';
import { inUntracedTransaction } from '../../platform/database/transaction.js';
import { newTask, type NewTask } from '../../tasks/task-kind.js';
import { type PreparedTasks, Tasks } from '../../tasks/tasks.service.js';
import { webhookKind } from '../webhook-task.js';
import type { Cursor, CursorGroup } from './cursor-groups.js';

/** Tasks of one transaction, about 30 ms: other transactions on their orders and endpoints wait no longer. */
export const MAX_TASKS = 1_000;

/** Events that one transaction looks at: a filter that few of them pass would otherwise read the whole feed. Some 50 ms. */
export const MAX_SCANNED = 50_000;

/**
 * Tasks of one endpoint that are ready at most. More of them would make the table grow with each endpoint that is down; the
 * events stay in the feed, where they are anyway.
 */
export const MAX_WAITING = 10_000;

/**
 * The same of an endpoint with a replay, for the replay: new events find a place at once, and wait for no more than these. A replay
 * that was cancelled sends no more than these.
 */
export const REPLAY_WINDOW = 2_000;

/** From so many ready tasks on, an endpoint gets no batch. */
const FULL_AT: Record<Cursor, number> = { feed: MAX_WAITING, replay: REPLAY_WINDOW - MAX_TASKS };

/** What a batch has left. */
export interface Batch {
  /** Whether more events may wait for these endpoints. */
  isMore: boolean;
  /** Endpoints that have as many tasks as this cursor may give them. */
  full: string[];
}

/** An endpoint whose row this transaction has locked. */
interface LockedEndpoint {
  id: string;
  eventTypes: string[] | null;
  lastMatched: string | null;
}

interface QueuedEvent {
  feedNo: number;
  orderId: string;
  seq: number;
  type: OrderEventType;
  toStatus: OrderStatus | null;
}

/** Events that follow a cursor and match one of the endpoints. */
interface Page {
  events: QueuedEvent[];
  /** No event up to it is missing. */
  readUntil: number;
  /** Number of the last event that there is for the cursor. */
  end: number;
}

/** What a batch queues for one endpoint. */
interface Queue {
  id: string;
  tasks: NewTask[];
  lastMatched: number | null;
}

type PageRow = { end: string } & ({ feedNo: null } | (Omit<QueuedEvent, 'feedNo'> & { feedNo: string }));

/**
 * The cursor is compared again, because another instance may have moved it. A row that it has locked is skipped: that
 * instance does the work.
 */
const lockEndpoints = (readUntil: string, lastMatched: string): string => `
SELECT w.id, w.event_types AS "eventTypes", w.${lastMatched}::text AS "lastMatched"
FROM webhook_endpoints w WHERE w.id = ANY ($1::uuid[]) AND w.state = 'enabled' AND w.${readUntil} = $2
FOR NO KEY UPDATE SKIP LOCKED`;

const LOCK: Record<Cursor, string> = {
  feed: lockEndpoints('read_until', 'last_matched'),
  replay: lockEndpoints('replay_read_until', 'replay_last_matched'),
};

/** Kinds that have as many ready tasks as they may have. */
const FIND_FULL = new MultiRowStatement(
  '(?::text, ?::integer)',
  (rows) => `
SELECT wanted.kind FROM (VALUES ${rows}) AS wanted (kind, full_at) CROSS JOIN LATERAL (
  SELECT 1 FROM tasks t WHERE t.kind = wanted.kind AND t.state = 'ready' OFFSET wanted.full_at - 1 LIMIT 1
) last`,
);

/**
 * What a person has decided about a delivery is no event for endpoints: each decision about a dead one would be one more event that
 * it does not accept.
 */
const IS_ABOUT_DELIVERY = `e.type = 'incident_settled' AND e.data->>'kind' = 'webhook_failed'`;

/** Not beyond the end of the feed in the same snapshot: after a failover the feed may be shorter than it was. */
const READ = `SELECT feed.last::text AS end, page.*
FROM (SELECT least($2::bigint, last_no) AS last FROM event_feed) feed LEFT JOIN LATERAL (
  SELECT e.feed_no::text AS "feedNo", e.order_id AS "orderId", e.seq, e.type, e.to_status AS "toStatus"
  FROM order_events e
  WHERE e.feed_no > 0 AND e.feed_no > $1 AND e.feed_no <= least(feed.last, $3::bigint)
    AND ($4::text[] IS NULL OR ${KIND_OF_EVENT} = ANY ($4)) AND (${IS_ABOUT_DELIVERY}) IS NOT TRUE
  ORDER BY e.feed_no LIMIT $5
) page ON true`;

const MOVED = '(?::uuid, ?::bigint, ?::bigint)';

const MOVE: Record<Cursor, MultiRowStatement> = {
  feed: new MultiRowStatement(
    MOVED,
    (rows) => `
UPDATE webhook_endpoints w SET read_until = m.read_until, last_matched = m.last_matched
FROM (VALUES ${rows}) AS m (id, read_until, last_matched) WHERE w.id = m.id`,
  ),
  // A replay that is complete leaves nothing.
  replay: new MultiRowStatement(
    MOVED,
    (rows) => `
UPDATE webhook_endpoints w SET replay_after = CASE WHEN m.is_left THEN w.replay_after END,
  replay_read_until = CASE WHEN m.is_left THEN m.read_until END,
  replay_until = CASE WHEN m.is_left THEN w.replay_until END,
  replay_last_matched = CASE WHEN m.is_left THEN m.last_matched END
FROM (
  SELECT v.*, v.read_until < r.replay_until AS is_left
  FROM (VALUES ${rows}) AS v (id, read_until, last_matched) JOIN webhook_endpoints r ON r.id = v.id
) m WHERE w.id = m.id`,
  ),
};

/** Queues the events of the feed as tasks of the endpoints that they match. */
@Injectable()
export class DispatchRepository {
  constructor(
    private readonly dataSource: DataSource,
    private readonly tasks: Tasks,
  ) {}

  /**
   * Queues the next events for a group in one short transaction, which also moves the cursors: each event is queued exactly
   * once.
   */
  async queueNext(group: CursorGroup): Promise<Batch> {
    const prepared: PreparedTasks[] = [];
    try {
      const batch = await inUntracedTransaction(this.dataSource, async (transaction) => {
        // After a deadlock the transaction runs again.
        for (const tasks of prepared.splice(0)) tasks.abandon();
        return this.queueIn(transaction, group, prepared);
      });
      for (const tasks of prepared.splice(0)) tasks.start();
      return batch;
    } finally {
      for (const tasks of prepared) tasks.abandon();
    }
  }

  /** @param prepared receives the tasks, to be started after the commit */
  private async queueIn(transaction: Sql, group: CursorGroup, prepared: PreparedTasks[]): Promise<Batch> {
    const { endpoints, full } = await this.lock(transaction, group);
    if (endpoints.length === 0) return { isMore: false, full };
    const page = await this.read(transaction, group, endpoints);
    const { queues, readUntil } = queuesOf(endpoints, page);
    const tasks = queues.flatMap((queue) => queue.tasks);
    if (tasks.length > 0) prepared.push(await this.tasks.insertLeased(transaction, tasks));
    await reachPausePoint('webhook.inside-dispatch');
    const moved = queues.map(({ id, lastMatched }) => [id, readUntil, lastMatched]);
    await runAll(transaction, MOVE[group.cursor].of(moved));
    return { isMore: readUntil < page.end, full };
  }

  /** @returns the endpoints that this transaction has locked, and which of the group are full */
  private async lock(
    transaction: Sql,
    { cursor, endpointIds, after }: CursorGroup,
  ): Promise<{ endpoints: LockedEndpoint[]; full: string[] }> {
    const counts = FIND_FULL.of(endpointIds.map((id) => [webhookKind(id).name, FULL_AT[cursor]]));
    const [, locked, ...found] = await Promise.all([
      transaction.query('SET LOCAL enable_seqscan = off'),
      transaction.query<LockedEndpoint[]>(LOCK[cursor], [endpointIds, after]),
      ...counts.map(({ text, values }) => transaction.query<{ kind: string }[]>(text, values)),
    ]);
    const kinds = new Set(found.flat().map(({ kind }) => kind));
    const isFull = (id: string): boolean => kinds.has(webhookKind(id).name);
    return { endpoints: locked.filter(({ id }) => !isFull(id)), full: endpointIds.filter(isFull) };
  }

  private async read(
    transaction: Sql,
    { after, until }: CursorGroup,
    endpoints: readonly LockedEndpoint[],
  ): Promise<Page> {
    const forAll = endpoints.filter(({ eventTypes }) => eventTypes === null).length;
    const limit = Math.ceil(MAX_TASKS / Math.max(1, forAll));
    const scanUntil = after + MAX_SCANNED;
    const kinds = wantedKinds(endpoints);
    const rows = await transaction.query<PageRow[]>(READ, [after, until, scanUntil, kinds, limit]);
    const events = rows.flatMap((row) =>
      row.feedNo === null ? [] : [{ ...row, feedNo: Number(row.feedNo) }],
    );
    const end = Math.max(after, Number(rows[0]?.end ?? after));
    const last = events.length === limit ? events.at(-1)?.feedNo : undefined;
    return { events, readUntil: last ?? Math.min(end, scanUntil), end };
  }
}

/** Types that one of the endpoints wants, as `kindsOf` has them; null for all. */
function wantedKinds(endpoints: readonly LockedEndpoint[]): string[] | null {
  const types = endpoints.flatMap(({ eventTypes }) => (eventTypes === null ? [] : [eventTypes]));
  return types.length < endpoints.length ? null : kindsOf([...new Set(types.flat())]);
}

/** The tasks of each endpoint, up to the event with which they are enough. Each names the event before it that matched. */
function queuesOf(endpoints: readonly LockedEndpoint[], page: Page): { queues: Queue[]; readUntil: number } {
  const queues = endpoints.map(({ id, eventTypes, lastMatched }) => ({
    id,
    kind: webhookKind(id),
    types: eventTypes && new Set(eventTypes),
    tasks: [] as NewTask[],
    lastMatched: lastMatched === null ? null : Number(lastMatched),
  }));
  let count = 0;
  for (const event of page.events) {
    const { orderId, seq, feedNo } = event;
    const type = feedTypeOf(event);
    for (const queue of queues.filter(({ types }) => types?.has(type) !== false)) {
      queue.tasks.push(newTask(queue.kind, orderId, seq, { feedNo, previousFeedNo: queue.lastMatched }));
      queue.lastMatched = feedNo;
      count += 1;
    }
    if (count >= MAX_TASKS) return { queues, readUntil: feedNo };
  }
  return { queues, readUntil: page.readUntil };
}
