import { expect } from '@jest/globals';
import { listEvents, type OrderEvent } from './client.js';
import type { TestResponse, TestService } from './service.js';

/** A report that the service accepts: a captured payment of the default order of the tests. */
export const CAPTURED = { reference: 'pay_1', state: 'captured', amount: 10, currency: 'USD' };

/** Sends any report of a payment of an order. */
export function sendPayment(
  service: TestService,
  id: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<TestResponse> {
  return service.request('POST', `/orders/${id}/payments`, body, headers);
}

/** Reports a payment and expects success. */
export async function recordPayment(...request: Parameters<typeof sendPayment>): Promise<TestResponse> {
  const answer = await sendPayment(...request);
  expect([answer.status, answer.body.title]).toEqual([200, undefined]);
  return answer;
}

export async function paymentEventsOf(service: TestService, id: string): Promise<OrderEvent[]> {
  return (await listEvents(service, id)).filter(({ type }) => type === 'payment_recorded');
}
