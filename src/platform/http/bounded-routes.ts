import { applyDecorators } from '@nestjs/common';
import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  onRequestHookHandler,
  onResponseHookHandler,
  onSendHookHandler,
  preHandlerAsyncHookHandler,
  RouteOptions,
} from 'fastify';
import type { Registry } from 'prom-client';
import type { Settings } from '../../config/settings.js';
import { Deadline } from '../deadline.js';
import { BulkheadFullError, CallerBulkhead, type RefusalReason } from './load/caller-bulkhead.js';
import { countRefusal, measureBulkheads } from './load/load.metrics.js';
import { permitHolderOf } from './load/permit-holder.js';
import { AdaptiveConcurrencyLimit } from './adaptive-concurrency-limit.js';
import { overloaded, type Problem, concurrencyLimitExceeded } from './problem.js';
import { ApiProblems } from './problem.openapi.js';
import { AddRouteConfig } from './route-config.js';

/** A kind of requests with a limit on those in progress, shared by their callers. */
export interface Bulkhead {
  /** Names it in metrics. */
  readonly kind: string;
  readonly permits: number | ((settings: Settings) => number);
  /** How many requests may wait for a permit, and how long, in milliseconds. */
  readonly maxWaiting: number | ((settings: Settings) => number);
  readonly admissionMs: number;
  /** Whether there are fewer permits, and shorter waits, while the event loop is late. */
  readonly isAdaptive?: boolean;
  /** Whether a request has its permit until its response is sent; otherwise only until the response is known. */
  readonly isLongLived?: boolean;
  /** A permit is taken for at least this long, in milliseconds: limits how often a caller can begin. */
  readonly minHoldMs?: number;
}

/**
 * Concurrent reads per connection of the pool. They queue for a few statements of a millisecond or two; beyond that
 * an early refusal is the better response.
 */
const READS_PER_CONNECTION = 10;

export const READS: Bulkhead = {
  kind: 'reads',
  permits: ({ DATABASE_POOL_SIZE }) => DATABASE_POOL_SIZE * READS_PER_CONNECTION,
  maxWaiting: 0,
  admissionMs: 0,
};

/** A bulkhead as the routes of one server share it. */
interface Entrance {
  readonly bulkhead: CallerBulkhead;
  /** Current time limit of the wait for a permit. */
  readonly admissionMs: () => number;
  readonly noteRequest: () => void;
  readonly refuse: (reason: RefusalReason) => Problem;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Releases the permit of the request, while it has one. */
    leaveBulkhead: (() => void) | null;
  }
  interface FastifyContextConfig {
    bulkhead?: Bulkhead;
  }
}

/** Limits these requests in progress, in all and for each caller. Others are refused. All of them need the database. */
export function Bounded(bulkhead: Bulkhead): MethodDecorator {
  return applyDecorators(AddRouteConfig({ bulkhead }), ApiProblems('overloaded', 'database-unavailable'));
}

/** For operations that need only the database. */
export function BoundedReads(): MethodDecorator {
  return Bounded(READS);
}

/** Enforces the bulkheads. A refusal comes before the body is read. Call it before the first route is registered. */
export function boundRoutes(server: FastifyInstance, settings: Settings, registry: Registry): void {
  const entrances = new Map<Bulkhead, Entrance>();
  const bulkheads = new Map<string, CallerBulkhead>();
  const entranceOf = (definition: Bulkhead): Entrance => {
    const entrance = entrances.get(definition) ?? open(definition, server, settings);
    entrances.set(definition, entrance);
    bulkheads.set(definition.kind, entrance.bulkhead);
    return entrance;
  };
  measureBulkheads(registry, bulkheads);
  server.decorateRequest('leaveBulkhead', null);
  server.addHook('onRoute', (route: RouteOptions) => {
    const definition = route.config?.bulkhead;
    if (definition === undefined) return;
    const entrance = entranceOf(definition);
    route.onRequest = [...[route.onRequest ?? []].flat(), refusing(entrance)];
    route.preHandler = [...[route.preHandler ?? []].flat(), entering(entrance, definition)];
    if (definition.isLongLived) return;
    route.onSend = [...[route.onSend ?? []].flat(), leaveWithResponse];
    route.onResponse = [...[route.onResponse ?? []].flat(), leaveAtTheEnd];
  });
}

function open(definition: Bulkhead, server: FastifyInstance, settings: Settings): Entrance {
  const { kind, permits, maxWaiting, admissionMs, isAdaptive } = definition;
  const numberOf = (value: Bulkhead['permits']) => (typeof value === 'number' ? value : value(settings));
  const bulkhead = new CallerBulkhead(numberOf(permits), numberOf(maxWaiting));
  const guard = isAdaptive === true ? new AdaptiveConcurrencyLimit(bulkhead, bulkhead.total) : undefined;
  server.addHook('onClose', async () => guard?.stop());
  return {
    bulkhead,
    admissionMs: () => guard?.admissionMs ?? admissionMs,
    noteRequest: () => guard?.noteRequest(),
    refuse(reason) {
      countRefusal(kind, reason);
      if (reason === 'caller_share') return concurrencyLimitExceeded();
      guard?.noteRefusal();
      return overloaded();
    },
  };
}

/** Most of the overload costs only this check; a permit is taken only once the body has arrived. */
function refusing({ bulkhead, noteRequest, refuse }: Entrance): onRequestHookHandler {
  return (request, _reply, done) => {
    noteRequest();
    const refusal = bulkhead.refusalFor(permitHolderOf(request));
    done(refusal && refuse(refusal));
  };
}

function entering(
  { bulkhead, admissionMs, refuse }: Entrance,
  { isLongLived, minHoldMs = 0 }: Bulkhead,
): preHandlerAsyncHookHandler {
  return async (request, reply) => {
    try {
      const release = await bulkhead.enter(permitHolderOf(request), Deadline.in(admissionMs()));
      if (isLongLived === true) leaveWhenClosed(reply, release, minHoldMs);
      else request.leaveBulkhead = release;
    } catch (error) {
      throw error instanceof BulkheadFullError ? refuse(error.reason) : error;
    }
  };
}

/** A long response is made while it is sent, so its end is that of its connection or of its last byte. */
function leaveWhenClosed({ raw }: FastifyReply, release: () => void, minHoldMs: number): void {
  const isLongEnough = Deadline.in(minHoldMs);
  const onClose = (): void => {
    setTimeout(release, isLongEnough.remaining()).unref();
  };
  if (raw.closed || raw.destroyed) onClose();
  else raw.once('close', minHoldMs > 0 ? onClose : release);
}

/** The permit is released with the response; a slow reader must not keep others out. */
const leaveWithResponse: onSendHookHandler = (request, _reply, payload, done) => {
  leave(request);
  done(null, payload);
};

/** For requests without a response, such as after a failure in another response hook. */
const leaveAtTheEnd: onResponseHookHandler = (request, _reply, done) => {
  leave(request);
  done();
};

function leave(request: FastifyRequest): void {
  request.leaveBulkhead?.();
  request.leaveBulkhead = null;
}
