import { QueryClient } from '@tanstack/react-query';
import { mayPass } from './problem.ts';

const ATTEMPTS = 3;

/** What was read this recently is shown again without being asked for; changes come by themselves. */
const FRESH_MS = 5_000;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: FRESH_MS,
      retry: (failures, error) => mayPass(error) && failures < ATTEMPTS - 1,
    },
  },
});
