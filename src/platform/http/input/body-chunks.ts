import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ignoreInput } from './ignored-input.js';

/**
 * Pieces in which a body of any length may arrive. Each costs some two microseconds, however short it is. An order of
 * a hundred lines that is written token by token has as many.
 */
export const MAX_CHUNKS = 1_000;

/** A body may have one more piece for as many bytes: pieces of this length cost less than their bytes. */
export const BYTES_PER_CHUNK = 64;

declare module 'fastify' {
  interface FastifyRequest {
    /** Pieces in which the body arrived. The client chooses their size. */
    bodyChunks: number;
  }
}

/** The part of a body's stream by which Fastify compares its length on the wire with the limit of the body. */
interface MeasuredBody {
  receivedEncodedLength?: number;
}

/** What arrived of the bodies of a connection. */
interface Received {
  chunks: number;
  bytes: number;
}

/** Limits what a body in small pieces costs: otherwise the client would choose what a byte costs. */
export function limitChunks(server: FastifyInstance): void {
  server.decorateRequest('bodyChunks', 0);
  const connections = new WeakMap<Socket, Received>();
  server.addHook('onRequest', (request, reply, done) => {
    if (hasBody(request)) {
      const { socket } = request.raw;
      // The response has the socket unless an earlier one is not sent yet. Requests sent at once share the limit of one.
      const earlier = reply.raw.socket ? undefined : connections.get(socket);
      const received = earlier ?? { chunks: 0, bytes: 0 };
      connections.set(socket, received);
      countChunks(request, received);
    }
    done();
  });
  server.addHook('onSend', (request, reply, payload, done) => {
    closeUnread(request, reply);
    done(null, payload);
  });
}

export function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

/**
 * Ends the connection with the response where a chunked body has not arrived as a whole. The server would otherwise read
 * and discard the rest, which may be endless.
 */
export function closeUnread({ raw, headers }: FastifyRequest, reply: FastifyReply): void {
  if (headers['transfer-encoding'] === undefined || raw.complete) return;
  void reply.header('connection', 'close');
  ignoreInput(raw.socket);
}

/**
 * Refuses too many pieces like a body that is too large, which closes the connection. Until a handler reads them, the parser
 * pushes them into the buffer of the request, which counts bytes only. `false` makes it stop reading the socket.
 */
function countChunks(request: FastifyRequest, received: Received): void {
  const { raw } = request;
  const push = raw.push.bind(raw);
  raw.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
    if (chunk === null) return push(chunk, encoding);
    request.bodyChunks += 1;
    received.chunks += 1;
    received.bytes += chunk.length;
    if (received.chunks <= MAX_CHUNKS + received.bytes / BYTES_PER_CHUNK) return push(chunk, encoding);
    ignoreInput(raw.socket);
    (raw as MeasuredBody).receivedEncodedLength = Infinity;
    push(chunk, encoding);
    return false;
  };
}
