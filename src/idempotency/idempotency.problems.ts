import { Problem, RETRY_AFTER } from '../platform/http/problem.js';
import { defineProblemTypes } from '../platform/http/problems/problem-types.js';

const IDEMPOTENCY_PROBLEMS = defineProblemTypes({
  'idempotency-key-in-progress': {
    status: 409,
    title: 'Idempotency key in use',
    cause: 'Another request with the same `Idempotency-Key` is under way.',
    remedy: 'Send the same request again with the same `Idempotency-Key`, in a moment.',
  },
  'idempotency-key-reused': {
    status: 422,
    title: 'Idempotency key reused',
    cause: 'The `Idempotency-Key` belongs to a request with another body or another address.',
    remedy: 'Use a new key for every new order, and the same one only to repeat a request.',
  },
});

export type IdempotencyProblemName = keyof typeof IDEMPOTENCY_PROBLEMS;

export function keyInProgress(): Problem {
  const name = 'idempotency-key-in-progress';
  const detail =
    'The first request with this Idempotency-Key is still being processed; repeat the request later.';
  return new Problem(name, IDEMPOTENCY_PROBLEMS[name], detail, {}, RETRY_AFTER);
}

export function keyReused(): Problem {
  const name = 'idempotency-key-reused';
  return new Problem(name, IDEMPOTENCY_PROBLEMS[name], 'This Idempotency-Key was used for another request');
}
