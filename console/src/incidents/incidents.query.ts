import { queryOptions } from '@tanstack/react-query';
import { api, send } from '../api/client.ts';
import { refreshEvery } from '../api/query-client.ts';

/** Incidents come from work that failed for days, so seconds do not matter. */
const REFRESH_MS = 30_000;

const PAGE = 50;

/** No order has more: one per line, and a few tasks. */
const MAX_OF_ONE_ORDER = 200;

/** The open incidents of one order. */
export function orderIncidentsQuery(orderId: string) {
  const query = { order_id: orderId, limit: MAX_OF_ONE_ORDER };
  return queryOptions({
    queryKey: ['order', orderId, 'incidents'],
    queryFn: () => send(api.GET('/operations/incidents', { params: { query } })),
    refetchInterval: refreshEvery(REFRESH_MS),
  });
}

/** Open incidents by kind and cause. */
export function incidentCausesQuery() {
  return queryOptions({
    queryKey: ['incidents', 'causes'],
    queryFn: () => send(api.GET('/operations/incidents/causes')),
    refetchInterval: refreshEvery(REFRESH_MS),
  });
}

/** A page of incidents, oldest first. @param cursor where it begins; null for the first */
export function incidentsQuery(cursor: string | null) {
  const query = { limit: PAGE, ...(cursor !== null && { cursor }) };
  return queryOptions({
    queryKey: ['incidents', 'page', cursor],
    queryFn: () => send(api.GET('/operations/incidents', { params: { query } })),
    refetchInterval: refreshEvery(REFRESH_MS),
  });
}
