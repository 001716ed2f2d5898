import { queryOptions } from '@tanstack/react-query';
import { api, send } from '../api/client.ts';
import { refreshEvery, retryQuery } from '../api/query-client.ts';
import type { Correction, Order } from '../api/types.ts';

/** Messages are sent in the background; no event of the order reports them. */
const DELIVERIES_REFRESH_MS = 5_000;

/** The id is not that of an order. */
export class NotAnOrderError extends Error {
  constructor(
    readonly id: string,
    /** Whether it is that of a customer who has orders: `GET /orders/{id}` takes both. */
    readonly isCustomer: boolean,
  ) {
    super(`${id} is not the id of an order`);
  }
}

/** Paths of the API beside `GET /orders/{id}`, such as the stream, whose answer never ends. */
const RESERVED = new Set(['stream', 'export', 'bulk-status']);

export function orderQuery(id: string) {
  return queryOptions({
    queryKey: ['order', id, 'itself'],
    queryFn: async (): Promise<Order> => {
      if (RESERVED.has(id)) throw new NotAnOrderError(id, false);
      const found = await send(api.GET('/orders/{id}', { params: { path: { id } } }));
      if (!('order_id' in found)) throw new NotAnOrderError(id, true);
      return found;
    },
    retry: (failures, error) => !(error instanceof NotAnOrderError) && retryQuery(failures, error),
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
 * @throws {ProblemError} with status 412 when it has changed in between
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

/**
 * Corrects an order if it is still as it was seen.
 *
 * @throws {ProblemError} with status 412 when it has changed in between
 */
export function correctOrder({ order_id: id, version }: Order, body: Correction): Promise<Order> {
  return send(
    api.PATCH('/orders/{id}', {
      params: { path: { id }, header: { 'If-Match': `"${version}"` } },
      body,
    }),
  );
}
