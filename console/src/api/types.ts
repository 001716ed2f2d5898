import type { components, paths } from '../../../docs/openapi.js';

type Schemas = components['schemas'];

export type Order = Schemas['OrderResponse'];
/** A JSON Merge Patch of an order. */
export type Correction = Schemas['CorrectOrderDto'];
/** The body of a confirmation. */
export type Confirmation = Schemas['ConfirmOrderDto'];
/** A report about a payment. */
export type Payment = Schemas['RecordPaymentDto'];
export type OrderList = Schemas['OrderListResponse'];
export type OrderEvent = Schemas['OrderEventResponse'];
export type InventoryCall = Schemas['InventoryCallResponse'];
export type OrderStatus = Order['status'];
export type Incident = Schemas['IncidentResponse'];
export type IncidentAction = Incident['actions'][number]['action'];
export type IncidentCause = Schemas['IncidentCauseResponse'];
export type BulkIncidents = Schemas['BulkIncidentsDto'];
export type BulkResult = Schemas['BulkResultResponse'];
export type BulkAnswer = Schemas['BulkStatusResponse'];
export type Caller = Schemas['CallerResponse'];
export type Scope = Caller['scopes'][number];
export type Figures = Schemas['FiguresResponse'];
export type Delivery = Schemas['DeliveryResponse'];
/** A receiver of webhooks. */
export type Endpoint = Schemas['WebhookResponse'];
export type WebhookTest = Schemas['WebhookTestResponse'];
export type WebhookDelivery = Schemas['WebhookDeliveryResponse'];
export type DeliveryState = WebhookDelivery['state'];
export type Replay = Schemas['ReplayDto'];
export type EventType = Schemas['FeedEventResponse']['type'];
export type OrderQuery = NonNullable<paths['/orders']['get']['parameters']['query']>;

/** An event of the stream of changes; OpenAPI has no schema for server-sent events. */
export interface OrderChange {
  order_id: string;
  version: number;
  type: OrderEvent['type'];
  from: OrderStatus | null;
  to: OrderStatus | null;
  actor: string;
  time: string;
}
