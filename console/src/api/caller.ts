import { createContext, useContext } from 'react';
import type { Caller, Scope } from './types.ts';

/** Who is signed in. Whatever they may not do is not offered, and refused by the service all the same. */
export const CallerContext = createContext<Caller | null>(null);

export function useCaller(): Caller {
  const caller = useContext(CallerContext);
  if (!caller) throw new Error('useCaller needs a signed-in caller');
  return caller;
}

/** Whether the caller may do what the scope is for. */
export function useMay(): (scope: Scope) => boolean {
  const { scopes } = useCaller();
  return (scope) => scopes.includes(scope);
}
