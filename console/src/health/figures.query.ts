import { queryOptions } from '@tanstack/react-query';
import { api, send } from '../api/client.ts';
import { refreshEvery } from '../api/query-client.ts';

export const WINDOWS = { hour: 'Last hour', day: 'Last day' } as const;
export type Window = keyof typeof WINDOWS;

const REFRESH_MS = 15_000;

export function figuresQuery(window: Window) {
  return queryOptions({
    queryKey: ['figures', window],
    queryFn: () => send(api.GET('/operations/figures', { params: { query: { window } } })),
    refetchInterval: refreshEvery(REFRESH_MS),
  });
}
