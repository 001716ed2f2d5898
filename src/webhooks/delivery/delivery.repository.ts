import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { EVENT, type FeedEvent } from '../../events/event-feed.repository.js';
import { Batcher, type Entry } from '../../platform/database/batching/batcher.js';
import { MultiRowStatement } from '../../platform/database/batching/multi-row-statement.js';
import { PointReads } from '../../platform/database/batching/point-reads.js';
import type { Statement } from '../../platform/database/statement-message.js';
import { BEGIN_BY_INDEX, queryAtOnce } from '../../platform/database/transaction.js';
import type { LeasedTask } from '../../tasks/task-kind.js';
import type { WebhookDelivery } from '../webhook-delivery.entity.js';
import { ANSWERS_LOCK, REMOVAL_LOCK } from '../history/webhook-history.repository.js';
import type { WebhookEndpoint } from '../webhook-endpoint.entity.js';

/** An event as it is delivered. */
export type DeliveredEvent = Omit<FeedEvent, 'customerId'>;

/** A delivery after an attempt. */
export interface RecordedDelivery extends WebhookDelivery {
  /** Version of the order that was sent. */
  orderVersion: number;
}

/** Names an event. */
type EventKey = Pick<DeliveredEvent, 'orderId' | 'seq'>;

/** The state of an endpoint, and the end of the feed. */
export interface EndpointRow extends Omit<
  WebhookEndpoint,
  'description' | 'disabledReason' | 'disabledAt' | 'replayAfter' | 'createdAt'
> {
  lastNo: string;
}

/** Events that are read together: as many as an endpoint gets at a time. */
const EVENTS_OF_READ = 64;

/** Concurrent reads. A slow one does not block the others. */
const READS = 2;

const FIND_EVENTS = `SELECT w.position::int AS position, event.*
FROM unnest($1::uuid[], $2::integer[]) WITH ORDINALITY AS w (order_id, seq, position) CROSS JOIN LATERAL (
  SELECT ${EVENT} FROM order_events e WHERE e.order_id = w.order_id AND e.seq = w.seq LIMIT 1
) event`;

const LIST_ENDPOINTS = `SELECT w.id, w.url, w.event_types AS "eventTypes", w.state, w.secrets,
  w.read_until::text AS "readUntil", w.last_matched::text AS "lastMatched",
  w.replay_read_until::text AS "replayReadUntil", w.replay_until::text AS "replayUntil",
  w.replay_last_matched::text AS "replayLastMatched", w.updated_at AS "updatedAt", f.last_no::text AS "lastNo"
FROM webhook_endpoints w CROSS JOIN event_feed f WHERE w.state <> 'deleted'`;

const lockShared = (key: number): string => `SELECT pg_advisory_xact_lock_shared(${key}, lock) FROM (
  SELECT DISTINCT hashtext(id) AS lock FROM unnest($1::text[]) AS id ORDER BY lock
) locks`;

/** Wait for an erasure of personal data, and for a removal of an endpoint, which then are visible to the statements after them. */
const LOCK_ANSWERS = lockShared(ANSWERS_LOCK);
const LOCK_ENDPOINTS = lockShared(REMOVAL_LOCK);

/**
 * Nothing of a deleted endpoint is recorded. The answer to an order that was erased after it was sent may repeat what was sent. A
 * record that is late changes nothing after one of a later attempt.
 */
const RECORD = new MultiRowStatement(
  `(?::uuid, ?::uuid, ?::integer, ?::bigint, ?::text, ?::integer, ?::integer, ?::integer, ?::text, ?::text, ?::timestamptz,
    ?::integer)`,
  (rows) => `
INSERT INTO webhook_deliveries
  (order_id, endpoint_id, seq, feed_no, state, attempts, status, duration_ms, answer, error, attempted_at)
SELECT order_id, endpoint_id, seq, feed_no, state, attempts, status, duration_ms, CASE WHEN NOT EXISTS (
  SELECT 1 FROM order_events e WHERE e.order_id = d.order_id AND e.seq > d.order_version AND e.type = 'personal_data_erased'
) THEN answer END, error, attempted_at
FROM (VALUES ${rows}) AS d (order_id, endpoint_id, seq, feed_no, state, attempts, status, duration_ms, answer, error,
  attempted_at, order_version)
WHERE EXISTS (SELECT 1 FROM webhook_endpoints w WHERE w.id = d.endpoint_id AND w.state <> 'deleted')
ON CONFLICT (order_id, endpoint_id, seq) DO UPDATE SET feed_no = excluded.feed_no, state = excluded.state,
  attempts = excluded.attempts, status = excluded.status, duration_ms = excluded.duration_ms,
  answer = excluded.answer, error = excluded.error, attempted_at = excluded.attempted_at
WHERE webhook_deliveries.attempted_at <= excluded.attempted_at`,
);

/** A process that died in the last attempt has recorded none of it. The task is compared, because its lease may have been lost. */
const MARK_FAILED = new MultiRowStatement(
  '(?::uuid, ?::uuid, ?::integer, ?::text)',
  (rows) => `
UPDATE webhook_deliveries d SET state = 'failed' FROM (VALUES ${rows}) AS v (order_id, endpoint_id, seq, lane)
WHERE d.order_id = v.order_id AND d.endpoint_id = v.endpoint_id AND d.seq = v.seq AND d.state = 'retrying' AND EXISTS (
  SELECT 1 FROM tasks t WHERE t.order_id = v.order_id AND t.lane = v.lane AND t.seq = v.seq AND t.state = 'dead'
)`,
);

/**
 * The record of an attempt does not wait for the disk. PostgreSQL writes commits to the disk in their order, so the end of the task,
 * which is committed later and waited for, takes the record along; without it the attempt is repeated and recorded again.
 */
const BEGIN_RECORD: readonly Statement[] = [
  ...BEGIN_BY_INDEX,
  { text: 'SET LOCAL synchronous_commit = off', values: [] },
];

/** The statements of deliveries. */
@Injectable()
export class DeliveryRepository {
  private readonly events = new Batcher<EventKey, DeliveredEvent | undefined>(
    (wanted) => this.findEvents(wanted),
    EVENTS_OF_READ,
    READS,
  );

  constructor(
    private readonly dataSource: DataSource,
    private readonly reads: PointReads,
  ) {}

  /** Every endpoint that is not deleted. One small statement, which every instance repeats all the time. */
  async listEndpoints(): Promise<EndpointRow[]> {
    return this.dataSource.query<EndpointRow[]>(LIST_ENDPOINTS);
  }

  /** @returns undefined for an event that was deleted with its order */
  async findEvent(orderId: string, seq: number): Promise<DeliveredEvent | undefined> {
    return this.events.add({ orderId, seq });
  }

  /** Stores the last attempt at each event. */
  async record(deliveries: readonly RecordedDelivery[]): Promise<void> {
    const rows = deliveries.map((one) => [
      one.orderId,
      one.endpointId,
      one.seq,
      one.feedNo,
      one.state,
      one.attempts,
      one.status,
      one.durationMs,
      one.answer,
      one.error,
      one.attemptedAt,
      one.orderVersion,
    ]);
    const locks = [
      { text: LOCK_ANSWERS, values: [deliveries.map(({ orderId }) => orderId)] },
      { text: LOCK_ENDPOINTS, values: [deliveries.map(({ endpointId }) => endpointId)] },
    ];
    await queryAtOnce(this.dataSource, BEGIN_RECORD, [...locks, ...RECORD.of(rows)]);
  }

  /** Deliveries whose tasks are dead. */
  markFailed(
    endpointId: string,
    deliveries: readonly Pick<LeasedTask, 'orderId' | 'seq' | 'lane'>[],
  ): Statement[] {
    return MARK_FAILED.of(deliveries.map(({ orderId, seq, lane }) => [orderId, endpointId, seq, lane]));
  }

  /** @returns whether it was this call that disabled the endpoint, and its URL is still the one that was called */
  async disableAsGone({ id, url }: Pick<WebhookEndpoint, 'id' | 'url'>, at: Date): Promise<boolean> {
    const [, affected] = await this.dataSource.query<[unknown, number]>(
      `UPDATE webhook_endpoints SET state = 'disabled', disabled_reason = 'gone', disabled_at = $3, updated_at = $3
       WHERE id = $1 AND url = $2 AND state = 'enabled'`,
      [id, url, at],
    );
    return affected === 1;
  }

  private async findEvents(wanted: readonly Entry<EventKey, DeliveredEvent | undefined>[]): Promise<void> {
    type Row = Omit<DeliveredEvent, 'feedNo'> & { feedNo: string; position: number };
    const rows = await this.reads.query<Row[]>(FIND_EVENTS, [
      wanted.map(({ item }) => item.orderId),
      wanted.map(({ item }) => item.seq),
    ]);
    const found = new Map(
      rows.map(({ position, ...row }) => [position, { ...row, feedNo: Number(row.feedNo) }]),
    );
    for (const [index, { resolve }] of wanted.entries()) resolve(found.get(index + 1));
  }
}
