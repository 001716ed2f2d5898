import type { FastifyInstance, FastifyRequest } from 'fastify';
import { nothingAt, Problem } from '../problem.js';

/** A path of a route, as in `/orders/:id` or `/docs/*`, in the form in which a request's path is compared with it. */
function patternOf(path: string): RegExp {
  const segments = path.split('/').map((segment) => {
    if (segment.startsWith(':')) return '[^/]+';
    return segment === '*' ? '.*' : segment.replace(/[^\w-]/g, String.raw`\$&`);
  });
  return new RegExp(`^${segments.join('/')}$`);
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}

/** Knows which methods each address has, and answers those that it does not have. */
export class OtherMethods {
  private readonly routes = new Map<string, { pattern: RegExp; methods: Set<string> }>();

  /** To be made before the first route. */
  constructor(private readonly server: FastifyInstance) {
    server.addHook('onRoute', ({ url, method }) => {
      // Where CORS is on, its preflights have a route that matches every address.
      if (url === '*') return;
      const route = this.routes.get(url) ?? { pattern: patternOf(url), methods: new Set(['OPTIONS']) };
      for (const name of [method].flat()) route.methods.add(name);
      this.routes.set(url, route);
    });
  }

  /**
   * Answers OPTIONS with the methods of a path.
   *
   * @param arePreflightsAnswered whether CORS answers preflight requests
   */
  answerOptions(arePreflightsAnswered: boolean): void {
    this.server.addHook('onRequest', (request, reply, done) => {
      const isPreflight = request.headers['access-control-request-method'] !== undefined;
      if (request.method !== 'OPTIONS' || (isPreflight && arePreflightsAnswered)) return done();
      const path = pathOf(request);
      const allowed = this.methodsAt(path);
      if (allowed.length === 0) return done(nothingAt(request.method, path));
      void reply.status(204).header('allow', allowed.join(', ')).send();
    });
  }

  /**
   * Answers other methods of an address with 405, and what has no address with 404, before a body is read. TRACE, which would
   * send a request's secrets back, is a method of no address.
   */
  refuseOthers(): void {
    this.server.addHook('onRequest', (request, _reply, done) => {
      if (!request.is404) return done();
      const path = pathOf(request);
      const allowed = this.methodsAt(path);
      if (allowed.length === 0) return done(nothingAt(request.method, path));
      const detail = `${request.method} is not possible at ${path}, only ${allowed.join(', ')}`;
      const headers = { allow: allowed.join(', ') };
      done(Problem.http('method-not-allowed', detail, { allowed_methods: allowed }, headers));
    });
  }

  /** None where there is nothing. */
  private methodsAt(path: string): string[] {
    const matching = [...this.routes.values()].filter(({ pattern }) => pattern.test(path));
    return [...new Set(matching.flatMap(({ methods }) => [...methods]))].toSorted();
  }
}
