import type { components } from '../../docs/openapi.js';
import type { TestService } from './service.js';

export type TestWebhook = components['schemas']['WebhookWithSecretResponse'];

/** Where nothing listens. */
export const NOWHERE = 'http://127.0.0.1:9/webhooks';

/** Creates an endpoint and expects success. */
export async function createWebhook(
  service: TestService,
  body: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<TestWebhook> {
  const answer = await service.request('POST', '/webhooks', { url: NOWHERE, ...body }, headers);
  if (answer.status !== 201) throw new Error(`no webhook: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body as TestWebhook;
}

/** Deletes every endpoint, so that it does not take part in the next test. */
export async function deleteWebhooks(service: TestService): Promise<void> {
  const { body } = await service.request('GET', '/webhooks');
  for (const { id } of body.webhooks) await service.request('DELETE', `/webhooks/${id}`);
}
