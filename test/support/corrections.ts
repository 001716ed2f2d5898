import { expect } from '@jest/globals';
import { listEvents, type OrderEvent } from './client.js';
import type { TestResponse, TestService } from './service.js';

/** Sends any patch of an order. */
export function sendPatch(
  service: TestService,
  id: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<TestResponse> {
  return service.request('PATCH', `/orders/${id}`, body, headers);
}

/** Corrects an order and expects success. */
export async function correctOrder(...request: Parameters<typeof sendPatch>): Promise<TestResponse> {
  const answer = await sendPatch(...request);
  expect([answer.status, answer.body.title]).toEqual([200, undefined]);
  return answer;
}

export async function correctionsOf(service: TestService, id: string): Promise<OrderEvent[]> {
  return (await listEvents(service, id)).filter(({ type }) => type === 'corrected');
}
