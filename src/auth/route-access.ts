import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify';
import type { Settings } from '../config/settings.js';
import type { PublicGroup, RequestCaller, RouteAccess } from '../platform/http/caller.js';
import { ANONYMOUS, insufficientScope } from './access.js';
import type { ProcessorShares } from '../platform/http/load/processor-shares.js';
import { delayRefusal } from '../platform/http/load/processor-turns.js';
import { Problem } from '../platform/http/problem.js';
import type { Authenticator } from './authenticator.js';

/** Swagger UI, its files and the document: routes of a library, which can't declare their access. */
const DOCS = /^\/docs([-/]|$)/;

/** The access to routes of libraries, which can't declare it themselves. */
function accessOfLibraries({ url, method }: RouteOptions): RouteAccess | undefined {
  if (DOCS.test(url)) return { group: 'docs' };
  // Where CORS is on: browsers ask with it whether they may ask, and send no credentials (Fetch, 3.3.1).
  if (url === '*' && method === 'OPTIONS') return { group: 'always' };
  return undefined;
}

/**
 * Requires that every route declares its access. Call it before the first route is registered.
 *
 * @throws at the start, for a route without a declaration
 */
export function declareRoutes(server: FastifyInstance): void {
  server.decorateRequest('caller', null);
  server.addHook('onRoute', (route: RouteOptions) => {
    const access = route.config?.access ?? accessOfLibraries(route);
    if (!access) throw new Error(`${String(route.method)} ${route.url} does not declare its access`);
    route.config = { ...route.config, access };
  });
}

/**
 * Enforces the access of every route, before the body is read.
 *
 * @param shares of the processor, which a flood of refused requests must not take from the others
 */
export function guardRoutes(
  server: FastifyInstance,
  authenticator: Authenticator,
  settings: Settings,
  shares: ProcessorShares,
): void {
  if (settings.AUTH === 'none') {
    server.addHook('onRequest', (request, _reply, done) => {
      request.caller = ANONYMOUS;
      done();
    });
    server.decorateRequest('isStillAllowed', () => Promise.resolve(true));
    return;
  }
  const isPublic: Record<PublicGroup, boolean> = {
    always: true,
    health: settings.HEALTH_PUBLIC,
    docs: settings.DOCS_PUBLIC,
  };
  server.addHook('onRequest', async (request) => {
    const access = accessOf(request);
    if (!access || ('group' in access && isPublic[access.group])) return;
    try {
      const caller: RequestCaller = await authenticator.identify(request.headers);
      request.caller = caller;
      if ('scopes' in access && !hasScope(access, caller)) throw insufficientScope(access.scopes[0]);
    } catch (error) {
      if (isRefusal(error)) await delayRefusal(shares, request);
      throw error;
    }
  });
  server.decorateRequest('isStillAllowed', async function (this: FastifyRequest) {
    const access = accessOf(this);
    const now = await authenticator.identify(this.headers).catch(() => undefined);
    if (!now || now.id !== this.caller?.id || now.customerId !== this.caller.customerId) return false;
    return !access || !('scopes' in access) || hasScope(access, now);
  });
}

function hasScope({ scopes }: { scopes: readonly string[] }, caller: RequestCaller): boolean {
  return scopes.some((scope) => caller.scopes.has(scope));
}

/** Whether the caller is at fault, and not an issuer that does not answer. */
function isRefusal(error: unknown): boolean {
  return error instanceof Problem && error.status < 500;
}

/** Undefined only where there is no route; such a request gets its 404 without credentials. */
function accessOf(request: FastifyRequest): RouteAccess | undefined {
  if (request.is404) return undefined;
  const { access } = request.routeOptions.config;
  if (!access) throw new Error('a route was registered without a declaration of its access');
  return access;
}
