import { EXAMPLE_ORDER, ORDER } from '../../orders/dto/orders.openapi.js';
import { FeedResponse } from './feed.response.js';

const EVENT = {
  feed_no: 4711,
  id: `${EXAMPLE_ORDER}/2`,
  type: 'order.confirmed',
  time: ORDER.updated_at,
  order_id: EXAMPLE_ORDER,
  version: 2,
  data: { from: 'pending', to: 'confirmed', actor: 'placement', reason: null, details: null },
  order: ORDER,
};

export const FEED = {
  status: 200,
  description: 'The next events; none at the end of the feed.',
  type: FeedResponse,
  example: {
    events: [EVENT],
    next_after: 4711,
    last_feed_no: 4711,
    is_complete: true,
    numbered_until: null,
  },
};
