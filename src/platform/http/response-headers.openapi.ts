import type { HeadersObject } from './openapi-objects.js';

/**
 * A response header of the OpenAPI document.
 *
 * @param schema with an example, and whether every response of its kind has the header (`required`)
 */
export function header(
  name: string,
  description: string,
  {
    required = false,
    example,
    ...schema
  }: { required?: boolean; example?: string; [keyword: string]: unknown },
): HeadersObject {
  const documented = { description, required, schema: { type: 'string', ...schema } };
  return { [name]: example === undefined ? documented : { ...documented, example } };
}

/** An optional header of a request. */
export const requestHeader = (name: string, description: string, schema = {}) => ({
  name,
  required: false,
  description,
  schema: { type: 'string', ...schema },
});

/** On every answer, also those that no controller has made. */
export const REQUEST_ID_HEADER = header('X-Request-Id', 'Names this request in the logs of the service.', {
  required: true,
  example: '0e7c3e0e-6f1d-4a52-8f6d-3c7c7f0f3c55',
});

const CACHED = '`private, no-cache` where the response has an `ETag`, otherwise `no-store`.';

/** On every response; see edge/caching.ts. */
export const CACHE_HEADERS: HeadersObject = {
  ...header('Cache-Control', CACHED, {
    required: true,
    enum: ['no-store', 'no-store, no-transform', 'private, no-cache'],
    example: 'no-store',
  }),
  ...header('Vary', 'The request headers that the response depends on.', {
    example: 'Authorization, X-API-Key',
  }),
};

const SECONDS = { pattern: '^[0-9]+$', example: '2' };

export const retryAfterHeader = (required: boolean): HeadersObject =>
  header('Retry-After', 'Seconds to wait before the request is repeated.', { required, ...SECONDS });

const VERSION = { pattern: '^"[0-9]+"$', example: '"2"' };

export const etagHeader = (required: boolean): HeadersObject =>
  header('ETag', 'The version of the order, for `If-Match`.', { required, ...VERSION });

const CHALLENGE = 'A challenge for each kind of credentials that the service takes (RFC 9110, RFC 6750).';

export const challengeHeader = (required: boolean): HeadersObject =>
  header('WWW-Authenticate', CHALLENGE, { required, example: 'Bearer realm="order-service"' });

const LEFT = 'How many requests are left (`r`), and for how many seconds (`t`).';
const POLICY = 'How many requests there may be (`q`) in how many seconds (`w`).';

/** Where there is a limit, which is a setting. */
export const RATE_LIMIT_HEADERS: HeadersObject = {
  ...header('RateLimit', LEFT, { example: '"requests";r=118;t=24' }),
  ...header('RateLimit-Policy', POLICY, { example: '"requests";q=120;w=60' }),
};

/** On answers to operations that take an `Idempotency-Key`. */
export const IDEMPOTENCY_REPLAYED_HEADER = header(
  'Idempotency-Replayed',
  '`true` where the key was known and this answer belongs to the first request with it.',
  { enum: ['true'] },
);
