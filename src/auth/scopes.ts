import { type Scope, SCOPES } from './access.js';

/** The known scopes among these names. `orders:read:all` includes `orders:read`. */
export function toScopes(names: Iterable<unknown>): ReadonlySet<Scope> {
  const given = new Set(names);
  const known = SCOPES.filter((scope) => given.has(scope));
  return new Set(known.includes('orders:read:all') ? [...known, 'orders:read'] : known);
}
