/** Upper bounds for the cost of one request of an operation. */
export interface Budget {
  /** Processor time of the event loop, in milliseconds, on a machine like that of the tests. */
  cpuMs: number;
  /** Bytes of the response body; `null` for a stream, where the client decides how much it reads. */
  answerBytes: number | null;
  /** Bytes of the rows that are added to the database. */
  storedBytes: number;
  /** Why the bounds are what they are. */
  reason: string;
}

const KB = 1_000;

/** A problem names 50 errors, or has 4 kB about the lines of an order. */
const PROBLEM_BYTES = 24 * KB;

/** Reads of one row or of counters. */
const SMALL: Budget = {
  cpuMs: 20,
  answerBytes: PROBLEM_BYTES,
  storedBytes: 0,
  reason: 'reads a bounded number of rows',
};

/** 200 lines with ids of 128 and names of 300 characters, at up to three bytes each. */
const ORDER_BYTES = 300 * KB;

/** An order with its lines, a body of details, two events of 4 kB, its key, its claims and its tasks. */
const STORED_ORDER_BYTES = 420 * KB;

/** An event with a reason of 500 characters, and its tasks. */
const STORED_CHANGE_BYTES = 6 * KB;

/** An order with new details, an event and a key. */
const STORED_CORRECTION_BYTES = 40 * KB;

/** A new version of the payments of an order, of up to 600 bytes each, and an event. */
const STORED_PAYMENTS_BYTES = 66 * KB;

const PLACEMENT: Budget = {
  cpuMs: 250,
  answerBytes: PROBLEM_BYTES,
  storedBytes: STORED_ORDER_BYTES,
  reason: '200 lines, each looked up and reserved at the inventory; validation takes at most 20 ms of it',
};

const PREVIEW: Budget = {
  cpuMs: 150,
  answerBytes: ORDER_BYTES,
  storedBytes: 0,
  reason: '200 lines, each looked up at the inventory; nothing is stored',
};

const LIST: Budget = {
  cpuMs: 60,
  answerBytes: 1_700 * KB,
  storedBytes: 0,
  reason: 'a page ends at 1,000 lines of orders; with ids and names of the greatest length it has 1.6 MB',
};

const ERASURE: Budget = {
  cpuMs: 1_000,
  answerBytes: PROBLEM_BYTES,
  storedBytes: 400 * KB,
  reason:
    'one call works for a limited time and reports whether there is more; an event is stored for each order',
};

/** An endpoint with its URL, a description and a few secrets. */
const WEBHOOK: Budget = {
  cpuMs: 20,
  answerBytes: PROBLEM_BYTES,
  storedBytes: 6 * KB,
  reason: 'one endpoint, and a count of what waits for it, to 10,000',
};

/** Of the few incidents of a campaign; 500 take a second, most of it in the database. */
const MANY_INCIDENTS: Budget = {
  cpuMs: 60,
  answerBytes: PROBLEM_BYTES,
  storedBytes: 100 * KB,
  reason: 'one event and one changed task for each of at most 500 incidents',
};

/** Budgets by `operationId` of the OpenAPI document. */
export const BUDGETS: Readonly<Record<string, Budget>> = {
  getCaller: SMALL,
  previewOrder: PREVIEW,
  previewCustomerOrder: PREVIEW,
  placeOrder: PLACEMENT,
  placeCustomerOrder: PLACEMENT,
  listOrders: LIST,
  getOrder: { ...LIST, reason: 'an order of 200 lines, or a page of the orders of a customer' },
  updateOrderStatus: {
    cpuMs: 30,
    answerBytes: ORDER_BYTES,
    storedBytes: STORED_CHANGE_BYTES,
    reason: 'one order and one event, whose reason has at most 500 characters',
  },
  correctOrder: {
    cpuMs: 40,
    answerBytes: ORDER_BYTES,
    storedBytes: STORED_CORRECTION_BYTES,
    reason: 'one order, its details of up to 24 kB, and one event that names fields',
  },
  confirmOrder: {
    cpuMs: 40,
    answerBytes: ORDER_BYTES,
    storedBytes: STORED_PAYMENTS_BYTES + STORED_CHANGE_BYTES,
    reason:
      'one order with up to 100 payments, and an event; of an expired order up to 200 lines are reserved once more',
  },
  extendHold: {
    cpuMs: 25,
    answerBytes: ORDER_BYTES,
    storedBytes: STORED_CHANGE_BYTES,
    reason: 'one order, and at most one call to the inventory',
  },
  recordPayment: {
    cpuMs: 30,
    answerBytes: ORDER_BYTES,
    storedBytes: STORED_PAYMENTS_BYTES,
    reason: 'one order with up to 100 payments, which are stored as one value, and one event',
  },
  updateManyOrderStatuses: {
    cpuMs: 2_000,
    answerBytes: 500 * KB,
    storedBytes: 1_000 * STORED_CHANGE_BYTES,
    reason: '1,000 orders, changed one after another with turns for other requests in between',
  },
  exportOrders: {
    cpuMs: 2_000,
    answerBytes: null,
    storedBytes: 0,
    reason: 'any number of orders, written 100 lines at a time as fast as the client reads',
  },
  streamOrders: {
    cpuMs: 50,
    answerBytes: null,
    storedBytes: 0,
    reason: 'as long as the client stays connected',
  },
  listEvents: {
    ...LIST,
    answerBytes: 4_000 * KB,
    reason: 'a page of 500 events of up to 4 kB, whose orders have at most 1,000 lines together',
  },
  listOrderEvents: {
    cpuMs: 20,
    answerBytes: 100 * KB,
    storedBytes: 0,
    reason: 'an order passes through few statuses, and an event has at most 4 kB',
  },
  listIncidents: { cpuMs: 60, answerBytes: 500 * KB, storedBytes: 0, reason: 'a page of 200 incidents' },
  settleIncident: {
    cpuMs: 30,
    answerBytes: PROBLEM_BYTES,
    storedBytes: STORED_CHANGE_BYTES,
    reason: 'one incident and one event',
  },
  listIncidentCauses: {
    cpuMs: 60,
    answerBytes: 100 * KB,
    storedBytes: 0,
    reason: 'at most 100 causes; dead tasks are counted by their reason',
  },
  settleManyIncidents: MANY_INCIDENTS,
  redriveNotifications: MANY_INCIDENTS,
  getFigures: SMALL,
  listDeliveries: {
    cpuMs: 20,
    answerBytes: 100 * KB,
    storedBytes: 0,
    reason: 'a delivery for each status that an order had',
  },
  retryDelivery: { ...SMALL, storedBytes: STORED_CHANGE_BYTES, reason: 'one delivery and one event' },
  eraseCustomer: ERASURE,
  eraseOrder: { ...SMALL, storedBytes: STORED_CHANGE_BYTES, reason: 'one order and one event' },
  erasePersonalData: ERASURE,
  createWebhook: WEBHOOK,
  listWebhooks: {
    cpuMs: 60,
    answerBytes: 500 * KB,
    storedBytes: 0,
    reason: '100 endpoints with URLs of 2,000 characters, counted in the database',
  },
  getWebhook: WEBHOOK,
  updateWebhook: WEBHOOK,
  deleteWebhook: WEBHOOK,
  rotateWebhookSecret: WEBHOOK,
  testWebhook: { ...WEBHOOK, reason: 'one call, whose answer is read to 64 kB' },
  enableWebhook: WEBHOOK,
  disableWebhook: WEBHOOK,
  listWebhookDeliveries: {
    cpuMs: 60,
    answerBytes: 1_700 * KB,
    storedBytes: 0,
    reason: 'a page of 200 deliveries with 1 kB of the answer each, of up to six bytes a character as JSON',
  },
  replayWebhook: { ...WEBHOOK, reason: 'one endpoint; a time is found by some 20 reads of one event' },
  cancelWebhookReplay: { ...WEBHOOK, reason: 'one endpoint' },
  getHealth: SMALL,
  getLiveness: { ...SMALL, reason: 'reads nothing' },
  getReadiness: SMALL,
};
