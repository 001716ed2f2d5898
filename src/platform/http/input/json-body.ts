import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem } from '../problem.js';
import { findRepeatedKey } from '../../repeated-keys.js';
import { limitChunks } from './body-chunks.js';
import { findJsonExcess } from './json-bounds.js';

/** The lines of the largest order are a fifth of this; the rest is for addresses, metadata and other details. */
export const BODY_LIMIT_BYTES = 100 * 1024;

/** JSON Merge Patch (RFC 7396), for requests with PATCH only. */
export const MERGE_PATCH_MEDIA_TYPE = 'application/merge-patch+json';

declare module 'fastify' {
  interface FastifyRequest {
    /** Length of the body; 0 until it is read. */
    bodyBytes: number;
  }
}

/** Refuses bytes that are no UTF-8, which would otherwise be stored as something the client never sent. */
const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** A request body that is not JSON, or violates a limit. */
class JsonBodyError extends Error {
  readonly statusCode = 400;
}

function decode(bytes: Buffer): string | undefined {
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

function isMergePatch({ headers }: FastifyRequest): boolean {
  return headers['content-type']?.toLowerCase().startsWith(MERGE_PATCH_MEDIA_TYPE) === true;
}

/**
 * Makes the server read JSON bodies and no others. A body may be absent even where its type is announced, as clients
 * do that always send the header; `__proto__` and its like are refused by the parser that Fastify brings.
 */
export function acceptJsonBodies(server: FastifyInstance): void {
  const parse = server.getDefaultJsonParser('error', 'error');
  server.decorateRequest('bodyBytes', 0);
  limitChunks(server);
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(
    ['application/json', MERGE_PATCH_MEDIA_TYPE],
    { parseAs: 'buffer', bodyLimit: BODY_LIMIT_BYTES },
    (request, body, done) => {
      if (request.method !== 'PATCH' && isMergePatch(request)) {
        return done(Problem.http('unsupported-media-type', `${request.method} takes application/json only`));
      }
      const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body);
      request.bodyBytes = bytes.length;
      if (bytes.length === 0) return done(null, undefined);
      const text = decode(bytes);
      if (text === undefined) return done(new JsonBodyError('the body is not valid UTF-8'));
      const excess = findJsonExcess(text);
      if (excess !== undefined) return done(new JsonBodyError(excess));
      void parse(request, text, (error, parsed) => {
        if (error) return done(new JsonBodyError('the body is not valid JSON'));
        const repeated = findRepeatedKey(text);
        if (repeated === undefined) return done(null, parsed);
        done(Problem.invalidRequest([{ field: repeated, message: 'must not appear twice' }]));
      });
    },
  );
}
