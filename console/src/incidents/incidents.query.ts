import { queryOptions } from '@tanstack/react-query';
import { api, send } from '../api/client.ts';

/** Incidents come from work that failed for days; nobody waits for one by the second. */
const REFRESH_MS = 30_000;

const PAGE = 50;

/** A page of incidents, oldest first. @param cursor where it begins; null for the first */
export function incidentsQuery(cursor: string | null) {
  const query = { limit: PAGE, ...(cursor !== null && { cursor }) };
  return queryOptions({
    queryKey: ['incidents', cursor],
    queryFn: () => send(api.GET('/operations/incidents', { params: { query } })),
    refetchInterval: REFRESH_MS,
  });
}
