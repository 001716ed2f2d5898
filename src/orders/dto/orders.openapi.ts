import { getSchemaPath } from '@nestjs/swagger';
import { keyInProgress, keyReused } from '../../idempotency/idempotency.problems.js';
import { Problem } from '../../platform/http/problem.js';
import type { DocumentedProblem } from '../../platform/http/problem.openapi.js';
import { etagHeader, header, retryAfterHeader } from '../../platform/http/response-headers.openapi.js';
import {
  ifMatchRequired,
  numberAlreadyUsed,
  orderNotFound,
  orderProblem,
  referenceAlreadyUsed,
  referenceInProgress,
  shortageDetail,
  transitionNotAllowed,
  versionConflict,
} from '../order.problems.js';
import { customerNotAllowed } from '../ownership.js';
import {
  OrderAcceptedResponse,
  OrderConfirmationResponse,
  OrderListResponse,
  OrderResponse,
} from './order.response.js';
import { OrderEventsResponse } from '../history/order-events.response.js';
import { EXAMPLE_ADDRESS, EXAMPLE_CUSTOMER } from './place-order.openapi.js';
import { UpdateStatusDto } from './update-status.dto.js';

/** The order that all examples are about. */
export const EXAMPLE_ORDER = '01a1ffe2-9b80-748a-ba30-787d85a2b441';

const EXAMPLE_TIME = '2026-11-21T20:53:23.456Z';

const LOCATION = header('Location', 'Where the order is.', {
  required: true,
  format: 'uri-reference',
  example: `/orders/${EXAMPLE_ORDER}`,
});

/** An optional header of a request. */
function requestHeader(name: string, description: string, schema = {}) {
  return { name, required: false, description, schema: { type: 'string', ...schema } };
}

// No example: Swagger UI would send it with every order, which would then be taken for the same.
export const IDEMPOTENCY_KEY = requestHeader(
  'Idempotency-Key',
  'Up to 255 printable characters, quoted or bare. The same key gives the same order and the same answer, for ' +
    '`IDEMPOTENCY_KEY_HOURS` (24 unless set otherwise) from the first request; then it is forgotten.',
  { minLength: 1 },
);

export const PREFER = requestHeader(
  'Prefer',
  '`respond-async` (RFC 7240): the order is stored and answered with 202; poll its URL for the result.',
);

export const IF_MATCH = requestHeader(
  'If-Match',
  'ETag of the order that the caller has seen; the change is refused (412) if there is a newer one.',
);

export const IF_NONE_MATCH = requestHeader(
  'If-None-Match',
  'ETags of the versions of the order that the caller has; there is no body (304) if nothing is newer.',
);

export const NOT_MODIFIED = {
  status: 304,
  description: 'The order is at a version that the caller has.',
  headers: etagHeader(true),
};

export const STATUS_BODY = {
  type: UpdateStatusDto,
  examples: {
    shipped: { summary: 'It is on its way', value: { status: 'shipped', reason: 'Left with the courier' } },
    cancelled: { summary: 'Ordered by mistake', value: { status: 'cancelled' } },
  },
};

export const CONFIRMED = {
  status: 201,
  description: 'The order is confirmed.',
  type: OrderConfirmationResponse,
  headers: { ...LOCATION, ...etagHeader(true) },
};

export const ACCEPTED = {
  status: 202,
  description:
    'The order is stored and its placement will complete; for clients that prefer `respond-async`.',
  type: OrderAcceptedResponse,
  headers: {
    ...LOCATION,
    ...etagHeader(true),
    ...retryAfterHeader(true),
    ...header('Preference-Applied', '`respond-async` where the request preferred it (RFC 7240).', {
      enum: ['respond-async'],
    }),
  },
};

/** An order as it is answered. */
export const ORDER = {
  order_id: EXAMPLE_ORDER,
  customer_id: '42',
  ...EXAMPLE_CUSTOMER,
  items: [
    {
      product_id: 'PROD001',
      product_name: 'Wireless Headphones',
      quantity: 2,
      price: 79.99,
      sku: null,
      options: {},
      metadata: {},
    },
  ],
  subtotal_amount: 159.98,
  charges_amount: 4.99,
  total_amount: 164.97,
  currency: 'USD',
  status: 'confirmed',
  version: 2,
  timestamp: EXAMPLE_TIME,
  updated_at: '2026-11-21T20:53:23.464Z',
  number: '1001',
  customer_phone: null,
  shipping_address: EXAMPLE_ADDRESS,
  billing_address: null,
  note: null,
  tags: ['gift'],
  metadata: {},
  charges: [{ type: 'shipping', amount: 4.99 }],
  source: null,
  source_order_id: null,
};

const LIST = { count: 1, total: 1, total_is_exact: true, orders: [ORDER], next_cursor: null };

/** Query and fragment are percent-encoded, so that a URL contains neither `<` nor `>`. */
const LINK = header('Link', 'The next page (`rel="next"`, RFC 8288); absent on the last one.', {
  pattern: '^<[^<>]+>; rel="next"$',
  example: `</orders?status=confirmed&cursor=${EXAMPLE_ORDER}>; rel="next"`,
});

export const ORDER_OR_LIST = {
  status: 200,
  description: 'The order of this id, or a page of the orders of the customer with this id.',
  headers: { ...etagHeader(false), ...LINK },
  content: {
    'application/json': {
      schema: { oneOf: [{ $ref: getSchemaPath(OrderResponse) }, { $ref: getSchemaPath(OrderListResponse) }] },
      examples: {
        order: { summary: 'An order', value: ORDER },
        customer: {
          summary: 'The orders of a customer',
          value: LIST,
        },
      },
    },
  },
};

export const ORDERS = {
  status: 200,
  description: 'A page of the orders.',
  type: OrderListResponse,
  headers: LINK,
};

function event(
  seq: number,
  type: string,
  from: string | null,
  to: string,
  actor: string,
  data: object | null,
) {
  return { seq, type, from, to, actor, reason: null, data, timestamp: EXAMPLE_TIME };
}

const RESERVED = { operation: 'reserve', lines: { held: 2 }, attempts: { '2xx': 2 }, duration_ms: 5 };

export const EVENTS = {
  status: 200,
  description: 'All events of the order.',
  type: OrderEventsResponse,
  example: {
    order_id: EXAMPLE_ORDER,
    events: [
      event(1, 'placed', null, 'pending', 'anonymous', null),
      event(2, 'status_changed', 'pending', 'confirmed', 'placement', { calls: [RESERVED] }),
    ],
  },
};

export const CHANGED = {
  status: 200,
  description: 'The order with the status that was asked for.',
  type: OrderResponse,
  headers: etagHeader(true),
  example: { ...ORDER, status: 'shipped', version: 3 },
};

/** Problems of every operation on orders. */
export const READ_PROBLEMS: DocumentedProblem[] = ['overloaded', 'database-unavailable'];

const SHORTAGES = [{ product_id: '4', requested: 500, available: 25, reason: 'requested 500, available 25' }];
const UNKNOWN = [{ product_id: '99', requested: 1, available: 0, reason: 'there is no such product' }];

export const PLACEMENT_PROBLEMS: DocumentedProblem[] = [
  Problem.invalidRequest([{ field: 'items[0].quantity', message: 'must be at least 1' }]),
  orderProblem('unknown-product', shortageDetail(UNKNOWN), { shortages: UNKNOWN }),
  orderProblem('insufficient-stock', shortageDetail(SHORTAGES), { shortages: SHORTAGES }),
  orderProblem('price-changed', 'One or more prices are not the current ones', {
    differences: [{ line: 1, product_id: 'PROD001', requested_price: 74.99, current_price: 79.99 }],
  }),
  orderProblem('total-changed', 'The total is 159.98, not 149.98', {
    expected_total: 149.98,
    current_total: 159.98,
    lines: [{ line: 1, product_id: 'PROD001', quantity: 2, price: 79.99, line_total: 159.98 }],
  }),
  numberAlreadyUsed('A-1042', EXAMPLE_ORDER),
  referenceAlreadyUsed(EXAMPLE_ORDER),
  referenceInProgress(EXAMPLE_ORDER),
  customerNotAllowed('42'),
  keyInProgress(),
  413,
  415,
  keyReused(),
  'upstream-unavailable',
  'upstream-answer-invalid',
  orderProblem('placement-failed', 'The order was not placed', { order_id: EXAMPLE_ORDER }),
  orderProblem('placement-unsettled', 'The inventory does not answer', { order_id: EXAMPLE_ORDER }),
  ...READ_PROBLEMS,
];

export const CART_PROBLEMS: DocumentedProblem[] = [
  orderProblem('cart-empty', 'The cart of customer 1 is empty'),
  orderProblem('cart-not-found', 'Customer 1 has no active cart'),
  orderProblem('cart-already-ordered', 'This cart has been ordered already', { order_id: EXAMPLE_ORDER }),
];

export const STATUS_PROBLEMS: DocumentedProblem[] = [
  Problem.invalidRequest([{ field: 'status', message: 'must be one of pending, confirmed' }]),
  orderNotFound(EXAMPLE_ORDER),
  transitionNotAllowed('shipped', 'cancelled', ['delivered']),
  versionConflict(3),
  ifMatchRequired(),
  413,
  415,
  ...READ_PROBLEMS,
];
