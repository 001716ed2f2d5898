import { getSchemaPath, type OpenAPIObject } from '@nestjs/swagger';
import { FEED_EVENT_TYPES } from '../../events/event-type.js';
import type { OrderResponse } from '../../orders/dto/order.response.js';
import { EXAMPLE_ID, EXAMPLE_TIME } from '../../platform/http/fields.openapi.js';
import { TEST_TYPE, testEvent } from '../webhook-test-call.js';
import { WebhookEvent, WebhookTestEvent } from './webhook-event.js';

/** The bodies of deliveries. */
export const WEBHOOK_BODIES = [WebhookEvent, WebhookTestEvent];

type Webhooks = NonNullable<OpenAPIObject['webhooks']>;

/** The data of an example, and what it changes in the order. */
interface Example {
  summary: string;
  data: { from?: string; to?: string; actor: string; reason?: string; details?: object };
}

/** A change of status of the example. */
const change = (summary: string, from: string, to: string, actor: string, reason?: string): Example => ({
  summary,
  data: { from, to, actor, ...(reason !== undefined && { reason }) },
});

const RELEASE = { operation: 'release', lines: { released: 1 }, attempts: { '2xx': 1 }, duration_ms: 9 };

const WAREHOUSE = 'key:warehouse';
const CHECKOUT = 'key:checkout';

/** An example of each type of event. A test compares the types with those of the feed. */
const EXAMPLES: Record<string, Example> = {
  'order.placed': {
    summary: 'An order was placed',
    data: { to: 'pending', actor: 'anonymous' },
  },
  'order.reserved': change(
    'The stock of an order is held for its payment',
    'pending',
    'reserved',
    'placement',
  ),
  'order.expired': change('The hold of an order has expired', 'reserved', 'expired', 'hold-expiry'),
  'order.hold_extended': {
    summary: 'The hold of an order was extended',
    data: { actor: CHECKOUT, details: { expires_at: EXAMPLE_TIME } },
  },
  'order.payment_recorded': {
    summary: 'A payment of an order was reported',
    data: {
      actor: CHECKOUT,
      details: { reference: 'pay_8f2k', state: 'captured', amount: 164.97, currency: 'USD' },
    },
  },
  'order.paid_without_stock': {
    summary: 'An order was paid after its hold had expired, and its stock is gone',
    data: { actor: 'hold-expiry', reason: 'Not enough in stock' },
  },
  'order.confirmed': change('An order was confirmed', 'pending', 'confirmed', 'placement'),
  'order.rejected': change(
    'An order was rejected',
    'pending',
    'rejected',
    'placement',
    'Not enough in stock',
  ),
  'order.failed': change(
    'The placement of an order failed',
    'pending',
    'failed',
    'placement',
    'The inventory service does not answer',
  ),
  'order.processing': change('Work on an order has begun', 'confirmed', 'processing', WAREHOUSE),
  'order.shipped': change(
    'An order was shipped',
    'processing',
    'shipped',
    WAREHOUSE,
    'Left with the courier',
  ),
  'order.delivered': change('An order was delivered', 'shipped', 'delivered', WAREHOUSE),
  'order.cancelled': change('An order was cancelled', 'confirmed', 'cancelled', 'customer:42'),
  'order.returned': change('An order was returned', 'delivered', 'returned', WAREHOUSE),
  'order.corrected': {
    summary: 'An order was corrected',
    data: { actor: WAREHOUSE, details: { fields: ['shipping_address'] } },
  },
  'order.stock_released': {
    summary: 'The stock of an order was released',
    data: { actor: 'placement', details: { lines: [1], calls: [RELEASE] } },
  },
  'order.stock_in_doubt': {
    summary: 'Whether the stock of an order was released is not known',
    data: {
      actor: 'placement',
      details: { lines: [1], calls: [{ ...RELEASE, lines: { unknown: 1 }, attempts: { timeout: 3 } }] },
    },
  },
  'order.incident_settled': {
    summary: 'An incident of an order was resolved',
    data: {
      actor: 'user:admin-1',
      reason: 'The service is back',
      details: { incident: `notification-${EXAMPLE_ID}-2-1`, kind: 'notification', action: 'retry' },
    },
  },
  'order.personal_data_erased': {
    summary: 'The personal data of an order were erased',
    data: {
      actor: 'user:admin-1',
      details: { notification: 'none from here on, those that were waiting included' },
    },
  },
};

const NOTHING = { from: null, to: null, reason: null, details: null };

/** The customer and all details are erased. */
const ERASED = {
  customer_id: null,
  customer_name: null,
  customer_email: null,
  shipping_address: null,
  metadata: {},
};

/** @param placed the example of an order */
function exampleEvent(type: string, { data }: Example, placed: OrderResponse): object {
  const isPlaced = type === 'order.placed';
  const order = {
    ...placed,
    status: data.to ?? placed.status,
    version: isPlaced ? 1 : 2,
    ...(type === 'order.personal_data_erased' && ERASED),
  };
  return {
    feed_no: 4711,
    previous_feed_no: 4708,
    id: `${EXAMPLE_ID}/${order.version}`,
    type,
    time: EXAMPLE_TIME,
    order_id: EXAMPLE_ID,
    version: order.version,
    data: { ...NOTHING, ...data },
    order,
  };
}

/** The header fields of Standard Webhooks 1.0. */
const HEADERS = [
  {
    name: 'webhook-id',
    example: `${EXAMPLE_ID}/2`,
    description:
      'The `id` of the event, the same for each attempt and replay: receivers ignore an id that they know.',
  },
  {
    name: 'webhook-timestamp',
    example: '1795816403',
    description: 'When this attempt was made, in seconds since 1970. Refuse old ones.',
  },
  {
    name: 'webhook-signature',
    example: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    description:
      'HMAC-SHA256 of `webhook-id.webhook-timestamp.body` with the secret, in base64 behind `v1,`; several between spaces during ' +
      'a rotation; one of them has to match.',
  },
].map((header) => ({ ...header, in: 'header' as const, required: true, schema: { type: 'string' } }));

const DESCRIPTION =
  'Signed as in Standard Webhooks 1.0. Events of one order arrive in their order; an attempt without a 2xx answer within ten ' +
  'seconds is repeated for three days.';

const RESPONSES = {
  '200': { description: 'The event is delivered; so it is with any other 2xx status. The body is ignored.' },
  '410': { description: 'Nothing more is sent to this endpoint until it is enabled again.' },
  '503': { description: 'Sent again later, as after any other status; `Retry-After` is honoured.' },
};

function webhook(type: string, summary: string, schema: object, example: unknown): Webhooks[string] {
  return {
    post: {
      operationId: type.replaceAll(/[._](\w)/g, (_match, letter: string) => letter.toUpperCase()),
      summary,
      description: DESCRIPTION,
      tags: ['webhooks'],
      security: [],
      parameters: HEADERS,
      requestBody: { required: true, content: { 'application/json': { schema, example } } },
      responses: RESPONSES,
    },
  };
}

function webhookOf(type: string, order: OrderResponse): Webhooks[string] {
  const example = EXAMPLES[type];
  if (!example) throw new Error(`the event type ${type} has no example`);
  const narrowed = { type: 'object', properties: { type: { type: 'string', enum: [type] } } };
  const schema = { allOf: [{ $ref: getSchemaPath(WebhookEvent) }, narrowed] };
  return webhook(type, example.summary, schema, exampleEvent(type, example, order));
}

const TEST_ID = '0199f6b8-2c6e-7cc3-9d0a-3f6a1c1b7a55/test/5f0c2b1e-8f0e-4b44-9a53-6f5d7d0a4c11';

/**
 * The section `webhooks` of the OpenAPI document: what endpoints receive.
 *
 * @param order the example of an order
 */
export function describeWebhooks(order: OrderResponse): Webhooks {
  const test = testEvent(TEST_ID, new Date(EXAMPLE_TIME));
  return Object.fromEntries([
    ...FEED_EVENT_TYPES.map((type) => [type, webhookOf(type, order)] as const),
    [TEST_TYPE, webhook(TEST_TYPE, 'A test', { $ref: getSchemaPath(WebhookTestEvent) }, test)],
  ]);
}
