import { IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import helmet from 'helmet';

/** Answers' headers that programs in a browser may read beside those that they always may. */
const EXPOSED_HEADERS = [
  'ETag',
  'Location',
  'Idempotency-Replayed',
  'Preference-Applied',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'X-Request-Id',
];

/** The methods that operations have. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'];

/** How long a browser may remember that it may call: the longest that Chromium takes. */
const PREFLIGHT_SECONDS = 7_200;

/**
 * Whatever a browser shows of this service may load only what comes with it: the page of Swagger UI, whose styles and
 * images are partly inline, and the pages about problems. Answers of operations are never shown as pages at all.
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

/** Tells browsers what not to do with the answers. */
export function setSecurityHeaders(server: FastifyInstance): void {
  const headers = securityHeaders();
  server.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(headers);
    done();
  });
}

/** The headers are the same for every answer, so the library that knows them is asked once and not by each request. */
function securityHeaders(): OutgoingHttpHeaders {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  const setHeaders = helmet({
    contentSecurityPolicy: CONTENT_SECURITY_POLICY,
    // Whether all of a domain is to be reached by TLS only is for whoever holds its certificates to say.
    strictTransportSecurity: false,
  });
  setHeaders(request, response, (error) => {
    if (error !== undefined) throw new Error('the security headers can not be told', { cause: error });
  });
  return response.getHeaders();
}

/** Lets programs of these sites, and of no others, call from a browser (CORS). */
export async function letSitesIn(server: FastifyInstance, origins: readonly string[]): Promise<void> {
  await server.register(cors, {
    origin: [...origins],
    methods: METHODS,
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: PREFLIGHT_SECONDS,
    // Whatever comes here is a preflight: all else was answered before.
    strictPreflight: false,
  });
}
