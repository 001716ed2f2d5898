import { CUSTOMER, type KnownCaller } from '../support/callers.js';

/** Expected statuses of a route by caller, and the request to send. */
export interface Row {
  /** The path when the route has parameters: for an order of the customer, and an endpoint of webhooks. */
  path?: (orderId: string, webhookId: string) => string;
  /** Whether each permitted caller needs a new order. */
  changes?: boolean;
  body?: unknown;
  /** The body when it names the order. */
  bodyFor?: (orderId: string) => unknown;
  /** Whether a successful response never ends, so that it can not be read completely. */
  isEndless?: boolean;
  answers: Record<KnownCaller, number>;
}

/** Routes without authentication; known callers get the same answer when a setting requires authentication. */
export interface PublicRow {
  path?: string;
  answer: number;
  /** Whether no setting requires authentication. */
  isAlways?: boolean;
}

const FORBIDDEN: Record<KnownCaller, number> = {
  customer: 403,
  otherCustomer: 403,
  readingCustomer: 403,
  customerWithoutScopes: 403,
  overScoped: 403,
  admin: 403,
  reader: 403,
  shop: 403,
  warehouse: 403,
  operator: 403,
  integrator: 403,
};

const CUSTOMERS_OWN = { customer: 200, otherCustomer: 404, readingCustomer: 200, overScoped: 200 };
const LISTS = { ...FORBIDDEN, ...CUSTOMERS_OWN, otherCustomer: 200, admin: 200, reader: 200 };
const ALLOWED = Object.fromEntries(Object.keys(FORBIDDEN).map((name) => [name, 200])) as typeof FORBIDDEN;
const PLACES = { ...FORBIDDEN, customer: 201, overScoped: 201, admin: 201, shop: 201 };
const PREVIEWS = { ...FORBIDDEN, customer: 200, overScoped: 200, admin: 200, shop: 200 };
const READS = { ...FORBIDDEN, ...CUSTOMERS_OWN, admin: 200, reader: 200 };
const CHANGES = { ...FORBIDDEN, admin: 200, warehouse: 200 };
const HAS_NO_HOLD = { ...FORBIDDEN, admin: 409, warehouse: 409 };
const DELIVERIES = { ...FORBIDDEN, admin: 200, reader: 200, operator: 200 };
const OPERATES = { ...FORBIDDEN, admin: 200, operator: 200 };
const CONNECTS = { ...FORBIDDEN, admin: 200, integrator: 200 };
const FINDS_NO_WEBHOOK = { ...FORBIDDEN, admin: 404, integrator: 404 };

export const GUARDED: Record<string, Row> = {
  'POST /orders': { answers: { ...PLACES, otherCustomer: 201 } },
  'POST /orders/:id': { path: () => `/orders/${CUSTOMER}`, answers: PLACES },
  'POST /orders/preview': { answers: { ...PREVIEWS, otherCustomer: 200 } },
  'POST /orders/:customer_id/preview': { path: () => `/orders/${CUSTOMER}/preview`, answers: PREVIEWS },
  'GET /orders': { answers: LISTS },
  'HEAD /orders': { answers: LISTS },
  'GET /orders/export': { answers: LISTS },
  'HEAD /orders/export': { answers: LISTS },
  'GET /orders/stream': { isEndless: true, answers: LISTS },
  'HEAD /orders/stream': { answers: LISTS },
  'GET /events': { answers: LISTS },
  'HEAD /events': { answers: LISTS },
  'GET /orders/:id': { path: (id) => `/orders/${id}`, answers: READS },
  'HEAD /orders/:id': { path: (id) => `/orders/${id}`, answers: READS },
  'PUT /orders/:id': {
    path: (id) => `/orders/${id}`,
    body: { status: 'shipped' },
    changes: true,
    answers: CHANGES,
  },
  'PATCH /orders/:id': { path: (id) => `/orders/${id}`, body: { tags: ['seen'] }, answers: CHANGES },
  'POST /orders/:id/confirm': { path: (id) => `/orders/${id}/confirm`, body: {}, answers: CHANGES },
  'POST /orders/:id/extend': {
    path: (id) => `/orders/${id}/extend`,
    body: { hold_seconds: 60 },
    answers: HAS_NO_HOLD,
  },
  'POST /orders/:order_id/payments': {
    path: (id) => `/orders/${id}/payments`,
    body: { reference: 'pay_1', state: 'authorized', amount: 1 },
    answers: CHANGES,
  },
  'POST /orders/bulk-status': {
    changes: true,
    bodyFor: (id) => ({ status: 'shipped', orders: [{ order_id: id }] }),
    answers: CHANGES,
  },
  'GET /orders/:order_id/events': { path: (id) => `/orders/${id}/events`, answers: READS },
  'HEAD /orders/:order_id/events': { path: (id) => `/orders/${id}/events`, answers: READS },
  'GET /operations/incidents': { answers: OPERATES },
  'HEAD /operations/incidents': { answers: OPERATES },
  'GET /operations/incidents/causes': { answers: OPERATES },
  'HEAD /operations/incidents/causes': { answers: OPERATES },
  'POST /operations/incidents/bulk': { body: { action: 'retry', kind: 'notification' }, answers: OPERATES },
  'GET /operations/figures': { answers: OPERATES },
  'HEAD /operations/figures': { answers: OPERATES },
  'GET /orders/:order_id/deliveries': { path: (id) => `/orders/${id}/deliveries`, answers: DELIVERIES },
  'HEAD /orders/:order_id/deliveries': { path: (id) => `/orders/${id}/deliveries`, answers: DELIVERIES },
  'POST /orders/:order_id/deliveries/:delivery_id/retry': {
    path: (id) => `/orders/${id}/deliveries/${id}/retry`,
    answers: { ...FORBIDDEN, admin: 404, operator: 404 },
  },
  'POST /operations/incidents/:incident_id': {
    path: (id) => `/operations/incidents/reservation-${id}-1-1`,
    body: { action: 'release' },
    answers: { ...FORBIDDEN, admin: 404, operator: 404 },
  },
  'POST /operations/notifications/redrive': { body: {}, answers: OPERATES },
  'POST /operations/personal-data/erase': {
    body: { customer_email: 'unknown@example.com' },
    answers: OPERATES,
  },
  'DELETE /customers/:customer_id/personal-data': {
    path: () => '/customers/unknown/personal-data',
    answers: OPERATES,
  },
  'DELETE /orders/:order_id/personal-data': {
    path: (id) => `/orders/${id}/personal-data`,
    changes: true,
    answers: OPERATES,
  },
  'POST /webhooks': {
    // No test leads to an event of this type.
    body: { url: 'http://127.0.0.1:9/webhooks', events: ['order.returned'] },
    answers: { ...FORBIDDEN, admin: 201, integrator: 201 },
  },
  'GET /webhooks': { answers: CONNECTS },
  'HEAD /webhooks': { answers: CONNECTS },
  'GET /webhooks/:webhook_id': { path: (_order, id) => `/webhooks/${id}`, answers: CONNECTS },
  'HEAD /webhooks/:webhook_id': { path: (_order, id) => `/webhooks/${id}`, answers: CONNECTS },
  'PATCH /webhooks/:webhook_id': {
    path: (_order, id) => `/webhooks/${id}`,
    body: { description: 'ERP' },
    answers: CONNECTS,
  },
  'DELETE /webhooks/:webhook_id': { path: (id) => `/webhooks/${id}`, answers: FINDS_NO_WEBHOOK },
  'POST /webhooks/:webhook_id/rotate-secret': {
    path: (_order, id) => `/webhooks/${id}/rotate-secret`,
    body: { valid_hours: 0 },
    answers: CONNECTS,
  },
  'POST /webhooks/:webhook_id/test': {
    path: (id) => `/webhooks/${id}/test`,
    answers: FINDS_NO_WEBHOOK,
  },
  'POST /webhooks/:webhook_id/enable': {
    path: (_order, id) => `/webhooks/${id}/enable`,
    answers: CONNECTS,
  },
  'POST /webhooks/:webhook_id/disable': {
    path: (_order, id) => `/webhooks/${id}/disable`,
    answers: CONNECTS,
  },
  'GET /webhooks/:webhook_id/deliveries': {
    path: (_order, id) => `/webhooks/${id}/deliveries`,
    answers: CONNECTS,
  },
  'HEAD /webhooks/:webhook_id/deliveries': {
    path: (_order, id) => `/webhooks/${id}/deliveries`,
    answers: CONNECTS,
  },
  'POST /webhooks/:webhook_id/replay': {
    path: (id) => `/webhooks/${id}/replay`,
    body: { after: 0 },
    answers: FINDS_NO_WEBHOOK,
  },
  'DELETE /webhooks/:webhook_id/replay': {
    path: (id) => `/webhooks/${id}/replay`,
    answers: FINDS_NO_WEBHOOK,
  },
  'GET /caller': { answers: ALLOWED },
  'HEAD /caller': { answers: ALLOWED },
  'GET /metrics': { answers: OPERATES },
  'HEAD /metrics': { answers: OPERATES },
};

const DOCS_FILE = '/docs/swagger-ui.css';

export const PUBLIC: Record<string, PublicRow> = {
  'GET /': { answer: 200, isAlways: true },
  'HEAD /': { answer: 200, isAlways: true },
  'GET /health': { answer: 200 },
  'HEAD /health': { answer: 200 },
  'GET /health/live': { answer: 200 },
  'HEAD /health/live': { answer: 200 },
  'GET /health/ready': { answer: 200 },
  'HEAD /health/ready': { answer: 200 },
  'GET /problems': { answer: 200, isAlways: true },
  'HEAD /problems': { answer: 200, isAlways: true },
  'GET /problems/:name': { path: '/problems/invalid-credentials', answer: 200, isAlways: true },
  'HEAD /problems/:name': { path: '/problems/invalid-credentials', answer: 200, isAlways: true },
  'GET /admin': { answer: 200, isAlways: true },
  'HEAD /admin': { answer: 200, isAlways: true },
  'GET /admin/*': { path: '/admin/orders', answer: 200, isAlways: true },
  'HEAD /admin/*': { path: '/admin/orders', answer: 200, isAlways: true },
  'GET /admin/assets/*': { path: '/admin/assets/nothing.js', answer: 404, isAlways: true },
  'HEAD /admin/assets/*': { path: '/admin/assets/nothing.js', answer: 404, isAlways: true },
  'GET /docs': { answer: 200 },
  'HEAD /docs': { answer: 200 },
  'GET /docs/': { answer: 200 },
  'HEAD /docs/': { answer: 200 },
  'GET /docs/index.html': { answer: 200 },
  'HEAD /docs/index.html': { answer: 200 },
  'GET /docs/LICENSE': { answer: 404 },
  'HEAD /docs/LICENSE': { answer: 404 },
  'GET /docs/swagger-ui-init.js': { answer: 200 },
  'HEAD /docs/swagger-ui-init.js': { answer: 200 },
  'GET /docs/docs/swagger-ui-init.js': { answer: 200 },
  'HEAD /docs/docs/swagger-ui-init.js': { answer: 200 },
  'GET /docs-json': { answer: 200 },
  'HEAD /docs-json': { answer: 200 },
  'GET /docs-yaml': { answer: 200 },
  'HEAD /docs-yaml': { answer: 200 },
  'GET /docs/*': { path: DOCS_FILE, answer: 200 },
  'HEAD /docs/*': { path: DOCS_FILE, answer: 200 },
};
