import { describe, expect, it } from '@jest/globals';
import { ID, orderOf, TIME } from '../support/exported-orders.js';
import type { DeliveredEvent } from '../../src/webhooks/delivery/delivery.repository.js';
import { MAX_BODY_BYTES, webhookBody } from '../../src/webhooks/delivery/webhook-body.js';

const EVENT: DeliveredEvent = {
  feedNo: 4_711,
  orderId: ID,
  seq: 2,
  type: 'status_changed',
  fromStatus: 'pending',
  toStatus: 'confirmed',
  actor: 'placement',
  reason: null,
  data: null,
  occurredAt: TIME,
};

const orderWith = (note: string) =>
  orderOf({ lines: [{ quantity: 1, price: '9.99' }], charges: [] }, { note });

describe('the body of a delivery', () => {
  it('is the event as in the feed, with the number of the event before and the order', () => {
    const body = webhookBody(EVENT, 4_700, orderWith('Ring twice'));
    expect(Object.keys(JSON.parse(body))).toEqual([
      'feed_no',
      'previous_feed_no',
      'id',
      'type',
      'time',
      'order_id',
      'version',
      'data',
      'order',
    ]);
    expect(JSON.parse(body)).toMatchObject({
      feed_no: 4_711,
      previous_feed_no: 4_700,
      id: `${ID}/2`,
      type: 'order.confirmed',
      order_id: ID,
      order: { order_id: ID, note: 'Ring twice' },
    });
  });

  it('has no order where that would make it larger than 256 kB, counted in bytes', () => {
    const rest = Buffer.byteLength(webhookBody(EVENT, null, orderWith('')));
    const most = '€'.repeat(Math.floor((MAX_BODY_BYTES - rest) / 3));
    expect(JSON.parse(webhookBody(EVENT, null, orderWith(most)))).toHaveProperty('order');
    const larger = JSON.parse(webhookBody(EVENT, null, orderWith(`${most}€`)));
    expect(larger).toMatchObject({ feed_no: 4_711, order_omitted: true });
    expect(larger).not.toHaveProperty('order');
  });
});
