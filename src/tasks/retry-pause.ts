import type { TaskPolicy } from './task-kind.js';

/** Jitter: tasks that failed together, as in an outage, do not retry together. */
const JITTER = 0.2;

/**
 * Exponential backoff with jitter: the pause before the next attempt, in milliseconds.
 *
 * @param attempts attempts that have failed, at least 1
 * @param limits the first and the longest pause, in milliseconds
 * @param random from 0 to 1
 */
export function retryPauseMs(
  attempts: number,
  { firstPauseMs, maxPauseMs }: Pick<TaskPolicy, 'firstPauseMs' | 'maxPauseMs'>,
  random = Math.random(),
): number {
  const pauseMs = Math.min(maxPauseMs, firstPauseMs * 2 ** (attempts - 1));
  return Math.round(pauseMs * (1 - JITTER * random));
}
