import { Problem, RETRY_AFTER } from '../platform/http/problem.js';
import { defineProblemTypes } from '../platform/http/problems/problem-types.js';

/** The errors of webhook endpoints. */
const WEBHOOK_PROBLEMS = defineProblemTypes({
  'webhook-not-found': {
    status: 404,
    title: 'Webhook not found',
    cause: 'There is no webhook endpoint with this id, or it was deleted.',
    remedy: 'Take the id from the list of webhook endpoints.',
  },
  'too-many-webhooks': {
    status: 409,
    title: 'Too many webhook endpoints',
    cause: 'There are as many webhook endpoints as there may be.',
    remedy: 'Delete an endpoint that is no longer used.',
  },
  'too-many-secrets': {
    status: 409,
    title: 'Too many secrets are valid',
    cause: 'Every delivery is signed with each valid secret, and as many are valid as there may be.',
    remedy: 'Wait until an earlier secret ends, or rotate with `valid_hours` 0, which ends all of them.',
  },
  'feed-incomplete': {
    status: 409,
    title: 'Feed incomplete',
    cause:
      'After the upgrade that brought the feed, the events from before it are still being numbered. A new endpoint or a replay would ' +
      'get old events as new ones, or miss some.',
    remedy: 'Repeat the request after `Retry-After`. `GET /events` shows how far the feed is.',
  },
  'replay-in-progress': {
    status: 409,
    title: 'Replay in progress',
    cause: 'The endpoint has a replay that is not finished; there is one at a time.',
    remedy: 'Repeat the request when `replay` of the endpoint is null.',
  },
});

export function webhookNotFound(id: string): Problem {
  const name = 'webhook-not-found';
  return new Problem(name, WEBHOOK_PROBLEMS[name], `There is no webhook endpoint ${id}`);
}

export function tooManyWebhooks(most: number): Problem {
  const name = 'too-many-webhooks';
  return new Problem(name, WEBHOOK_PROBLEMS[name], `There are ${most} webhook endpoints, and no more may be`);
}

export function tooManySecrets(most: number): Problem {
  const name = 'too-many-secrets';
  return new Problem(name, WEBHOOK_PROBLEMS[name], `${most} secrets of this endpoint are valid`);
}

/** Seconds; the numbering takes minutes. */
const FEED_RETRY_AFTER = { 'retry-after': '30' };

/** @param placedUntil when the last order was placed whose events have numbers */
export function feedIncomplete(lastNo: number, placedUntil: Date): Problem {
  const name = 'feed-incomplete';
  const detail = `${lastNo} events have their number in the feed, those of orders placed until ${placedUntil.toISOString()}`;
  return new Problem(name, WEBHOOK_PROBLEMS[name], detail, {}, FEED_RETRY_AFTER);
}

export function replayInProgress(id: string): Problem {
  const name = 'replay-in-progress';
  const detail = `The webhook endpoint ${id} has a replay that is not finished`;
  return new Problem(name, WEBHOOK_PROBLEMS[name], detail, {}, RETRY_AFTER);
}
