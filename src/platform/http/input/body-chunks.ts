import type { FastifyInstance } from 'fastify';

/**
 * Chunks of a body with `Transfer-Encoding: chunked`. Each costs some two microseconds, however short it is. The largest
 * request that is written token by token, a bulk change of 1,000 orders, has as many.
 */
export const MAX_CHUNKS = 10_000;

declare module 'fastify' {
  interface FastifyRequest {
    /** Pieces in which the body arrived, where the client chooses their size. */
    bodyChunks: number;
  }
}

/** The part of a body's stream by which Fastify compares its length on the wire with the limit of the body. */
interface MeasuredBody {
  receivedEncodedLength?: number;
}

/** Refuses bodies in too many chunks like those that are too large: the client would choose what a byte costs. */
export function limitChunks(server: FastifyInstance): void {
  server.decorateRequest('bodyChunks', 0);
  server.addHook('preParsing', (request, _reply, payload, done) => {
    if (request.headers['transfer-encoding'] !== undefined) {
      payload.on('data', () => {
        request.bodyChunks += 1;
        if (request.bodyChunks > MAX_CHUNKS) (payload as MeasuredBody).receivedEncodedLength = Infinity;
      });
    }
    done(null, payload);
  });
}
