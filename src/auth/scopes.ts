import { type Scope, SCOPES } from '../platform/http/caller.js';

/** The scopes among these names that this service knows; who may see everybody's orders may see its own. */
export function toScopes(names: Iterable<unknown>): ReadonlySet<Scope> {
  const given = new Set(names);
  const known = SCOPES.filter((scope) => given.has(scope));
  return new Set(known.includes('orders:read:all') ? [...known, 'orders:read'] : known);
}
