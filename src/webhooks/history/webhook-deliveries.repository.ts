import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { OrderEventType } from '../../orders/order-event.entity.js';
import type { OrderStatus } from '../../orders/order-status.js';
import type { DeliveryPlace } from './delivery-cursor.js';
import type { DeliveryState, WebhookDelivery } from '../webhook-delivery.entity.js';

/** A delivery with what its event was. */
export interface ListedDelivery extends Omit<WebhookDelivery, 'endpointId'>, DeliveryPlace {
  /** Null when the event was deleted with its order. */
  type: OrderEventType | null;
  toStatus: OrderStatus | null;
}

/** Reads what was sent to an endpoint. */
@Injectable()
export class WebhookDeliveriesRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** The deliveries with the newest attempts first. */
  async findPage(
    endpointId: string,
    state: DeliveryState | undefined,
    after: DeliveryPlace | undefined,
    limit: number,
  ): Promise<ListedDelivery[]> {
    return this.dataSource.query<ListedDelivery[]>(
      `SELECT d.order_id AS "orderId", d.seq, d.feed_no::text AS "feedNo", d.state, d.attempts, d.status,
         d.duration_ms AS "durationMs", d.answer, d.error, d.attempted_at AS "attemptedAt",
         (extract(epoch FROM d.attempted_at) * 1000000)::bigint::text AS "attemptedAtUs", e.type, e.to_status AS "toStatus"
       FROM webhook_deliveries d LEFT JOIN order_events e ON e.order_id = d.order_id AND e.seq = d.seq
       WHERE d.endpoint_id = $1 AND ($2::text IS NULL OR d.state = $2) AND ($3::bigint IS NULL
         OR (d.attempted_at, d.order_id, d.seq)
           < (timestamptz 'epoch' + $3::bigint * interval '1 microsecond', $4::uuid, $5::integer))
       ORDER BY d.attempted_at DESC, d.order_id DESC, d.seq DESC LIMIT $6`,
      [endpointId, state, after?.attemptedAtUs, after?.orderId, after?.seq, limit],
    );
  }
}
