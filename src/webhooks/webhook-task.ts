import type { TaskKind } from '../tasks/task-kind.js';

/** What a delivery adds to the event that its task names. */
export interface WebhookPayload {
  feedNo: number;
  /** Number of the event before it that matched the endpoint; null for the first one of the endpoint or of a replay. */
  previousFeedNo: number | null;
}

/** The start of the names of all kinds of webhook tasks. */
export const WEBHOOK_KINDS = 'webhook:';

/** Every endpoint has a kind and a lane of its own: one that is slow or dead holds up no other. */
export function webhookKind(endpointId: string): TaskKind<WebhookPayload> {
  const name = `${WEBHOOK_KINDS}${endpointId}`;
  return { name, lane: name };
}

/** The endpoint of a kind of webhook tasks. */
export function endpointOf(kind: string): string {
  return kind.slice(WEBHOOK_KINDS.length);
}
