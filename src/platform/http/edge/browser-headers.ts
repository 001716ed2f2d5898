import { IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import helmet from 'helmet';

/** Answers' headers that programs in a browser may read beside those that they always may. */
const EXPOSED_HEADERS = [
  'ETag',
  'Link',
  'Location',
  'Idempotency-Replayed',
  'Preference-Applied',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'X-Request-Id',
];

/** The methods that operations have. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** How long a browser may remember that it may call: the longest that Chromium takes. */
const PREFLIGHT_SECONDS = 7_200;

/**
 * Pages may load only their own resources: the page of Swagger UI, whose styles and images are partly inline, and the
 * problem pages. Responses of operations are never shown as pages.
 */
const CONTENT_SECURITY_POLICY = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'", "'unsafe-inline'"],
    imgSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
};

/** The headers are the same for every response, so they are computed once: see docs/decisions/0043. */
function securityHeaders(): OutgoingHttpHeaders {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  const setHeaders = helmet({
    contentSecurityPolicy: CONTENT_SECURITY_POLICY,
    // HSTS for a whole domain is the decision of the owner of its certificates.
    strictTransportSecurity: false,
  });
  setHeaders(request, response, (error) => {
    if (error !== undefined) throw new Error('the security headers are missing', { cause: error });
  });
  return response.getHeaders();
}

/** The headers that restrict browsers. */
export const SECURITY_HEADERS = securityHeaders();

/** Sets the headers that restrict browsers. */
export function setSecurityHeaders(server: FastifyInstance): void {
  server.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(SECURITY_HEADERS);
    done();
  });
}

/** Allows pages of these sites to call from a browser (CORS). */
export async function allowOrigins(server: FastifyInstance, origins: readonly string[]): Promise<void> {
  await server.register(cors, {
    origin: [...origins],
    methods: METHODS,
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: PREFLIGHT_SECONDS,
    // Every request that arrives here is a preflight; the others were answered before.
    strictPreflight: false,
  });
}
