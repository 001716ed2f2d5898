/** Pause after the first failed attempt; it doubles with every further one. */
const FIRST_PAUSE_MS = 1_000;

/** Jitter: tasks that failed together, as in an outage, do not retry together. */
const JITTER = 0.2;

/**
 * Exponential backoff with jitter: the pause before the next attempt, in milliseconds.
 *
 * @param attempts attempts that have failed, at least 1
 * @param maxPauseMs the longest pause
 * @param random from 0 to 1
 */
export function retryPauseMs(attempts: number, maxPauseMs: number, random = Math.random()): number {
  const pauseMs = Math.min(maxPauseMs, FIRST_PAUSE_MS * 2 ** (attempts - 1));
  return Math.round(pauseMs * (1 - JITTER * random));
}
