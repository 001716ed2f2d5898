import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { concurrencyLimitExceeded } from '../problem.js';
import { ignoreInput } from './ignored-input.js';

/**
 * Requests of a connection that may wait for the response to an earlier one. Common clients wait for each response, while
 * the 64 kB that the server reads at once have room for two thousand requests.
 */
export const MAX_PIPELINED = 8;

/**
 * Refuses the first request beyond, and ends the connection with this response. The requests after it get none: a client that
 * pipelines must be ready to send them again (RFC 9112, section 9.3.2).
 */
export function limitPipelining(server: FastifyInstance): void {
  const waiting = new WeakMap<Socket, number>();
  const refused = new WeakSet<IncomingMessage>();
  const listener: Server = server.server;
  // Also for requests that the router refuses before any hook. Before the framework's listener, which may answer at once.
  listener.prependListener('request', (request, response) => {
    // The response has the socket unless an earlier one is not sent yet.
    if (response.socket) return;
    const { socket } = request;
    const count = (waiting.get(socket) ?? 0) + 1;
    waiting.set(socket, count);
    response.once('close', () => waiting.set(socket, (waiting.get(socket) ?? 1) - 1));
    if (count <= MAX_PIPELINED) return;
    refused.add(request);
    response.shouldKeepAlive = false;
    ignoreInput(socket);
  });
  server.addHook('onRequest', (request, _reply, done) => {
    done(refused.has(request.raw) ? concurrencyLimitExceeded() : undefined);
  });
}
