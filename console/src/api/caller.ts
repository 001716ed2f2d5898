import { createContext, useContext } from 'react';
import type { Caller, Scope } from './types.ts';

/** The signed-in caller. The console hides what the caller may not do; the service enforces it. */
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
