import { queryOptions } from '@tanstack/react-query';
import { api, send } from '../api/client.ts';
import { refreshEvery, retryQuery } from '../api/query-client.ts';
import type { Order } from '../api/types.ts';

/** Messages are sent in the background, of which no event of the order tells. */
const DELIVERIES_REFRESH_MS = 5_000;

/** The id is not that of an order, but that of a customer who has orders: `GET /orders/{id}` takes both. */
export class CustomerIdError extends Error {}

export function orderQuery(id: string) {
  return queryOptions({
    queryKey: ['order', id, 'itself'],
    queryFn: async (): Promise<Order> => {
      const found = await send(api.GET('/orders/{id}', { params: { path: { id } } }));
      if (!('order_id' in found)) throw new CustomerIdError(`${id} is the id of a customer, not of an order`);
      return found;
    },
    retry: (failures, error) => !(error instanceof CustomerIdError) && retryQuery(failures, error),
  });
}

export function eventsQuery(id: string) {
  return queryOptions({
    queryKey: ['order', id, 'events'],
    queryFn: () => send(api.GET('/orders/{order_id}/events', { params: { path: { order_id: id } } })),
  });
}

export function deliveriesQuery(id: string) {
  return queryOptions({
    queryKey: ['order', id, 'deliveries'],
    queryFn: () => send(api.GET('/orders/{order_id}/deliveries', { params: { path: { order_id: id } } })),
    refetchInterval: refreshEvery(DELIVERIES_REFRESH_MS),
  });
}

/**
 * Sets the status of an order if it is still as it was seen.
 *
 * @throws {ProblemError} with status 412 when somebody else has changed it meanwhile
 */
export function setStatus(
  { order_id: id, version }: Order,
  body: { status: string; reason?: string },
): Promise<Order> {
  return send(
    api.PUT('/orders/{id}', {
      params: { path: { id }, header: { 'If-Match': `"${version}"` } },
      body,
    }),
  );
}
