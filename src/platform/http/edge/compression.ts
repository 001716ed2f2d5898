import { gzip } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { addVary } from './caching.js';

/** Shorter responses fit into one or two packets anyway. */
export const MIN_LENGTH = 2_048;

/** The fastest: JSON of orders gets to an eighth of its size already, in about 5 ms a megabyte. */
const LEVEL = 1;

/** Compressions at a time, each on a thread of the pool. Beyond it responses are sent as they are. */
export const MAX_AT_ONCE = 2;

const JSON_TYPE = /^application\/(problem\+)?json\b/;

/**
 * Compresses JSON for clients that ask for gzip. The event loop does not take part in it. Responses with a strong ETag are
 * left alone: it would have to differ between the encodings (RFC 9110, section 8.8.1), but it is the version of an order.
 */
export function compressJson(server: FastifyInstance): void {
  let underWay = 0;
  server.addHook('onSend', (request, reply, payload, done) => {
    if (typeof payload !== 'string' || payload.length < MIN_LENGTH || !isCompressible(reply)) {
      return done(null, payload);
    }
    addVary(reply, 'Accept-Encoding');
    if (request.method === 'HEAD' || !acceptsGzip(request) || underWay >= MAX_AT_ONCE) {
      return done(null, payload);
    }
    underWay += 1;
    gzip(payload, { level: LEVEL }, (error, compressed) => {
      underWay -= 1;
      if (error) return done(error);
      void reply.header('content-encoding', 'gzip').removeHeader('content-length');
      done(null, compressed);
    });
  });
}

function isCompressible(reply: FastifyReply): boolean {
  return (
    !reply.hasHeader('etag') &&
    !reply.hasHeader('content-encoding') &&
    JSON_TYPE.test(String(reply.getHeader('content-type')))
  );
}

/** Whether the client lists gzip, or anything, with a weight above 0 (RFC 9110, section 12.5.3). */
function acceptsGzip({ headers }: FastifyRequest): boolean {
  const codings = (headers['accept-encoding'] ?? '')
    .toLowerCase()
    .split(',')
    .map((coding) => coding.split(';').map((part) => part.trim()));
  const [, ...parameters] =
    codings.find(([name]) => name === 'gzip') ?? codings.find(([name]) => name === '*') ?? [];
  const isListed = codings.some(([name]) => name === 'gzip' || name === '*');
  return isListed && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
}
