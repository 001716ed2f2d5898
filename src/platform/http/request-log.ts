import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { PinoLogger } from 'nestjs-pino';
import { Histogram } from 'prom-client';
import { Deadline } from '../deadline.js';
import { parseTraceContext } from '../telemetry/trace-context.js';
import { type Span, startSpan } from '../telemetry/tracer.js';
import {
  runInContext,
  newRequestContext,
  type ExecutionContext,
  type RequestContext,
  subjectsOf,
  type WorkSubject,
} from '../telemetry/request-context.js';
import { identityOf } from './caller.js';
import { networkOf, ONE_CUSTOMER } from './edge/networks.js';
import { REQUEST_ID_HEADER } from './edge/request-identity.js';

/** From the duration of a query to the deadline of a request, 10 s by default. */
const BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20];

/** The route label of unknown paths: the path itself could be anything. */
const UNMATCHED = 'unmatched';

/**
 * Polled by programs every few seconds: their log lines would bury the others, and their spans cost more than they
 * show.
 */
const BY_MACHINES = /^\/(health|metrics)\b/;

/** Refusals that save work are frequent during an overload, and no reason for a warning each. */
const UNREMARKABLE = new Set(['not-ready', 'overloaded']);

const requestDuration = new Histogram({
  name: 'http_request_duration_seconds',
  help: 'Duration of requests by the pattern of their route (unmatched without one).',
  labelNames: ['method', 'route', 'status'] as const,
  buckets: BUCKETS_S,
});

/** State of a request in progress. */
interface Observed {
  context: ExecutionContext;
  /** The pattern of its route. */
  route: string;
  span: Span | undefined;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Null until the first hook has seen the request, and for good where the router could not even read it. */
    observed: Observed | null;
  }
}

/** Finds what a request is about in the parameters of its path. */
export type SubjectsInAddress = (params: object) => Iterable<readonly [WorkSubject, string]>;

/** The pattern of the route, as in `/orders/:id`. Never the address: it may hold the id or e-mail address of a customer. */
function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? UNMATCHED;
}

/**
 * Follows each request until it has been answered: puts its id into the answer, makes it a part of the trace that it
 * came with, measures it, and logs one line about it.
 *
 * @param deadlineMs how long the work for a request may take, from the end of its body
 */
export function logRequests(
  server: FastifyInstance,
  logger: PinoLogger,
  deadlineMs: number,
  subjectsIn: SubjectsInAddress,
): void {
  server.decorateRequest('observed', null);
  server.addHook('onRequest', (request, reply, done) => {
    void reply.header(REQUEST_ID_HEADER, request.id);
    request.observed = begin(request, subjectsIn);
    runInContext(request.observed.context, done);
  });
  // The events of the body arrive outside the request context; it is restored for the hooks after this one.
  server.addHook('preValidation', (request, _reply, done) => {
    if (!request.observed) return done();
    const { context } = request.observed;
    context.work.caller = identityOf(request) ?? networkOf(request.ip, ONE_CUSTOMER);
    // From here, so that a client that sends its body slowly takes none of this time.
    runInContext({ ...context, deadline: Deadline.in(deadlineMs) }, done);
  });
  server.addHook('onResponse', (request, reply, done) => {
    if (request.observed) finish(request.observed, request, reply, logger);
    done();
  });
}

function begin(request: FastifyRequest, subjectsIn: SubjectsInAddress): Observed {
  const work = newRequestContext(request.id, subjectsIn(request.params ?? {}));
  const { traceparent, tracestate } = request.headers;
  const parent = parseTraceContext(traceparent, tracestate);
  const route = routeOf(request);
  const attributes = { 'http.request.method': request.method, 'http.route': route };
  const span = BY_MACHINES.test(route)
    ? undefined
    : startSpan({ name: `${request.method} ${route}`, kind: 'server', attributes, parent });
  return { context: { work, trace: span?.context ?? parent }, route, span };
}

function finish(
  { context, route, span }: Observed,
  request: FastifyRequest,
  reply: FastifyReply,
  logger: PinoLogger,
) {
  const { work, trace } = context;
  const status = reply.statusCode;
  const method = route === UNMATCHED ? 'any' : request.method;
  requestDuration.observe({ method, route, status }, reply.elapsedTime / 1_000);
  span?.set({ 'http.response.status_code': status, ...subjectsOf(work, 'traced') });
  if (status >= 500) span?.fail(work.problem ?? String(status));
  span?.end();
  const line = {
    requestId: request.id,
    traceId: trace?.traceId,
    callerId: request.caller?.id,
    ...subjectsOf(work, 'logged'),
    method: request.method,
    route,
    status,
    problem: work.problem,
    fault: work.fault,
    durationMs: round(reply.elapsedTime),
    upstreams: upstreamsOf(work),
  };
  if (BY_MACHINES.test(route)) logger.debug(line, 'request');
  else if (status >= 500 && !UNREMARKABLE.has(work.problem ?? '')) logger.warn(line, 'request');
  else logger.info(line, 'request');
}

/** Calls and milliseconds by service; undefined, which leaves the field out, where none was called. */
function upstreamsOf({
  upstreams,
}: RequestContext): Record<string, { calls: number; ms: number }> | undefined {
  if (upstreams.size === 0) return undefined;
  const tallies = [...upstreams].map(([name, { calls, ms }]) => [name, { calls, ms: round(ms) }] as const);
  return Object.fromEntries(tallies);
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
