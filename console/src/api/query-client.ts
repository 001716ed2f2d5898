import { QueryClient } from '@tanstack/react-query';
import { mayPass } from './problem.ts';

const ATTEMPTS = 3;

/** Data younger than this is shown without a new request; the stream delivers changes. */
const FRESH_MS = 5_000;

/** How often a query that failed is sent again, so that its error goes away once the service is back. */
const RECOVERY_MS = 5_000;

/** The interval of a query that is sent again and again; of one that failed, until it succeeds. */
export function refreshEvery(milliseconds: number | false) {
  return ({ state }: { state: { status: string } }): number | false =>
    state.status === 'error' ? RECOVERY_MS : milliseconds;
}

/** Whether a query that failed is sent once more. Without a network it is not: the error is shown at once. */
export function retryQuery(failures: number, error: unknown): boolean {
  return navigator.onLine && mayPass(error) && failures < ATTEMPTS - 1;
}

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: FRESH_MS,
      // Without a network the library would pause requests and show old data for as long as that takes.
      networkMode: 'always',
      refetchOnReconnect: true,
      retry: retryQuery,
      refetchInterval: refreshEvery(false),
    },
    // A change that was asked for offline must not be sent when the network returns: by then it may be wrong.
    mutations: { networkMode: 'always' },
  },
});
