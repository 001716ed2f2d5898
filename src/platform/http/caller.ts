import type { FastifyRequest } from 'fastify';

/** The sender of a request, as far as limits, caches and the log are concerned. */
export interface RequestCaller {
  /**
   * Goes into events, logs and the scope of idempotency keys: `anonymous`, `key:<name>`, `customer:<id>` or
   * `user:<subject>`. Printable text of a few hundred characters at most.
   */
  id: string;
  scopes: ReadonlySet<string>;
  /** The customer that the caller is, who reads and places only its own orders; null for other callers. */
  customerId: string | null;
}

/** The id of every caller of a service without authentication (`AUTH=none`). */
export const ANONYMOUS_ID = 'anonymous';

/** Routes without authentication: always, or unless the setting of their group says otherwise. */
export type PublicGroup = 'always' | 'health' | 'docs';

/** Access to a route: callers with one of the scopes (the first always suffices), every known caller, or everyone. */
export type RouteAccess =
  { scopes: readonly [string, ...string[]] } | { known: true } | { group: PublicGroup };

declare module 'fastify' {
  interface FastifyRequest {
    /** Null without authentication: on public routes, and where there is no route. */
    caller: RequestCaller | null;
    /** Whether a new request with the same credentials would have the same caller and be accepted. */
    isStillAllowed(): Promise<boolean>;
  }
  interface FastifyContextConfig {
    access?: RouteAccess;
  }
}

/** The authenticated sender of a request; undefined where authentication was not required, or failed. */
export function identityOf({ caller }: FastifyRequest): string | undefined {
  return !caller || caller.id === ANONYMOUS_ID ? undefined : caller.id;
}
