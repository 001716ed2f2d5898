import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { PinoLogger } from 'nestjs-pino';

/** Makes an id that names one request in the log and in the answer. */
export function newRequestId(): string {
  return randomUUID();
}

/** Path without the query, which may name an e-mail address to search for. */
function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}

/** Logs one line for each request that has been answered, and puts the request's id into the answer. */
export function logRequests(server: FastifyInstance, logger: PinoLogger): void {
  server.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id);
    done();
  });
  server.addHook('onResponse', (request, reply, done) => {
    const line = {
      requestId: request.id,
      method: request.method,
      path: pathOf(request),
      status: reply.statusCode,
      durationMs: Math.round(reply.elapsedTime * 10) / 10,
    };
    // Supervisors ask every few seconds; their questions would bury the others.
    if (line.path.startsWith('/health')) logger.debug(line, 'request');
    else logger.info(line, 'request');
    done();
  });
}
