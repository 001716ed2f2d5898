import type { WorkSubject } from '../platform/telemetry/request-context.js';

/** The order that a request or a task is about. */
export const ORDER: WorkSubject = { logged: 'orderId', traced: 'order.id' };
