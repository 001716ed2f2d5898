import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { findForeignPage } from '../src/platform/http/edge/foreign-page.ts';
import { BoundedLog, type Numbered } from './bounded-log.ts';
import { Faults, type Fault, type FaultKind } from './faults.ts';
import { type Answer, JSON_TYPE, MAX_KEY_LENGTH, refusal, StoredAnswers } from './idempotency.ts';
import { BadInput, causeOf } from './input.ts';
import type { Origin } from './stock.ts';

export const SERVICE_NAMES = ['inventory', 'notification', 'catalog', 'carts'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

/** Paths that belong to the control calls; faults, the call log and idempotency keys don't concern them. */
export const CONTROL_PREFIX = '/sandbox/';

/** Received calls that are remembered: enough for what a test looks back on. */
const CALL_LOG_LIMIT = 10_000;

/** The services' documented maximum latency; a fault rule can exceed it. */
export const MAX_ANSWER_DELAY_MS = 500;

/** Identifiers in paths may be 300 characters long; fastify's own limit is 100. */
const MAX_PARAMETER_LENGTH = 1_000;

/** One call that a server has received. */
export interface CallRecord extends Numbered {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly key: string | null;
  /** The headers that identify the request behind the call; absent where there were none. */
  readonly causedBy?: Readonly<Record<string, string>>;
  /** Null as long as there is no answer, and for ever when a fault swallows it. */
  status: number | null;
  readonly fault: FaultKind | null;
}

/** A call as its handler sees it. `route` and `key` identify the origin of a change. */
export interface Call extends Origin {
  readonly params: Readonly<Record<string, string>>;
  readonly query: unknown;
  readonly body: unknown;
}

export type Handler = (call: Call) => Answer;

export interface Mutation {
  /** Acts at once and answers. The answer is kept for the key. */
  effect: Handler;
  /** Notes a repetition that was answered from memory. */
  replayed: (call: Call) => void;
}

export type MutationMethod = 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** All parameters of paths are text. */
interface Route {
  Params: Record<string, string>;
}
type RoutedRequest = FastifyRequest<Route>;

/** What a request carries through its hooks. */
interface Arrival {
  readonly record: CallRecord;
  readonly fault: Fault | null;
  readonly path: string;
  /** The body as it came, for comparison with later calls that have the same key. */
  text: string;
}

export interface ServiceServerOptions {
  host: string;
  port: number;
  /** Time between effect and answer. */
  delayMs: number;
  honourIdempotencyKeys: boolean;
  /** Called when something happened that the state file keeps. */
  changed: () => void;
}

function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? url;
}

/** One stand-in: an HTTP server with a call log, idempotency keys and faults. What it answers is added from outside. */
export class ServiceServer {
  readonly faults = new Faults();
  readonly calls = new BoundedLog<CallRecord>(CALL_LOG_LIMIT);
  readonly answers = new StoredAnswers();
  /** False makes it a plain service, which acts again on every repetition. May be switched at any time. */
  honourIdempotencyKeys: boolean;
  /** Milliseconds between effect and answer. May be changed at any time. */
  delayMs: number;
  readonly #app: FastifyInstance;
  readonly name: ServiceName;
  private readonly options: ServiceServerOptions;

  constructor(name: ServiceName, options: ServiceServerOptions) {
    this.name = name;
    this.options = options;
    this.honourIdempotencyKeys = options.honourIdempotencyKeys;
    this.delayMs = options.delayMs;
    // Hanging calls are part of the job, so closing must not wait for them.
    this.#app = fastify({
      forceCloseConnections: true,
      exposeHeadRoutes: false,
      routerOptions: { maxParamLength: MAX_PARAMETER_LENGTH },
      frameworkErrors: (error, _request, reply) =>
        send(reply, refusal(error.statusCode ?? 400, error.message)),
    });
    this.#app.decorateRequest('arrival', null);
    this.#app.removeAllContentTypeParsers();
    this.#app.addContentTypeParser('application/json', { parseAs: 'string' }, parseBody);
    this.#app.setErrorHandler<Error & { statusCode?: number }>((error, _request, reply) => {
      send(reply, refusal(error.statusCode ?? 500, error.message));
    });
    this.#app.setNotFoundHandler((_request, reply) => send(reply, refusal(404, 'Not Found')));
    this.#addHooks();
    this.read('/health', () => ({ status: 200, body: `{"status":"healthy","service":"${name} (sandbox)"}` }));
  }

  /** Where it listens; before that, where it would. */
  get url(): string {
    const { host } = this.options;
    const address = this.#app.server.address();
    const port = address === null || typeof address === 'string' ? this.options.port : address.port;
    const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
    return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
  }

  get listening(): boolean {
    return this.#app.server.listening;
  }

  async listen(): Promise<void> {
    await this.#app.listen({ host: this.options.host, port: this.options.port });
  }

  async close(): Promise<void> {
    this.faults.reset();
    await this.#app.close();
  }

  /** Forgets calls, stored answers and faults. */
  reset(): void {
    this.faults.reset();
    this.calls.clear();
    this.answers.clear();
  }

  /** Adds a call that changes nothing. */
  read(path: string, handle: (call: Call) => Answer | Promise<Answer>): void {
    this.#app.get<Route>(path, async (request, reply) => {
      this.#answer(reply, await handle(toCall(request, `GET ${path}`)));
      return reply;
    });
  }

  /** Adds a call that changes something, and so honours idempotency keys. */
  mutate(method: MutationMethod, path: string, mutation: Mutation): void {
    const route = `${method} ${path}`;
    this.#app.route<Route>({
      method,
      url: path,
      handler: (request, reply) => this.#answer(reply, this.#once(toCall(request, route), request, mutation)),
    });
  }

  /** Adds a control call, `path` being what follows `/sandbox/`. */
  control(method: 'GET' | MutationMethod, path: string, handle: Handler): void {
    const url = CONTROL_PREFIX + path;
    this.#app.route<Route>({
      method,
      url,
      handler: (request, reply) => send(reply, handle(toCall(request, `${method} ${url}`))),
    });
  }

  #once(call: Call, request: RoutedRequest, mutation: Mutation): Answer {
    if (call.key === null || !this.honourIdempotencyKeys) return act(mutation, call);
    if (call.key.length > MAX_KEY_LENGTH) return refusal(422, 'Idempotency-Key is too long');
    const { path, text } = request.getDecorator<Arrival>('arrival');
    const id = `${request.method} ${path} ${call.key}`;
    const stored = this.answers.find(id, text);
    if (stored) {
      // A repeated refusal had no effect the first time either.
      if (stored.replay && stored.answer.status < 300) mutation.replayed(call);
      return stored.answer;
    }
    const first = act(mutation, call);
    this.answers.keep(id, text, first);
    this.options.changed();
    return first;
  }

  #answer(reply: FastifyReply, answer: Answer): void {
    if (this.delayMs === 0) send(reply, answer);
    else setTimeout(() => send(reply, answer), this.delayMs);
  }

  #addHooks(): void {
    this.#app.addHook('onRequest', (request, reply, done) => {
      const foreign = findForeignPage(request.headers, { origins: [] });
      if (foreign !== undefined) return send(reply, refusal(403, foreign));
      const arrival = this.#arrive(request);
      if (arrival?.fault?.kind === 'refuse' || arrival?.fault?.kind === 'away') {
        reply.hijack();
        request.raw.socket.destroy();
      } else {
        done();
      }
    });
    // Only here has the body been read: a call that is delayed has its effect even when its caller has gone.
    this.#app.addHook('preHandler', (request, reply, done) => {
      const arrival = request.getDecorator<Arrival | null>('arrival');
      if (arrival?.fault?.when !== 'before') done();
      else this.faults.inject(arrival.fault, reply, '', done, (answer) => send(reply, answer));
    });
    this.#app.addHook('onSend', (request, reply, payload, done) => {
      const arrival = request.getDecorator<Arrival | null>('arrival');
      const finish = (body: unknown): void => {
        if (arrival) arrival.record.status = reply.statusCode;
        done(null, body);
      };
      if (arrival?.fault?.when !== 'after') return finish(payload);
      const body = typeof payload === 'string' ? payload : '';
      return this.faults.inject(
        arrival.fault,
        reply,
        body,
        () => finish(payload),
        (spoilt) => {
          reply.code(spoilt.status).type(JSON_TYPE);
          finish(spoilt.body);
        },
      );
    });
  }

  #arrive(request: FastifyRequest): Arrival | null {
    if (request.url.startsWith(CONTROL_PREFIX)) return null;
    const path = pathOf(request.url);
    const fault = this.faults.take(request.method, path);
    const record = this.calls.append({
      sequence: this.calls.nextSequence,
      at: Date.now(),
      method: request.method,
      path,
      key: keyOf(request),
      ...causeOf(request.headers),
      status: null,
      fault: fault?.kind ?? null,
    });
    const arrival: Arrival = { record, fault, path, text: '' };
    request.setDecorator('arrival', arrival);
    return arrival;
  }
}

function parseBody(
  request: FastifyRequest,
  text: string | Buffer,
  done: (error: Error | null, body?: unknown) => void,
): void {
  const arrival = request.getDecorator<Arrival | null>('arrival');
  if (arrival) arrival.text = String(text);
  // Some clients name a content type where there is no content, as with DELETE.
  if (text === '') return done(null, undefined);
  try {
    return done(null, JSON.parse(String(text)));
  } catch {
    return done(new BadInput('The body is not valid JSON'));
  }
}

function keyOf(request: FastifyRequest): string | null {
  const key = request.headers['idempotency-key'];
  return typeof key === 'string' && key !== '' ? key : null;
}

function toCall(request: RoutedRequest, route: string): Call {
  const { body, query } = request;
  return { params: request.params, query, body, key: keyOf(request), route };
}

function act(mutation: Mutation, call: Call): Answer {
  try {
    return mutation.effect(call);
  } catch (error) {
    // Bad input gets an answer like any other, which is then kept for the key.
    if (error instanceof BadInput) return refusal(error.statusCode, error.message);
    throw error;
  }
}

function send(reply: FastifyReply, { status, body }: Answer): void {
  reply.code(status);
  if (body === '') reply.send();
  else reply.type(JSON_TYPE).send(body);
}
