import { applyDecorators, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiSecurity } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Problem } from './problem.js';
import { ApiProblems } from './problem.openapi.js';
import { AddRouteConfig } from './route-config.js';

/**
 * What a caller may be allowed to do.
 *
 * - `orders:place`: place orders; a customer may also cancel its own while they are `confirmed`
 * - `orders:read`: see one's own orders
 * - `orders:read:all`: see everybody's orders; who has it is not bound to orders of its own
 * - `orders:status`: set the status of orders
 * - `operations`: settle incidents, redrive messages, read metrics
 */
export const SCOPES = [
  'orders:place',
  'orders:read',
  'orders:read:all',
  'orders:status',
  'operations',
] as const;

export type Scope = (typeof SCOPES)[number];

/** The scopes that count in a token without `orders:read:all`; all others are for staff. */
export const CUSTOMER_SCOPES = ['orders:place', 'orders:read'] as const satisfies readonly Scope[];

/** Who sent a request. */
export interface Caller {
  /**
   * Goes into events, logs and the scope of idempotency keys: `anonymous`, `key:<name>`, `customer:<id>` or
   * `user:<subject>`. Printable text of a few hundred characters at most.
   */
  id: string;
  scopes: ReadonlySet<Scope>;
  /** The customer that the caller is, who sees and orders only what is its own; null for everybody else. */
  customerId: string | null;
}

/** Everybody who reaches a service that asks nobody who they are (`AUTH=none`). */
export const ANONYMOUS: Caller = { id: 'anonymous', scopes: new Set(SCOPES), customerId: null };

/** Routes that anybody may call: always, or unless the setting of their group says otherwise. */
export type PublicGroup = 'always' | 'health' | 'docs';

/**
 * Who may call a route: whoever has one of the scopes, of which the first always suffices; whoever is known, whatever
 * its scopes; or anybody.
 */
export type RouteAccess = { scopes: readonly [Scope, ...Scope[]] } | { known: true } | { group: PublicGroup };

declare module 'fastify' {
  interface FastifyRequest {
    /** Null where nobody had to say who they are: on public routes, and where there is no route. */
    caller: Caller | null;
  }
  interface FastifyContextConfig {
    access?: RouteAccess;
  }
}

export const SECURITY_SCHEMES = ['bearer', 'apiKey'] as const;

/**
 * Lets only callers in that have one of the scopes; name first the one that is enough for all of the route. Every route
 * needs this or `@PublicRoute()`: the service does not start with one that has neither.
 */
export function RequireScopes(...scopes: [Scope, ...Scope[]]): MethodDecorator {
  return applyDecorators(
    AddRouteConfig({ access: { scopes } }),
    // OpenAPI 3.1 lets the roles be named for any kind of scheme; one of them is enough here.
    ...SECURITY_SCHEMES.map((scheme) => ApiSecurity(scheme, scopes)),
    ApiProblems(
      'authentication-required',
      'invalid-credentials',
      'insufficient-scope',
      'cross-site-request',
      'concurrency-limit-exceeded',
      'issuer-unavailable',
    ),
  );
}

/** Lets everybody in who says who it is, whatever it may do. */
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

/** Lets anybody in, as long as the setting of the group does not say otherwise. */
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
  return caller;
});

/** The named space that credentials are for (RFC 9110, 11.5). */
export const REALM = 'order-service';

/** The caller is known, and may not do this without the scope (RFC 6750, 3.1). */
export function insufficientScope(needed: Scope): Problem {
  return Problem.http(
    'insufficient-scope',
    `This needs the scope ${needed}, which the caller does not have`,
    { required_scope: needed },
    { 'www-authenticate': `Bearer realm="${REALM}", error="insufficient_scope", scope="${needed}"` },
  );
}

/** The authenticated sender of a request; undefined where authentication was not required, or failed. */
export function identityOf(request: FastifyRequest): string | undefined {
  const { caller } = request;
  return caller && caller !== ANONYMOUS ? caller.id : undefined;
}
