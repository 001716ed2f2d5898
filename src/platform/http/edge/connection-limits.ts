import type { Server } from 'node:http';
import type { FastifyHttpOptions } from 'fastify';
import type { Settings } from '../../../config/settings.js';

/** Time limits of a client connection, in milliseconds. */
export interface ConnectionLimits {
  /** For the head of a request. */
  headMs: number;
  /** For a whole request, head and body. */
  requestMs: number;
  /** Between two requests. */
  idleMs: number;
  /** Idle time in both directions, also during a request: for a client that does not read its response. */
  silentMs: number;
  /** How often the first two are looked at; a client may take longer by as much. */
  checkMs: number;
}

/** A head has at most 16 kB. It arrives at once, or from a client that holds connections open on purpose. */
export const HEAD_MS = 5_000;

/** A client that needs longer to send a request of at most 100 kB is stuck or means harm. */
export const REQUEST_MS = 15_000;

/** How much longer than a request may take its connection may be silent: the database may add to the deadline. */
export const SILENT_MARGIN_MS = 20_000;

const CHECK_MS = 1_000;

export function connectionLimits({
  REQUEST_DEADLINE_MS,
  KEEP_ALIVE_TIMEOUT_MS,
}: Pick<Settings, 'REQUEST_DEADLINE_MS' | 'KEEP_ALIVE_TIMEOUT_MS'>): ConnectionLimits {
  return {
    headMs: HEAD_MS,
    requestMs: REQUEST_MS,
    idleMs: KEEP_ALIVE_TIMEOUT_MS,
    silentMs: REQUEST_DEADLINE_MS + SILENT_MARGIN_MS,
    checkMs: CHECK_MS,
  };
}

/** The limits as options of the HTTP server. */
export function serverOptions({ headMs, requestMs, idleMs, silentMs, checkMs }: ConnectionLimits) {
  return {
    requestTimeout: requestMs,
    keepAliveTimeout: idleMs,
    connectionTimeout: silentMs,
    http: {
      headersTimeout: headMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: checkMs,
      // A request without it gets an answer that says so: see request-checks.ts.
      requireHostHeader: false,
    },
  } satisfies FastifyHttpOptions<Server>;
}
