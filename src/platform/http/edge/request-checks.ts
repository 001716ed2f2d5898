import type { FastifyInstance, FastifyRequest } from 'fastify';
import { hasBody } from '../input/body-chunks.js';
import { Problem } from '../problem.js';

/** The minimum of RFC 9110, section 4.1; the longest valid URL of this service is shorter. */
export const MAX_URL_LENGTH = 8_000;

/** Browsers send some thirty, proxies add a few. The HTTP server silently drops headers after the thousandth. */
const MAX_HEADERS = 200;

/** The HTTP server gives names and values in turn. */
const ENTRIES_PER_HEADER = 2;

/** Refuses, before the body is read, requests that no operation could process. */
export function checkRequests(server: FastifyInstance): void {
  server.addHook('onRequest', (request, _reply, done) => {
    const fault = findFault(request);
    if (fault !== undefined || !hasBody(request)) done(fault);
    // The HTTP server parses on after this. Bytes behind the head that are no HTTP must be reported as such, before
    // the body is reported as missing.
    else queueMicrotask(done);
  });
}

function findFault({ raw, headers }: FastifyRequest): Problem | undefined {
  if ((raw.url?.length ?? 0) > MAX_URL_LENGTH) {
    return Problem.http('uri-too-long', `The address may have at most ${MAX_URL_LENGTH} characters`);
  }
  if (raw.rawHeaders.length > MAX_HEADERS * ENTRIES_PER_HEADER) {
    return Problem.http('headers-too-large', `There may be at most ${MAX_HEADERS} headers`);
  }
  // RFC 9112, section 3.2. The HTTP server by itself would refuse it without a response body.
  if (raw.httpVersion === '1.1' && headers.host === undefined) {
    return Problem.http('malformed-request', 'The request has no Host header');
  }
  // Nothing is ever unpacked, so that no small body can become a large one.
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    const detail = 'The body must not be compressed: Content-Encoding has to be absent or identity';
    return Problem.http('unsupported-media-type', detail, {}, { 'accept-encoding': 'identity' });
  }
  return undefined;
}
