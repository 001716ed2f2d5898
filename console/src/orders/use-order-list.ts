import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useSearchParams } from 'wouter';
import { api, send } from '../api/client.ts';
import { liveState } from '../api/live.ts';
import { refreshEvery } from '../api/query-client.ts';
import { FROM_INSIDE } from '../shell/history.ts';
import { prefer, preferences } from '../ui/preferences.ts';
import { useStore } from '../ui/store.ts';
import { useZone } from '../time/use-zone.ts';
import { filterParams, isMoving, type OrderFilter, readFilter, toQuery } from './filters/order-filter.ts';

/** Polling interval without a live connection. */
const POLL_MS = 15_000;

/** Refresh interval of a relative time such as "Last hour": no event reports that an order has become too old. */
const MOVING_MS = 60_000;

export const PAGE_SIZES = [50, 100, 200];

/** What of the list is looked at: all of it stands in the address bar, so that an address can be sent to a colleague. */
export interface ListView {
  filter: OrderFilter;
  /** Where the page begins; null for the newest orders. */
  cursor: string | null;
  rowsPerPage: number;
  /** Shows another part of the list from its beginning on. */
  setFilter: (change: Partial<OrderFilter>) => void;
  setCursor: (cursor: string | null) => void;
  setRowsPerPage: (rows: number) => void;
}

export function useListView(): ListView {
  const [params, setParams] = useSearchParams();
  const { rowsPerPage: preferred } = useStore(preferences);
  const filter = readFilter(params, useZone());
  const rows = Number(params.get('rows'));
  const rowsPerPage = PAGE_SIZES.includes(rows) ? rows : preferred;
  const change = (next: OrderFilter, more: Record<string, string>, replace = false): void =>
    setParams(new URLSearchParams({ ...keepOthers(params), ...filterParams(next), ...more }), {
      replace,
      ...(!replace && { state: FROM_INSIDE }),
    });
  return {
    filter,
    cursor: params.get('cursor'),
    rowsPerPage,
    // Typing must not add a step to the history for every letter.
    setFilter: (part) => change({ ...filter, ...part }, {}, Object.keys(part).join() === 'q'),
    setCursor: (cursor) => change(filter, cursor === null ? {} : { cursor }),
    setRowsPerPage: (count) => {
      prefer({ rowsPerPage: count });
      change(filter, { rows: String(count) });
    },
  };
}

/** What stands in the address beside the filter and the place in the list. */
function keepOthers(params: URLSearchParams): Record<string, string> {
  return Object.fromEntries(
    ['columns', 'rows'].flatMap((name) => {
      const value = params.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );
}

export function useOrderList({ filter, cursor, rowsPerPage }: ListView) {
  const zone = useZone();
  const state = useStore(liveState);
  const isPolled = state === 'polling' || state === 'refused';
  return useQuery({
    queryKey: ['orders', filter, cursor, rowsPerPage, zone],
    queryFn: ({ signal }) =>
      send(
        api.GET('/orders', {
          params: {
            query: { ...toQuery(filter, zone), limit: rowsPerPage, ...(cursor !== null && { cursor }) },
          },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: refreshEvery(isPolled ? POLL_MS : isMoving(filter) && MOVING_MS),
  });
}
