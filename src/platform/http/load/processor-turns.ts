import type { FastifyInstance, FastifyRequest, onRequestHookHandler, RouteOptions } from 'fastify';
import { currentContext, type RequestContext } from '../../telemetry/request-context.js';
import { processorShareExceeded } from '../problem.js';
import { countRefusal, observeProcessorWait } from './load.metrics.js';
import { type PermitHolder, permitHolderOf } from './permit-holder.js';
import { ProcessorShareError } from './processor-account.js';
import { ProcessorShares, type Turn } from './processor-shares.js';

/** Minimum cost of a request on the event loop, with authentication and access log, in milliseconds. */
const REQUEST_MS = 0.5;

/** To parse and validate a body, or to read rows and write them as JSON, in milliseconds a kilobyte. */
const MS_PER_KB = 0.07;

/** To read a chunk of a body, in milliseconds. */
const MS_PER_CHUNK = 0.002;

/** The kind of requests without a limit on those in progress, and of those that may not reach their route. */
const UNBOUNDED = 'unbounded';
const REFUSED = 'refused';

/** All senders of wrong credentials, or of none where some are needed, and all foreign pages. */
const STRANGERS: PermitHolder = { name: 'strangers', isCustomer: true };

/** The turn of each request in progress, by its context. */
const turns = new WeakMap<RequestContext, Turn>();

declare module 'fastify' {
  interface FastifyRequest {
    /** Null until the request has its share of the processor, and where it needs none. */
    processorTurn: Turn | null;
  }
}

function costOf(bytes: number): number {
  return (bytes / 1_000) * MS_PER_KB;
}

/**
 * Makes every request of a route that needs a caller wait for the share of its caller, before its permit is looked at and
 * its body is read. A refused request costs its share too. To be called before the first route is made, and before the
 * responses are compressed.
 */
export function shareProcessor(server: FastifyInstance): ProcessorShares {
  const shares = new ProcessorShares();
  server.decorateRequest('processorTurn', null);
  server.addHook('onRoute', (route: RouteOptions) => {
    const { access, bulkhead } = route.config ?? {};
    if (!access || 'group' in access) return;
    route.onRequest = [...[route.onRequest ?? []].flat(), entering(shares, bulkhead?.kind ?? UNBOUNDED)];
  });
  server.addHook('onSend', (request, _reply, payload, done) => {
    end(shares, request, payload);
    done(null, payload);
  });
  // For requests without a response, such as after a failure in another response hook.
  server.addHook('onResponse', (request, _reply, done) => {
    end(shares, request, undefined);
    done();
  });
  return shares;
}

/**
 * Makes the refusal of a request that may not reach its route wait for a share: that of its caller, or the one that all
 * requests with wrong credentials have together, however many networks they come from.
 */
export async function delayRefusal(shares: ProcessorShares, request: FastifyRequest): Promise<void> {
  const holder = request.caller ? permitHolderOf(request) : STRANGERS;
  const isGone = (): boolean => request.raw.socket.destroyed;
  try {
    request.processorTurn = await measureWait(REFUSED, () =>
      shares.begin(holder, REFUSED, REQUEST_MS, isGone),
    );
  } catch (error) {
    // Too many wait already: it is refused at once, or has waited for long enough.
    if (!(error instanceof ProcessorShareError)) throw error;
  }
}

function end(shares: ProcessorShares, request: FastifyRequest, payload: unknown): void {
  const turn = request.processorTurn;
  if (!turn) return;
  request.processorTurn = null;
  const sent = typeof payload === 'string' ? payload.length : 0;
  const chunksMs = request.bodyChunks * MS_PER_CHUNK;
  shares.end(turn, REQUEST_MS + costOf(receivedBytes(request) + sent) + chunksMs + turn.furtherMs);
}

function entering(shares: ProcessorShares, kind: string): onRequestHookHandler {
  return (request, _reply, done) => {
    const begin = (turn: Turn): void => {
      request.processorTurn = turn;
      if (request.observed) turns.set(request.observed.context.work, turn);
      done();
    };
    const refuse = (error: unknown): void => {
      if (!(error instanceof ProcessorShareError)) return done(error as Error);
      countRefusal(kind, 'processor_share');
      done(processorShareExceeded(error.retryAfterS));
    };
    try {
      const leastMs = REQUEST_MS + costOf(receivedBytes(request));
      const isGone = (): boolean => request.raw.socket.destroyed;
      const turn = measureWait(kind, () => shares.begin(permitHolderOf(request), kind, leastMs, isGone));
      if (turn instanceof Promise) void turn.then(begin, refuse);
      else begin(turn);
    } catch (error) {
      refuse(error);
    }
  };
}

function measureWait(kind: string, begin: () => Turn | Promise<Turn>): Turn | Promise<Turn> {
  const startedAt = performance.now();
  const turn = begin();
  return turn instanceof Promise
    ? turn.finally(() => observeProcessorWait(kind, performance.now() - startedAt))
    : turn;
}

/** Of a body in chunks, nothing is known before it is read. */
function receivedBytes({ bodyBytes, headers }: FastifyRequest): number {
  return bodyBytes > 0 ? bodyBytes : Number(headers['content-length'] ?? 0);
}

/**
 * Charges the caller for work whose amount the size of its request and response does not show, such as that of an order
 * after its response. To be called before the response is sent.
 *
 * @param ms estimated processor time in milliseconds
 */
export function addProcessorTime(ms: number): void {
  const turn = currentTurn();
  if (turn) turn.furtherMs += ms;
}

function currentTurn(): Turn | undefined {
  const work = currentContext()?.work;
  return work && turns.get(work);
}
