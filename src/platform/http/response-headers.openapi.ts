import type { HeadersObject } from './openapi-objects.js';

/** On every answer, also those that no controller has made. */
export const REQUEST_ID_HEADER: HeadersObject = {
  'X-Request-Id': {
    description: 'Names this request in the logs of the service.',
    required: true,
    schema: { type: 'string' },
    example: '0e7c3e0e-6f1d-4a52-8f6d-3c7c7f0f3c55',
  },
};

/** On every response; see edge/caching.ts. */
export const CACHE_HEADERS: HeadersObject = {
  'Cache-Control': {
    description: '`private, no-cache` where the response has an `ETag`, otherwise `no-store`.',
    required: true,
    schema: { type: 'string', enum: ['no-store', 'no-store, no-transform', 'private, no-cache'] },
    example: 'no-store',
  },
  Vary: {
    description: 'The request headers that the response depends on.',
    required: false,
    schema: { type: 'string' },
    example: 'Authorization, X-API-Key',
  },
};

/** @param required whether every answer of its kind has it */
export function retryAfterHeader(required: boolean): HeadersObject {
  return {
    'Retry-After': {
      description: 'Seconds to wait before the request is repeated.',
      required,
      schema: { type: 'string', pattern: '^[0-9]+$' },
      example: '2',
    },
  };
}

/** @param required whether every answer of its kind has it */
export function etagHeader(required: boolean): HeadersObject {
  return {
    ETag: {
      description: 'The version of the order, for `If-Match`.',
      required,
      schema: { type: 'string', pattern: '^"[0-9]+"$' },
      example: '"2"',
    },
  };
}

/** @param required whether every answer of its kind has it */
export function challengeHeader(required: boolean): HeadersObject {
  return {
    'WWW-Authenticate': {
      description: 'A challenge for each kind of credentials that the service takes (RFC 9110, RFC 6750).',
      required,
      schema: { type: 'string' },
      example: 'Bearer realm="order-service"',
    },
  };
}

/** Where there is a limit, which is a setting. */
export const RATE_LIMIT_HEADERS: HeadersObject = {
  RateLimit: {
    description: 'How many requests are left (`r`), and for how many seconds (`t`).',
    required: false,
    schema: { type: 'string' },
    example: '"requests";r=118;t=24',
  },
  'RateLimit-Policy': {
    description: 'How many requests there may be (`q`) in how many seconds (`w`).',
    required: false,
    schema: { type: 'string' },
    example: '"requests";q=120;w=60',
  },
};

/** On answers to operations that take an `Idempotency-Key`. */
export const IDEMPOTENCY_REPLAYED_HEADER: HeadersObject = {
  'Idempotency-Replayed': {
    description: '`true` where the key was known and this answer belongs to the first request with it.',
    required: false,
    schema: { type: 'string', enum: ['true'] },
  },
};
