import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

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

/** Limits what a body in chunks costs: otherwise the client would choose what a byte costs. */
export function limitChunks(server: FastifyInstance): void {
  server.decorateRequest('bodyChunks', 0);
  server.addHook('onRequest', (request, _reply, done) => {
    if (isChunked(request)) countChunks(request);
    done();
  });
  server.addHook('onSend', (request, reply, payload, done) => {
    closeUnread(request, reply);
    done(null, payload);
  });
}

/**
 * Ends the connection with the response where a chunked body has not arrived as a whole. The server would otherwise read
 * and discard the rest, which may be endless.
 */
export function closeUnread(request: FastifyRequest, reply: FastifyReply): void {
  if (isChunked(request) && !request.raw.complete) void reply.header('connection', 'close');
}

function isChunked({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined;
}

/**
 * Too many chunks are refused like a body that is too large. Until a handler reads them, the parser pushes them into the
 * buffer of the request, which counts bytes and would hold 65,536 chunks: `false` makes it stop reading the socket.
 */
function countChunks(request: FastifyRequest): void {
  const { raw } = request;
  const push = raw.push.bind(raw);
  raw.push = (chunk: unknown, encoding?: BufferEncoding) => {
    const isWanted = push(chunk, encoding);
    if (chunk === null) return isWanted;
    request.bodyChunks += 1;
    if (request.bodyChunks <= MAX_CHUNKS) return isWanted;
    (raw as MeasuredBody).receivedEncodedLength = Infinity;
    return false;
  };
}
