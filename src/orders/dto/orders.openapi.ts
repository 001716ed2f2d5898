import { getSchemaPath } from '@nestjs/swagger';
import { EXAMPLE_ID } from '../../platform/http/fields.openapi.js';
import {
  etagHeader,
  header,
  requestHeader,
  retryAfterHeader,
} from '../../platform/http/response-headers.openapi.js';
import { orderProblem, shortageDetail } from '../order.problems.js';
import type { DocumentedOrderProblem } from './order-problem.response.js';
import {
  OrderAcceptedResponse,
  OrderConfirmationResponse,
  OrderListResponse,
  OrderResponse,
} from './order.response.js';

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

const STORED = {
  ...header('Location', 'Where the order is.', {
    required: true,
    format: 'uri-reference',
    example: `/orders/${EXAMPLE_ID}`,
  }),
  ...etagHeader(true),
};

export const CONFIRMED = {
  description: 'The order is confirmed, or reserved where it has `hold_seconds`.',
  type: OrderConfirmationResponse,
  headers: STORED,
};

const PREFERRED = '`respond-async` where the request preferred it (RFC 7240).';

export const ACCEPTED = {
  description:
    'The order is stored and its placement will complete; for clients that prefer `respond-async`.',
  type: OrderAcceptedResponse,
  headers: {
    ...STORED,
    ...retryAfterHeader(true),
    ...header('Preference-Applied', PREFERRED, { enum: ['respond-async'] }),
  },
};

/** Query and fragment are percent-encoded, so that a URL contains neither `<` nor `>`. */
export const LINK = header('Link', 'The next page (`rel="next"`, RFC 8288); absent on the last one.', {
  pattern: '^<[^<>]+>; rel="next"$',
  example: `</orders?status=confirmed&cursor=${EXAMPLE_ID}>; rel="next"`,
});

export const ORDER_OR_LIST = {
  description: 'The order of this id, or a page of the orders of the customer with this id.',
  headers: { ...etagHeader(false), ...LINK },
  schema: {
    oneOf: [OrderResponse, OrderListResponse].map((type) => ({
      $ref: getSchemaPath(type),
    })),
  },
};

/** Problems of orders that name items, and of their previews. */
export const ITEM_PROBLEMS: DocumentedOrderProblem[] = [
  'invalid-request',
  'customer-not-allowed',
  'upstream-unavailable',
  'upstream-answer-invalid',
];

const UNKNOWN = [{ product_id: '99', requested: 1, available: 0, reason: 'there is no such product' }];

export const PLACEMENT_PROBLEMS: DocumentedOrderProblem[] = [
  ...ITEM_PROBLEMS,
  orderProblem('unknown-product', shortageDetail(UNKNOWN), { shortages: UNKNOWN }),
  'insufficient-stock',
  'price-changed',
  'total-changed',
  'number-already-used',
  'reference-already-used',
  'reference-in-progress',
  'idempotency-key-in-progress',
  'idempotency-key-reused',
  'placement-failed',
  'placement-unsettled',
];

export const CART_PROBLEMS: DocumentedOrderProblem[] = [
  'cart-empty',
  'cart-not-found',
  'cart-already-ordered',
];
