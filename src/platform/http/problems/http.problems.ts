import { defineProblemTypes } from './problem-types.js';

const REPEAT = 'Send the request again after the seconds in `Retry-After`, with the same `Idempotency-Key`.';

/** The errors that any operation can have. Those of orders are in src/orders/order.problems.ts. */
export const HTTP_PROBLEMS = defineProblemTypes({
  'invalid-request': {
    status: 400,
    title: 'Invalid request',
    cause:
      'The body, the query or a header breaks a rule. Nothing was stored and no other service was asked.',
    remedy: 'Correct every field that `errors` names; sending the same again gives the same answer.',
    members: {
      errors: 'a list of {field, message}, at most 50; the field is empty for the body as a whole',
      has_more_errors: 'true where checking stopped at that number, so that there may be more',
    },
  },
  'malformed-request': {
    status: 400,
    title: 'Malformed HTTP request',
    cause: 'The bytes that arrived can not be read as an HTTP request, or could be read in two ways.',
    remedy: 'Check the program or the proxy that sends the request. The connection was closed.',
  },
  'authentication-required': {
    status: 401,
    title: 'Authentication required',
    cause: 'This URL requires authentication, and the request has neither a token nor a key.',
    remedy:
      'Send one of what `WWW-Authenticate` asks for: a token as `Authorization: Bearer`, a key as `X-API-Key`.',
  },
  'invalid-credentials': {
    status: 401,
    title: 'Invalid credentials',
    cause: 'The token or the key has expired, is for something else, or is not known.',
    remedy:
      '`detail` says which. Get a new token from its issuer, or a new key from the operator of the service.',
  },
  'insufficient-scope': {
    status: 403,
    title: 'Permission denied',
    cause: 'The caller is known, and its token or key lacks the scope that this needs.',
    remedy: 'Ask the issuer of the token or key for the scope in `required_scope`.',
    members: { required_scope: 'the scope that is missing' },
  },
  'cross-site-request': {
    status: 403,
    title: 'Cross-site request refused',
    cause:
      'The service runs without authentication, and the request comes from a page of another site or names another host.',
    remedy:
      'Call from a program, or from a page of the service itself. To let a site in, add its origin to `CORS_ORIGINS`.',
  },
  'not-found': {
    status: 404,
    title: 'Not found',
    cause: 'Nothing is served at this URL.',
    remedy: 'Compare the path with the document at /docs-json; a slash too many is another address.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'Method not allowed',
    cause: 'There is something at this address, but the method is not one that it has.',
    remedy: 'Use one of the methods in the header `Allow`.',
    members: { allowed_methods: 'the methods that the address has, as in `Allow`' },
  },
  'request-timeout': {
    status: 408,
    title: 'Request timeout',
    cause: 'The head or the body of the request did not arrive in time.',
    remedy: 'Send it again, in one go. The connection has been closed.',
  },
  'payload-too-large': {
    status: 413,
    title: 'Request body too large',
    cause: 'The body has more than 100 kB; the lines of the largest order are a fifth of that.',
    remedy: 'Send less in one request.',
  },
  'uri-too-long': {
    status: 414,
    title: 'URL too long',
    cause: 'The path or the query is longer than any valid URL of this service.',
    remedy: 'Shorten it: ids have at most 128 characters.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'Unsupported media type',
    cause: 'The body is announced as something other than JSON, or as compressed.',
    remedy:
      'Send JSON, uncompressed, with `Content-Type: application/json`; PATCH also takes `application/merge-patch+json`.',
  },
  'expectation-failed': {
    status: 417,
    title: 'Expectation failed',
    cause: 'The header `Expect` asks for something other than `100-continue`.',
    remedy: 'Leave the header out.',
  },
  'rate-limit-exceeded': {
    status: 429,
    title: 'Too many requests',
    cause: 'This caller has sent more requests in a minute than it may. This request was not processed.',
    remedy: `${REPEAT} The fields \`RateLimit\` and \`RateLimit-Policy\` of every answer say how many are left.`,
  },
  'concurrency-limit-exceeded': {
    status: 429,
    title: 'Too many concurrent requests',
    cause:
      'This caller has as many requests of this kind in progress as one caller may have, or has used its share of the ' +
      'processor time. Nothing was done for this one.',
    remedy: `Send fewer requests at a time. ${REPEAT}`,
  },
  'headers-too-large': {
    status: 431,
    title: 'Request headers too large',
    cause: 'The headers have more than 16 kB in all, or there are more than 200 of them.',
    remedy: 'Send fewer or shorter headers; unneeded cookies are a common cause.',
  },
  'internal-error': {
    status: 500,
    title: 'Internal server error',
    cause: 'A fault of the service itself, which has been logged with the id of the request.',
    remedy:
      'Report the `X-Request-Id` of the response to the operator of the service. Retry an order with the same key.',
  },
  'upstream-unavailable': {
    status: 503,
    title: 'Upstream service unavailable',
    cause: 'The inventory, the product catalog or the cart service could not be asked.',
    remedy: REPEAT,
  },
  'upstream-answer-invalid': {
    status: 502,
    title: 'Invalid response from another service',
    cause:
      'The inventory, the product catalog or the cart service answered, but its answer breaks the contract. Nothing was reserved.',
    remedy:
      'Report `detail` to the operator of this service: the same request gets the same answer until the other service is corrected.',
  },
  'issuer-unavailable': {
    status: 503,
    title: 'Token verification unavailable',
    cause: 'The issuer of the tokens does not answer, so the token cannot be verified.',
    remedy: REPEAT,
  },
  overloaded: {
    status: 503,
    title: 'Service overloaded',
    cause: 'More is under way than can be done in time. Nothing was done for this request.',
    remedy: REPEAT,
  },
  'not-ready': {
    status: 503,
    title: 'Service not ready',
    cause: 'The database does not answer, background work has stopped, or the service is shutting down.',
    remedy: 'Ask another instance, or again in a moment.',
  },
  'database-unavailable': {
    status: 503,
    title: 'Database unavailable',
    cause:
      'The database is out of reach, busy or locked, or has rolled the change back. Only where the connection was lost during a commit may the change have been made.',
    remedy: `\`detail\` says which. ${REPEAT}`,
  },
});
