import { Injectable } from '@nestjs/common';
import type { Sql } from '../../platform/database/connection.js';
import type { DeliveryState } from '../webhook-delivery.entity.js';

/**
 * First key of the advisory locks by which an answer that is being recorded and the erasure of its order wait for each other;
 * the second is the hash of the order's id. A row that is not committed yet can not be locked.
 */
export const ANSWERS_LOCK = 19;

/**
 * First key of the advisory locks by which an answer that is being recorded and the removal of its endpoint wait for each other; the
 * second is the hash of the endpoint's id. A record that commits after the removal would stay.
 */
export const REMOVAL_LOCK = 20;

/** A delivery that has been attempted. */
export interface AttemptedDelivery {
  orderId: string;
  endpointId: string;
  seq: number;
}

/** Changes to the history of deliveries by people. */
@Injectable()
export class WebhookHistoryRepository {
  /** What a person has decided about a delivery. One that is no longer in the history changes nothing. */
  async setState(
    sql: Sql,
    { orderId, endpointId, seq }: AttemptedDelivery,
    state: DeliveryState,
  ): Promise<void> {
    await sql.query(
      `UPDATE webhook_deliveries SET state = $4 WHERE order_id = $1 AND endpoint_id = $2 AND seq = $3`,
      [orderId, endpointId, seq, state],
    );
  }
}
