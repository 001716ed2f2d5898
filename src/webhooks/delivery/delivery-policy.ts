import type { TaskPolicy } from '../../tasks/task-kind.js';

/**
 * Attempts at a time of one endpoint on one instance. The adaptive limit begins at 16 and grows to it while the receiver is quick, so a
 * backlog drains at about a thousand a second: more attempts at a time share statements and transactions.
 */
export const MAX_CONCURRENT_ATTEMPTS = 64;

/**
 * The pauses double from 5 s to an hour; with the usual jitter these attempts last for three days. They last longer where many deliveries
 * wait for an endpoint whose circuit is open: it lets one attempt a second through, and each of them gets its turn later.
 */
export const MAX_ATTEMPTS = 90;

const FIRST_PAUSE_MS = 5_000;
const MAX_PAUSE_MS = 3_600_000;

/** One attempt with the statements around it: longer than an endpoint has for its answer. */
export const ATTEMPT_TIMEOUT_MS = 15_000;

/** A longer `Retry-After` would hold the event back for longer than a receiver can mean. */
export const MAX_RETRY_AFTER_MS = 86_400_000;

/** How the deliveries to each endpoint are retried. */
export const WEBHOOK_POLICY = {
  maxConcurrency: MAX_CONCURRENT_ATTEMPTS,
  attemptTimeoutMs: ATTEMPT_TIMEOUT_MS,
  maxAttempts: MAX_ATTEMPTS,
  firstPauseMs: FIRST_PAUSE_MS,
  maxPauseMs: MAX_PAUSE_MS,
  // `webhook_deliveries` has the history.
  isKept: false,
  label: 'webhook',
} as const satisfies Partial<TaskPolicy>;
