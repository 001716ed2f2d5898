import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { MAX_CALLERS, RateLimitStore, WINDOW_MS } from './rate-limit-store.js';

afterEach(() => {
  jest.restoreAllMocks();
});

/** Counts one request. @returns how many there were, and what is left of the window */
function count(store: RateLimitStore, caller: string): { current: number; ttl: number } {
  let answer: { current: number; ttl: number } | undefined;
  store.incr(caller, (_error, result) => (answer = result));
  if (!answer) throw new Error('the store has not answered');
  return answer;
}

describe('the counts of requests', () => {
  it('are those of each caller, until the window ends', () => {
    const clock = jest.spyOn(performance, 'now').mockReturnValue(1_000);
    const store = new RateLimitStore();
    expect(count(store, 'a')).toEqual({ current: 1, ttl: WINDOW_MS });
    clock.mockReturnValue(1_000 + WINDOW_MS - 1);
    expect(count(store, 'a')).toEqual({ current: 2, ttl: 1 });
    expect(count(store, 'b').current).toBe(1);
    clock.mockReturnValue(1_000 + WINDOW_MS);
    expect(count(store, 'a')).toEqual({ current: 1, ttl: WINDOW_MS });
    expect(store.size).toBe(1);
  });

  it('are no more than there is memory for, and still limit those that come later', () => {
    const store = new RateLimitStore();
    for (let index = 0; index < MAX_CALLERS + 1_000; index += 1) count(store, `10.0.${index}`);
    expect(store.size).toBe(MAX_CALLERS + 1);
    expect(count(store, 'one more').current).toBe(1_001);
    expect(count(store, '10.0.7').current).toBe(2);
  });

  it('do not depend on a clock that can be set', () => {
    const store = new RateLimitStore();
    count(store, 'a');
    jest.spyOn(Date, 'now').mockReturnValue(0);
    expect(count(store, 'a').ttl).toBeLessThanOrEqual(WINDOW_MS);
  });
});
