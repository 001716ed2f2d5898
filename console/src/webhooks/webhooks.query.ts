import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api, send } from '../api/client.ts';
import { refreshEvery } from '../api/query-client.ts';
import type { DeliveryState, Endpoint } from '../api/types.ts';

/** Every page asks for the endpoints, to show those that are in trouble. */
const LIST_REFRESH_MS = 30_000;

/** Of the endpoint that is looked at. */
const REFRESH_MS = 5_000;

const PAGE = 50;

/** Everything about webhooks, for what changes any of it. */
export const WEBHOOKS = ['webhooks'];

export function endpointsQuery() {
  return queryOptions({
    queryKey: [...WEBHOOKS, 'list'],
    queryFn: async (): Promise<Endpoint[]> => (await send(api.GET('/webhooks'))).webhooks,
    refetchInterval: refreshEvery(LIST_REFRESH_MS),
  });
}

export function endpointQuery(id: string) {
  return queryOptions({
    queryKey: [...WEBHOOKS, id, 'itself'],
    queryFn: () => send(api.GET('/webhooks/{webhook_id}', pathOf(id))),
    refetchInterval: refreshEvery(REFRESH_MS),
  });
}

/** A page of the last attempts. @param state only deliveries in it; null for all */
export function deliveriesQuery(id: string, state: DeliveryState | null, cursor: string | null) {
  const query = { limit: PAGE, ...(state !== null && { state }), ...(cursor !== null && { cursor }) };
  return queryOptions({
    queryKey: [...WEBHOOKS, id, 'deliveries', state, cursor],
    queryFn: () =>
      send(
        api.GET('/webhooks/{webhook_id}/deliveries', {
          params: { path: { webhook_id: id }, query },
        }),
      ),
    refetchInterval: refreshEvery(REFRESH_MS),
    placeholderData: keepPreviousData,
  });
}

/** The path of an endpoint, as the client takes it. */
export function pathOf(id: string) {
  return { params: { path: { webhook_id: id } } };
}
