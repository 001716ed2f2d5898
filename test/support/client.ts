import createClient, { type Client } from 'openapi-fetch';
import type { components, paths } from '../../docs/openapi.js';
import { checkAnswer, targetOf } from './contract/check.js';
import { rememberSecrets, rememberShownSecrets } from './log-watch.js';
import type { TestResponse } from './service.js';

/** A client typed by the OpenAPI document: tests do not compile when the document is wrong. */
export type Api = Client<paths>;

type Schemas = components['schemas'];
export type PlaceOrderBody = Schemas['PlaceOrderDto'];
export type PlaceCustomerOrderBody = Schemas['PlaceCustomerOrderDto'];
export type Order = Schemas['OrderResponse'];
export type OrderList = Schemas['OrderListResponse'];
export type OrderEvent = Schemas['OrderEventResponse'];
export type OrderStatus = Order['status'];
export type Incident = Schemas['IncidentResponse'];
export type IncidentList = Schemas['IncidentListResponse'];
export type IncidentQuery = NonNullable<paths['/operations/incidents']['get']['parameters']['query']>;

export type OrderQuery = NonNullable<paths['/orders']['get']['parameters']['query']>;
export type PageQuery = NonNullable<paths['/orders/{id}']['get']['parameters']['query']>;
export type PlacementHeaders = NonNullable<paths['/orders']['post']['parameters']['header']>;

/** Anything with a typed client. */
export interface WithApi {
  api: Api;
}

/** Creates the client of a service. It throws when a response does not match the OpenAPI document. */
export function createApi(baseUrl: string): Api {
  const api = createClient<paths>({ baseUrl });
  api.use({
    async onRequest({ request }) {
      rememberSecrets(request.url, request.headers, await request.clone().text());
    },
    async onResponse({ request: { method, url }, response }) {
      const { status, headers } = response;
      const text = await response.clone().text();
      rememberShownSecrets(text);
      checkAnswer({ method, target: targetOf(url), status, headers, text });
    },
  });
  return api;
}

/** The result of a call of the client. */
interface Outcome<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** The body of a response that must be a success. */
export async function succeeded<Data>(call: Promise<Outcome<Data>>): Promise<Data> {
  const { data, error, response } = await call;
  if (data === undefined) throw new Error(`request failed: ${response.status} ${JSON.stringify(error)}`);
  return data;
}

/** The body of a response that must be an error with this status. */
export async function refused<Problem>(
  call: Promise<{ data?: unknown; error?: Problem; response: Response }>,
  status: number,
): Promise<Problem> {
  const { data, error, response } = await call;
  if (error === undefined || response.status !== status) {
    throw new Error(
      `request did not fail with ${status}: ${response.status} ${JSON.stringify(data ?? error)}`,
    );
  }
  return error;
}

export async function getOrder({ api }: WithApi, id: string): Promise<Order> {
  const found = await succeeded(api.GET('/orders/{id}', { params: { path: { id } } }));
  if (!('order_id' in found)) throw new Error(`${id} is a customer`);
  return found;
}

export async function getOrdersOf({ api }: WithApi, id: string, query: PageQuery = {}): Promise<OrderList> {
  const found = await succeeded(api.GET('/orders/{id}', { params: { path: { id }, query } }));
  if (!('orders' in found)) throw new Error(`${id} is an order`);
  return found;
}

export function listOrders({ api }: WithApi, query: OrderQuery = {}): Promise<OrderList> {
  return succeeded(api.GET('/orders', { params: { query } }));
}

export async function listEvents({ api }: WithApi, orderId: string): Promise<OrderEvent[]> {
  const path = { order_id: orderId };
  const { events } = await succeeded(api.GET('/orders/{order_id}/events', { params: { path } }));
  return events;
}

export function listIncidents({ api }: WithApi, query: IncidentQuery = {}): Promise<IncidentList> {
  return succeeded(api.GET('/operations/incidents', { params: { query } }));
}

/** Sets the status of an order and expects success. @returns the updated order */
export function setStatus(
  { api }: WithApi,
  id: string,
  status: OrderStatus,
  reason?: string,
): Promise<Order> {
  const body = { status, ...(reason !== undefined && { reason }) };
  return succeeded(api.PUT('/orders/{id}', { params: { path: { id } }, body }));
}

/** The whole response with any status, for tests that compare more than its body. */
export async function answerOf(call: Promise<Outcome<unknown>>): Promise<TestResponse> {
  const { data, error, response } = await call;
  return { status: response.status, headers: response.headers, body: data ?? error };
}
