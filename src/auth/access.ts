import { applyDecorators, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiSecurity } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import {
  ANONYMOUS_ID,
  type PublicGroup,
  type RequestCaller,
  type RouteAccess,
} from '../platform/http/caller.js';
import { Problem } from '../platform/http/problem.js';
import { ApiProblems } from '../platform/http/problem.openapi.js';
import { AddRouteConfig } from '../platform/http/route-config.js';

/**
 * The scopes of a caller.
 *
 * - `orders:place`: place orders; a customer may also cancel its own while they are `confirmed`
 * - `orders:read`: read one's own orders
 * - `orders:read:all`: read all orders; such a caller is bound to no customer
 * - `orders:status`: set the status of orders, and correct them
 * - `operations`: resolve incidents, redrive messages, read metrics
 * - `webhooks`: manage the endpoints that receive events
 */
export const SCOPES = [
  'orders:place',
  'orders:read',
  'orders:read:all',
  'orders:status',
  'operations',
  'webhooks',
] as const;

export type Scope = (typeof SCOPES)[number];

/** The scopes that count in a token without `orders:read:all`; the others are for staff. */
export const CUSTOMER_SCOPES = ['orders:place', 'orders:read'] as const satisfies readonly Scope[];

/** The sender of a request. */
export interface Caller extends RequestCaller {
  scopes: ReadonlySet<Scope>;
}

/** Every caller of a service without authentication (`AUTH=none`). */
export const ANONYMOUS: Caller = { id: ANONYMOUS_ID, scopes: new Set(SCOPES), customerId: null };

export const SECURITY_SCHEMES = ['bearer', 'apiKey'] as const;

/**
 * Lets only callers in that have one of the scopes; name first the one that is enough for all of the route. Every route
 * needs this, `@RequireKnownCaller()` or `@PublicRoute()`: the service does not start with one that has none of them.
 */
export function RequireScopes(...scopes: [Scope, ...Scope[]]): MethodDecorator {
  return applyDecorators(
    AddRouteConfig({ access: { scopes } }),
    // OpenAPI 3.1 lets the roles be named for any kind of scheme; one of them is enough here.
    ...SECURITY_SCHEMES.map((scheme) => ApiSecurity(scheme, scopes)),
    ApiProblems(
      'authentication-required',
      'invalid-credentials',
      insufficientScope(scopes[0]),
      'cross-site-request',
      'concurrency-limit-exceeded',
      'issuer-unavailable',
    ),
  );
}

/** Admits every known caller, with any scopes. */
export function RequireKnownCaller(): MethodDecorator {
  return applyDecorators(
    AddRouteConfig({ access: { known: true } satisfies RouteAccess }),
    ...SECURITY_SCHEMES.map((scheme) => ApiSecurity(scheme)),
    ApiProblems(
      'authentication-required',
      'invalid-credentials',
      'cross-site-request',
      'concurrency-limit-exceeded',
      'issuer-unavailable',
    ),
  );
}

/** Admits every request, unless the setting of the group says otherwise. */
export function PublicRoute(group: PublicGroup): MethodDecorator {
  return applyDecorators(
    AddRouteConfig({ access: { group } }),
    ApiSecurity({}),
    ...SECURITY_SCHEMES.map((scheme) => ApiSecurity(scheme)),
    ApiProblems('authentication-required', 'invalid-credentials', 'cross-site-request', 'issuer-unavailable'),
  );
}

/** The caller of a route that needs one. */
export const CurrentCaller = createParamDecorator((_data: unknown, context: ExecutionContext): Caller => {
  const { caller } = context.switchToHttp().getRequest<FastifyRequest>();
  if (!caller) throw new Error('a public route has no caller');
  // `guardRoutes` sets it, with scopes of this list only.
  return caller as Caller;
});

/** The named space that credentials are for (RFC 9110, 11.5). */
export const REALM = 'order-service';

/** The caller is known, and may not do this without the scope (RFC 6750, 3.1). */
export function insufficientScope(needed: string): Problem {
  return Problem.http(
    'insufficient-scope',
    `This needs the scope ${needed}, which the caller does not have`,
    { required_scope: needed },
    { 'www-authenticate': `Bearer realm="${REALM}", error="insufficient_scope", scope="${needed}"` },
  );
}
