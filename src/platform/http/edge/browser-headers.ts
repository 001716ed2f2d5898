import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';

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
export async function setSecurityHeaders(server: FastifyInstance): Promise<void> {
  await server.register(helmet, {
    contentSecurityPolicy: CONTENT_SECURITY_POLICY,
    // Whether all of a domain is to be reached by TLS only is for whoever holds its certificates to say.
    strictTransportSecurity: false,
  });
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
