import type {
  FastifyInstance,
  FastifyRequest,
  onRequestHookHandler,
  onResponseHookHandler,
  onSendHookHandler,
  preHandlerAsyncHookHandler,
  RouteOptions,
} from 'fastify';
import type { Settings } from '../../config/settings.js';
import { Deadline } from '../deadline.js';
import { Gate, NoRoom } from '../gate.js';
import { LoadGuard } from './load-guard.js';
import { overloaded } from './problem.js';
import { AddRouteConfig } from './route-config.js';

/**
 * Reads at a time for each connection of the pool. They wait in its queue for a few statements of a millisecond or two;
 * whoever comes after them would wait for so long that an early refusal is the better answer.
 */
const READS_PER_CONNECTION = 10;

/** Which bound a route is under: `reads` need nothing but the database, `placements` need other services as well. */
type Bound = 'reads' | 'placements';

interface Entrance {
  gate: Gate;
  /** How long one who comes now may wait to be let in. */
  readonly admissionMs: number;
  noteRefusal(): void;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Gives back the place that the request takes up, while it does. */
    leaveGate: (() => void) | null;
  }
  interface FastifyContextConfig {
    bound?: Bound;
  }
}

/** For operations that need nothing but the database: only so many at a time, the others are refused. */
export function BoundedReads(): MethodDecorator {
  return AddRouteConfig({ bound: 'reads' });
}

/** The same for operations that place orders, which need other services and take accordingly long. */
export function BoundedPlacements(): MethodDecorator {
  return AddRouteConfig({ bound: 'placements' });
}

/**
 * Makes the bounds hold. What does not get in is refused before its body is looked at. To be called before the first
 * route is made.
 */
export function boundRoutes(server: FastifyInstance, settings: Settings): void {
  const reads = new Gate(settings.DATABASE_POOL_SIZE * READS_PER_CONNECTION, 0);
  // As many may wait as are inside: more than those could not get in in time anyway.
  const placements = new Gate(settings.MAX_PLACEMENTS, settings.MAX_PLACEMENTS);
  const guard = new LoadGuard(placements, settings.MAX_PLACEMENTS);
  server.addHook('onClose', async () => guard.stop());
  const bounds: Record<Bound, Entrance> = {
    reads: { gate: reads, admissionMs: 0, noteRefusal: () => undefined },
    placements: guard,
  };
  server.decorateRequest('leaveGate', null);
  server.addHook('onRoute', (route: RouteOptions) => {
    const bound = route.config?.bound;
    if (bound === undefined) return;
    const entrance = bounds[bound];
    route.onRequest = [...[route.onRequest ?? []].flat(), refusing(entrance)];
    route.preHandler = [...[route.preHandler ?? []].flat(), entering(entrance)];
    route.onSend = [...[route.onSend ?? []].flat(), leaveWithAnswer];
    route.onResponse = [...[route.onResponse ?? []].flat(), leaveAtTheEnd];
  });
}

/** Most of what is too much costs no more than this; a place is taken up only once the body has arrived. */
function refusing(entrance: Entrance): onRequestHookHandler {
  return (_request, _reply, done) => {
    if (!entrance.gate.isFull) return done();
    entrance.noteRefusal();
    done(overloaded());
  };
}

function entering(entrance: Entrance): preHandlerAsyncHookHandler {
  return async (request) => {
    try {
      request.leaveGate = await entrance.gate.enter(Deadline.in(entrance.admissionMs));
    } catch (error) {
      if (!(error instanceof NoRoom)) throw error;
      entrance.noteRefusal();
      throw overloaded();
    }
  };
}

/** With the answer all is done; how long a client takes to read it must not keep others out. */
const leaveWithAnswer: onSendHookHandler = (request, _reply, payload, done) => {
  leave(request);
  done(null, payload);
};

/** For requests that came to no answer, such as when something else that looks at the answer has failed. */
const leaveAtTheEnd: onResponseHookHandler = (request, _reply, done) => {
  leave(request);
  done();
};

function leave(request: FastifyRequest): void {
  request.leaveGate?.();
  request.leaveGate = null;
}
