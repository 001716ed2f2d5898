import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { PinoLogger } from 'nestjs-pino';
import { Problem, PROBLEM_MEDIA_TYPE } from '../problem.js';
import { REQUEST_ID_HEADER, requestIdOf } from './request-identity.js';

/** How long the answer may take to be read before the connection is cut, in milliseconds. */
const LINGER_MS = 500;

/** A request that was begun on a connection, as far as it is known. */
interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
}

/** The problem for an error code of the HTTP server. */
function problemOf(code: string | undefined): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return Problem.http('headers-too-large', 'The headers may have at most 16 kB in all');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return Problem.http('request-timeout', 'The request did not arrive in time');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return Problem.http('payload-too-large', 'The body has chunks with too many extensions');
    default:
      return Problem.http('malformed-request', 'What arrived can not be read as an HTTP request');
  }
}

/** The known data of a refused request. */
interface Refusal {
  requestId: string;
  /** Whether the answer must have no body. */
  isHead: boolean;
  reason: string | undefined;
}

/** Whether the unreadable request began with HEAD: a body would be taken for the next response. */
function isForHead(error: Error & { rawPacket?: Buffer }): boolean {
  return error.rawPacket?.toString('latin1', 0, 'HEAD '.length) === 'HEAD ';
}

/** A raw response, for a connection that the HTTP server has given up. */
function answerText(problem: Problem, requestId: string, isHead: boolean): string {
  const body = JSON.stringify(problem.toBody());
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
    `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    `${REQUEST_ID_HEADER}: ${requestId}`,
    'X-Content-Type-Options: nosniff',
    'Cache-Control: no-store',
    'Connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${isHead ? '' : body}`;
}

/**
 * Answers errors of the HTTP server, from before routing, like every other fault. Fastify's `clientErrorHandler` would
 * need the logger earlier than there is one: see docs/decisions/0043.
 */
export class MalformedRequests {
  private readonly exchanges = new WeakMap<object, Exchange>();
  private readonly refused = new WeakSet<object>();

  constructor(private readonly logger: PinoLogger) {}

  watch(server: FastifyInstance): void {
    const listener: Server = server.server;
    // Before the framework's own listener, as a request may fail while that looks at it.
    listener.prependListener('request', (request, response) => {
      this.exchanges.set(request.socket, { request, response });
    });
    listener.removeAllListeners('clientError');
    listener.on('clientError', (error: NodeJS.ErrnoException, socket) =>
      this.refuse(error, socket as Socket),
    );
    listener.on('checkExpectation', (request: IncomingMessage) => this.refuseExpectation(request));
  }

  private refuse(error: NodeJS.ErrnoException, socket: Socket): void {
    if (this.refused.has(socket)) return;
    this.refused.add(socket);
    const exchange = this.exchanges.get(socket);
    const isInBody = exchange !== undefined && !exchange.request.complete;
    const isGone = error.code === 'ECONNRESET' || !socket.writable;
    if (isGone || (isInBody && exchange.response.headersSent)) {
      // The client is gone, or got its response before the request was complete.
      socket.destroy();
    } else if (exchange && !isInBody && !exchange.response.writableEnded) {
      // The unreadable bytes follow a valid request; a response would be taken for that request's.
      exchange.response.shouldKeepAlive = false;
      exchange.response.once('close', () => socket.destroy());
    } else {
      const requestId = isInBody ? requestIdOf(exchange.request) : randomUUID();
      const isHead = isInBody ? exchange.request.method === 'HEAD' : isForHead(error);
      this.write(socket, problemOf(error.code), { requestId, isHead, reason: error.code });
    }
  }

  private write(socket: Socket, problem: Problem, { requestId, isHead, reason }: Refusal): void {
    this.logger.info({ requestId, status: problem.status, reason }, 'a request could not be read');
    socket.end(answerText(problem, requestId, isHead));
    // Cutting it at once would take the answer away from a client that is still sending.
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  }

  private refuseExpectation(request: IncomingMessage): void {
    const problem = Problem.http('expectation-failed', 'Only 100-continue can be expected of this service');
    this.refused.add(request.socket);
    const isHead = request.method === 'HEAD';
    this.write(request.socket, problem, {
      requestId: requestIdOf(request),
      isHead,
      reason: 'ERR_EXPECTATION',
    });
  }
}
