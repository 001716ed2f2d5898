import { validate as isUuid } from 'uuid';
import type { WorkSubject } from '../platform/telemetry/request-context.js';

/** The endpoint that a request is about. */
export const WEBHOOK: WorkSubject = { logged: 'endpointId', traced: 'webhook.endpoint.id' };

/** The endpoint that the path of a request names, if there is one, for its log lines. */
export function webhooksInAddress({ webhook_id: id }: { webhook_id?: string }): [WorkSubject, string][] {
  return id !== undefined && isUuid(id) ? [[WEBHOOK, id]] : [];
}
